"""Cost matrices on which a factor of p columns gets stuck: for teaching, and for testing any solver that takes thin factors."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import choice, integer, real, request_from_json
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.analysis.result import AnalysisResult, Series
from ldp_core.analysis.semidefinite.bad_points import BadFamily, doubled, drawn, pentagon, secant_margin
from ldp_core.analysis.semidefinite.certificate import certify
from ldp_core.analysis.semidefinite.landscape import hessian_spectrum, least_strict_t
from ldp_core.analysis.semidefinite.objectives import Linear
from ldp_core.analysis.semidefinite.scaling import power_of_two
from ldp_core.analysis.semidefinite.staircase import climb
from ldp_core.analysis.semidefinite.theory import guaranteed_rank, is_guaranteed
from ldp_core.analysis.semidefinite.unit_rows import gauge_dimension, random_rows
from ldp_core.types import FloatArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "BadInstanceRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "sdp/bad-instance"
TITLE = "Where thin factors get stuck"
QUESTION = "What does a problem look like on which a factor of p columns ends at a point that is not the best?"
EXAMPLE: Mapping[str, Any] = {"kind": "pentagon", "t": 10, "starts": 40}
VERDICTS: Mapping[str, str] = {
    "strict_minimum": "U is a strict local minimum up to rotation, and its value is above the optimum: descent ends there from near it.",
    "degenerate": "No direction descends to second order, but directions besides rotations are flat.",
    "saddle": "Some direction descends from U, so a second-order method leaves it.",
}
_KINDS = ("pentagon", "drawn", "doubled")
LARGEST = 1250
"""Most rows times columns."""

SCHEMA: Mapping[str, Any] = schema.request(
    {
        "kind": schema.one_of(
            "Kind",
            "pentagon (n = 5, p = 2), drawn (random rows) or doubled (n = 2p, every axis and its opposite)",
            _KINDS,
            "drawn",
        ),
        "n": schema.optional(
            schema.integer(
                "Rows",
                "for drawn, at least 2p; null: p(p + 3)/2, the fewest for which a strict minimum exists",
                3,
                LARGEST,
            )
        ),
        "p": schema.integer("Columns", "of the factor", 2, LARGEST, 2),
        "t": schema.optional(
            schema.number(
                "Lift",
                "weight of the part of C that U does not see; null: twice the least for a strict minimum, else 10",
                0,
                1e9,
            )
        ),
        "starts": schema.integer("Starts", "random factors of p and of p + 1 columns to descend from", 0, 2000, 0),
        "seed": schema.seed(),
    }
)

_LONGEST_SECONDS = 3600.0
_TOLERANCE = 1e-9
_ZERO = 1e-9
_SPURIOUS = 1e-7


@dataclass(frozen=True)
class BadInstanceRequest:
    """kind: pentagon, drawn or doubled · n, p: size of U · t: weight of the part of C that U does not see, None to have it chosen ·
    starts: descents tried at p and p + 1 columns · seed.

    Raises AnalysisError or TooLargeError.
    """

    kind: str = "drawn"
    n: int | None = None
    p: int = 2
    t: float | None = None
    starts: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        choice("kind", self.kind, _KINDS)
        values = {
            "p": integer("p", self.p, 2, LARGEST),
            "t": None if self.t is None else real("t", self.t, 0, 1e9),
            "starts": integer("starts", self.starts, 0, 2000),
            "seed": integer("seed", self.seed, 0, 2**63 - 1),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "n", self._rows())
        if self.rows * self.p > LARGEST:
            raise TooLargeError(f"n times p must be at most {LARGEST}, got {self.rows} times {self.p}", field="n")
        if predicted_seconds(self) > _LONGEST_SECONDS:
            raise TooLargeError(
                f"this would take about {predicted_seconds(self):.0f} s; take fewer starts", field="starts"
            )

    def _rows(self) -> int:
        own = {"pentagon": 5, "doubled": 2 * self.p, "drawn": self.p * (self.p + 3) // 2}[self.kind]
        if self.kind == "pentagon" and self.p != 2:
            raise AnalysisError(f"the pentagon has p = 2, got {self.p}", code="out_of_range", field="p")
        if self.n is None:
            return own
        if self.kind == "drawn":
            return integer("n", self.n, max(3, 2 * self.p), LARGEST)
        return integer("n", self.n, own, own)

    @property
    def rows(self) -> int:
        """n, whether it was given or not."""
        assert self.n is not None
        return self.n


def from_json(body: object) -> BadInstanceRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(BadInstanceRequest, body)


def predicted_seconds(request: BadInstanceRequest) -> float:
    """Expected duration on one core: forty linear programs, three eigendecompositions of the Hessian, and the descents."""
    n, p = request.rows, request.p
    return 0.05 + 0.004 * n + 4e-10 * (n * p) ** 3 + request.starts * (0.012 + 1e-4 * n * p)


def run(request: BadInstanceRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Build the instance, and show by its Hessian and from random starts that U is what its kind promises."""
    family = _family(request)
    least = least_strict_t(family)
    t = request.t if request.t is not None else 2 * least if least is not None else 10.0
    C = family.cost(t)
    spectrum = hessian_spectrum(family, t)
    stuck = {str(p): _stuck(C, p, request, progress) for p in (request.p, request.p + 1)} if request.starts else {}
    best = certify(Linear(C), np.ones((len(C), 1)))
    at_U = certify(Linear(C), family.U)
    return AnalysisResult(
        method=METHOD,
        params_effective={f.name: getattr(request, f.name) for f in fields(request)} | {"t": t},
        seed=request.seed,
        verdict=_verdict(spectrum, request.p),
        result={
            "C": C,
            "U": family.U,
            "value": family.value,
            "optimum": family.optimum,
            "optimum_gap": best.gap,
            "hessian_spectrum": spectrum,
            "secant_margin": secant_margin(family.U),
            "least_strict_t": least,
            "stuck": stuck,
        },
        diagnostics={
            "riemannian_gradient_norm": 2 * float(np.linalg.norm((C - np.diag(at_U.y)) @ family.U)),
            "lambda_min_S": at_U.lambda_min,
            "gap": at_U.gap,
            "rotations": gauge_dimension(request.p),
            "theory": {
                "m": request.rows,
                "p_guarantee": guaranteed_rank(request.rows),
                "p_used_guaranteed": is_guaranteed(request.rows, request.p),
            },
        },
        series={"hessian": _spectrum_series(spectrum)},
    )


