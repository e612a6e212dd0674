"""A smooth convex function of the plane with given sublevel sets, evaluated where asked: test functions on demand.

The construction and its proof of convexity are in `level_sets`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.counterexamples.level_sets import LevelSets, interpolate_level_sets
from ldp_core.analysis.counterexamples.support_curves import ANGLES, FAR, boundary, curvature_radii, support_function
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array, integer, request_from_json
from ldp_core.analysis.progress import Progress, silent
from ldp_core.analysis.result import AnalysisResult, Series
from ldp_core.types import FloatArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "InterpolantRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "convex-interpolant"
TITLE = "Convex functions from level sets"
QUESTION = "Is there a smooth convex function with these sets as its level sets, and what are its values?"
EXAMPLE: Mapping[str, Any] = {
    "sets": [
        {"type": "ellipse", "a": 1, "b": 0.7},
        {"type": "ellipse", "a": 1.5, "b": 1.1, "rot": 0.5},
        {"type": "ellipse", "a": 2.2, "b": 1.7, "rot": 1.1},
    ],
    "eval": [[1.2, 0.3], [0.0, 1.5]],
    "chords": 100,
}
VERDICTS: Mapping[str, str] = {
    "convex": "The function was built, and no midpoint of the chords that were tried lies above them.",
    "not_convex": "Some midpoint lies above its chord: the sets are too fine for the 1440 angles that were used.",
}

_MOST_SETS, _MOST_POINTS, _MOST_CHORDS = 12, 5000, 5000
_PER_SET = 90
_SECONDS_PER_POINT = 1.2e-3

SCHEMA: Mapping[str, Any] = schema.request(
    {
        "sets": {
            "type": "array",
            "title": "Sets",
            "description": "from the inside out: ellipses, or samples of support functions at evenly spaced angles from 0",
            "minItems": 2,
            "maxItems": _MOST_SETS,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["type"],
                "properties": {
                    "type": schema.one_of("Kind", "which of the two", ("ellipse", "support")),
                    "a": schema.number("Half axis", "along rot", 0, FAR, above=True),
                    "b": schema.number("Half axis", "across", 0, FAR, above=True),
                    "rot": schema.number("Angle", "of the first axis, in radians", -FAR, FAR, 0.0),
                    "cx": schema.number("Centre", "first coordinate", -FAR, FAR, 0.0),
                    "cy": schema.number("Centre", "second coordinate", -FAR, FAR, 0.0),
                    "values": schema.numbers("Support function", "its samples", minItems=16, maxItems=ANGLES),
                },
            },
        },
        "k": schema.integer("Smoothness", "how often the function is continuously differentiable, at least", 1, 8, 3),
        "eval": schema.rows("Points", "where values are wanted, pairs of numbers", maxItems=_MOST_POINTS, default=[]),
        "chords": schema.integer("Chords", "random chords on whose midpoints convexity is tried", 0, _MOST_CHORDS, 300),
        "seed": schema.seed(),
    },
    required=("sets",),
)


@dataclass(frozen=True, eq=False)
class InterpolantRequest:
    """sets: from the inside out, see `support_curves` · k: smoothness · eval: points (P, 2) · chords: tried for convexity · seed: of the chords.

    Raises AnalysisError, `not_nested` and `not_strictly_convex` among its codes, or TooLargeError.
    """

    sets: Sequence[Mapping[str, Any]]
    k: int = 3
    eval: Sequence[Sequence[float]] = ()
    chords: int = 300
    seed: int = 0
    supports: tuple[FloatArray, ...] = field(init=False, repr=False)
    points: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name, low, high in (("k", 1, 8), ("chords", 0, _MOST_CHORDS), ("seed", 0, 2**63 - 1)):
            object.__setattr__(self, name, integer(name, getattr(self, name), low, high))
        if isinstance(self.sets, str) or not isinstance(self.sets, Sequence):
            raise AnalysisError("sets must be a list of at least two sets", code="wrong_type", field="sets")
        if len(self.sets) > _MOST_SETS:
            raise TooLargeError(f"at most {_MOST_SETS} sets, got {len(self.sets)}", field="sets")
        if len(self.sets) < 2:
            raise AnalysisError(f"at least two sets are needed, got {len(self.sets)}", code="wrong_shape", field="sets")
        object.__setattr__(self, "points", _points(self.eval))
        supports = tuple(support_function(f"sets[{i}]", described) for i, described in enumerate(self.sets))
        object.__setattr__(self, "supports", supports)


def _points(given: object) -> FloatArray:
    """-> (P, 2)"""
    if isinstance(given, Sequence | np.ndarray) and not isinstance(given, str):
        if len(given) > _MOST_POINTS:
            raise TooLargeError(f"at most {_MOST_POINTS} points, got {len(given)}", field="eval")
        if not len(given):
            return np.zeros((0, 2))
    points = array("eval", given, 2)
    if points.shape[1] != 2 or np.abs(points).max() > FAR:
        raise AnalysisError(
            f"eval must be pairs of numbers up to {FAR:g}, got shape {points.shape}", code="wrong_shape", field="eval"
        )
    return points


def from_json(body: object) -> InterpolantRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(InterpolantRequest, body)


def predicted_seconds(request: InterpolantRequest) -> float:
    """Points to be evaluated: those asked for, three for each chord, and those of the boundaries."""
    return 0.05 + _SECONDS_PER_POINT * (len(request.points) + 3 * request.chords + _PER_SET * len(request.supports))


def run(request: InterpolantRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Build the function, evaluate it, and try its convexity on random chords."""
    function = interpolate_level_sets(request.supports, request.k)
    values, where = function.evaluate(request.points, progress)
    violations = function.midpoint_violations(np.random.default_rng(request.seed), request.chords, progress)
    sigma = function.supports
    return AnalysisResult(
        method=METHOD,
        params_effective={
            "sets": request.sets,
            "k": request.k,
            "eval": request.points,
            "chords": request.chords,
            "seed": request.seed,
        },
        seed=request.seed,
        verdict="not_convex" if violations else "convex",
        result={
            "levels": function.levels,
            "values": [None if code else float(value) for value, code in zip(values, where, strict=True)],
            "where": [("inside_first", "between", "outside_last")[code + 1] for code in where.tolist()],
            "K": function.rate,
            "c": function.speed,
            "nested_margin": float(np.diff(sigma, axis=0).min()),
            "min_curvature_radius": min(float(curvature_radii(row).min()) for row in sigma),
            "midpoint_violations": violations,
        },
        diagnostics={"level_error": _level_error(function, progress), "chords": request.chords},
        series={"boundaries": _boundaries(function)},
    )


def _level_error(function: LevelSets, progress: Progress) -> float:
    """How far the function, at points of the given boundaries, is from their levels, in units of one set to the next."""
    points, levels = function.boundaries(_PER_SET)
    found, where = function.evaluate(points, progress)
    s = [np.log1p(function.rate * f) / function.rate for f in (found[where == 0], levels[where == 0])]
    return float(np.abs(s[0] - s[1]).max())


def _boundaries(function: LevelSets) -> Series:
    """Closed curves at the given levels and half way between, for a contour plot."""
    s = np.arange(2 * len(function.supports) - 1) / 2
    sigma, _ = function.support(s)
    step = ANGLES // _PER_SET
    curves = [np.vstack([points, points[:1]]) for points in (boundary(row)[::step] for row in sigma)]
    columns: dict[str, Any] = {
        "level": np.repeat(function.of_level(s), _PER_SET + 1),
        "x": np.concatenate(curves)[:, 0],
        "y": np.concatenate(curves)[:, 1],
    }
    return Series(columns, "x", "x", "level sets")