def _spectrum_series(spectrum: FloatArray) -> Series:
    columns: dict[str, Any] = {"place": np.arange(1, len(spectrum) + 1), "eigenvalue": spectrum}
    return Series(columns, "place", "place from the smallest", "eigenvalue of the Hessian at U")


def _family(request: BadInstanceRequest) -> BadFamily:
    if request.kind == "pentagon":
        return pentagon()
    if request.kind == "doubled":
        return doubled(request.p)
    found = drawn(request.rows, request.p, request.seed)
    if found is None:
        raise AnalysisError(
            f"no random draw of {request.rows} rows in {request.p} dimensions was balanced; take more rows or another seed",
            code="no_balanced_draw",
            field="n",
        )
    return found


def _verdict(spectrum: FloatArray, p: int) -> str:
    zero = _ZERO * float(np.abs(spectrum).max())
    if spectrum[0] < -zero:
        return "saddle"
    return "degenerate" if int(np.sum(spectrum <= zero)) > gauge_dimension(p) else "strict_minimum"


def _stuck(C: FloatArray, p: int, request: BadInstanceRequest, progress: Progress) -> int:
    """How many random starts of p columns end at a critical point that is not optimal."""
    rng = np.random.default_rng([request.seed, p])
    scale = power_of_two(C)
    objective, found = Linear(C / scale), 0
    for start in range(request.starts):
        found += climb(objective, random_rows(len(C), p, rng), p, _TOLERANCE, silent).spurious(_SPURIOUS)
        progress(Step(start + 1, request.starts, f"starts at rank {p}", "stuck", float(found)))
    return found
