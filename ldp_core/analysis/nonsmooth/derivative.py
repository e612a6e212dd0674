"""The derivative of a function with kinks, as a set, and what it means for an error bar.

Programs are in `program`, the hull in `hull`, error bars in `error_bar`; what the verdicts mean is in docs/analysis/nonsmooth.md.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.nonsmooth.error_bar import ErrorBar, error_bar
from ldp_core.analysis.nonsmooth.evaluation import Tape, evaluate
from ldp_core.analysis.nonsmooth.hull import MOST_VERTICES, Hull, derivative_hull, distance_from_origin
from ldp_core.analysis.nonsmooth.neighbourhood import Neighbourhood, explore
from ldp_core.analysis.nonsmooth.request import DerivativeRequest, from_json
from ldp_core.analysis.nonsmooth.schema import SCHEMA
from ldp_core.analysis.nonsmooth.through_kink import through_kink
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
    "DerivativeRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "nonsmooth-derivative"
TITLE = "Derivatives at kinks"
QUESTION = "How uncertain is a number computed from a histogram, when the computation has kinks and one derivative does not tell?"
EXAMPLE: Mapping[str, Any] = {
    "bind": {
        "counts": [310, 150, 160, 170, 380, 390, 400, 140, 150, 145, 160, 155, 150],
        "mechanism": {
            "name": "projective_geometry",
            "epsilon": "1.386",
            "domain_size": 13,
            "parameters": {"q": 3, "t": 3},
        },
        "post": "norm_sub",
    },
    "functional": {"name": "total_variation"},
}
VERDICTS: Mapping[str, str] = {
    "unique": "One derivative exists here, and no kink lies within reach of the neighbourhood.",
    "near_kink": "One derivative exists here, but a kink lies within reach: nearby points have other derivatives.",
    "set_valued": "The point lies on a kink; every derivative in the hull is a possible answer of automatic differentiation.",
    "artificial_critical_point": "Zero is a possible answer here although the function rises and falls through this point.",
    "discontinuous": "The function jumps somewhere, so derivatives say nothing about errors.",
}

_MOST_SECONDS = 3600.0
_MOST_LISTED = 200
_MOST_VERTICES_LISTED = 200_000
_ARTIFICIAL = 1e-3
_ZERO = 1e-9
_SECONDS_PER_NODE, _SECONDS_PER_ELEMENT, _SECONDS_PER_OPERATION = 8e-5, 8e-8, 9e-9
_CURVE = 81


def predicted_seconds(request: DerivativeRequest) -> float:
    """Evaluations times nodes and elements, and a transform for each sample of a histogram."""
    nodes = len(request.parsed.nodes)
    size = sum(len(numbers) for numbers in request.point.values())
    samples = request.nearby.samples
    one = nodes * (_SECONDS_PER_NODE + _SECONDS_PER_ELEMENT * size)
    transform = request.histogram.transform_cost if request.histogram is not None else 0
    return 0.05 + (samples + _CURVE) * one + (samples + 2) * _SECONDS_PER_OPERATION * transform


def run(request: DerivativeRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Value, the gradient that automatic differentiation gives, the hull of all, and the error bar where noise is known."""
    if predicted_seconds(request) > _MOST_SECONDS:
        raise TooLargeError(
            f"this would take about {predicted_seconds(request):.0f} s; take fewer samples or a shorter program",
            field="neighbourhood",
        )
    settings, tie = request.nearby, request.ties
    rng = np.random.default_rng(settings.seed)
    tape = evaluate(request.parsed, request.point, tie.tol)
    gradient = _finite(tape.gradients(tape.convention(tie.policy))[0] + 0.0)
    hull = derivative_hull(tape, rng, progress)
    _finite(np.concatenate([hull.lower, hull.upper]))
    around = explore(tape, _steps(request, rng), tie.policy, progress)
    bar = _error_bar(request, tape, gradient, hull, around)
    artificial = _artificial(tape, gradient, hull, around)
    near = _near_kinks(request, tape, around)
    return AnalysisResult(
        method=METHOD,
        params_effective=request.parameters,
        seed=settings.seed,
        verdict=_verdict(request, tape, artificial, near),
        result={
            "value": tape.value,
            "gradient_ad": gradient,
            "ties": [_tie_json(placed.node.out, placed.node.op, placed.tie) for placed in tape.ties[:_MOST_LISTED]],
            "ties_in_all": len(tape.ties),
            "hull": _hull_json(request, hull),
            "artificial_critical_point": artificial,
            "error_bar": None if bar is None else {**bar.to_json(), "se_raw": _raw_error(request)},
        },
        diagnostics={
            "least_kink_distance": float(np.abs(tape.kinks).min()) if len(tape.kinks) else None,
            "near_kinks": near[:_MOST_LISTED],
            "near_kinks_in_all": len(near),
            "jump_distance": tape.jump if np.isfinite(tape.jump) else None,
            "clarke_sample": {
                "n": len(around.values),
                "failed": around.failed,
                "min_norm": around.min_norm if len(around.values) else None,
                "ad_in_sampled_hull": around.holds(gradient),
            },
        },
        warnings=_warnings(hull, around, bar),
        series=_series(request, tape, hull, bar),
    )


def _finite(gradient: FloatArray) -> FloatArray:
    if not np.isfinite(gradient).all():
        raise AnalysisError(
            "a derivative is infinite or undefined here, as that of sqrt at 0", code="non_finite", field="program"
        )
    return gradient


def _steps(request: DerivativeRequest, rng: np.random.Generator) -> FloatArray:
    """Where to look around the point.  -> (S, P)"""
    settings = request.nearby
    if request.noise is not None:
        return settings.sigmas * request.noise.draws(rng, settings.samples)
    flat = np.concatenate(list(request.point.values()))
    # far enough to leave what counts as the kink
    scale: FloatArray = np.maximum(settings.radius * np.maximum(1, np.abs(flat)), 2 * request.ties.tol)
    return rng.standard_normal((settings.samples, len(flat))) * scale


def _error_bar(
    request: DerivativeRequest, tape: Tape, gradient: FloatArray, hull: Hull, around: Neighbourhood
) -> ErrorBar | None:
    if request.noise is None or not request.parsed.continuous:
        return None
    return error_bar(
        tape.value,
        gradient,
        hull.vertices,
        around,
        request.noise,
        sigmas=request.nearby.sigmas,
        jump=tape.jump,
        confidence=request.confidence,
    )


def _raw_error(request: DerivativeRequest) -> float | None:
    """The error of the same function of the estimates as they are; None where that function has none."""
    if request.noise is None:
        return None
    try:
        tape = evaluate(request.raw or request.parsed, request.point)
        gradient = _finite(tape.gradients(tape.convention(0.0))[0])
    except AnalysisError:
        return None
    return float(np.sqrt(request.noise.variances(gradient[None, :])[0]))


def _artificial(tape: Tape, gradient: FloatArray, hull: Hull, around: Neighbourhood) -> bool:
    """Is 0 in the hull, though no mean of derivatives nearby is?"""
    if not tape.ties or not len(around.values):
        return False
    longest = float(np.linalg.norm(hull.vertices, axis=1).max())
    inside = bool((hull.lower <= 0).all() and (hull.upper >= 0).all())
    zero = bool((gradient == 0).all()) or (inside and distance_from_origin(hull.vertices) <= _ZERO * longest)
    return zero and around.min_norm > _ARTIFICIAL * longest


def _near_kinks(request: DerivativeRequest, tape: Tape, around: Neighbourhood) -> list[dict[str, Any]]:
    """Kinks that the neighbourhood reaches, nearest first."""
    sigmas = request.nearby.sigmas
    unit = around.kink_deviations / sigmas if request.noise is not None else around.kink_deviations
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(unit > 0, np.abs(tape.kinks) / unit, np.inf)
    owners = [(node, element) for node, size in tape.kink_nodes for element in range(size)]
    reached = [i for i in np.argsort(distance, kind="stable").tolist() if distance[i] <= max(sigmas, 1.0)]
    return [
        {
            "node": owners[i][0].out,
            "op": owners[i][0].op,
            "element": owners[i][1],
            "kink_distance": float(abs(tape.kinks[i])),
            "in_sigmas": float(distance[i]),
        }
        for i in reached
    ]


def _verdict(request: DerivativeRequest, tape: Tape, artificial: bool, near: list[dict[str, Any]]) -> str:
    if not request.parsed.continuous:
        return "discontinuous"
    if artificial:
        return "artificial_critical_point"
    if tape.ties:
        return "set_valued"
    return "near_kink" if near else "unique"


def _tie_json(node: str, op: str, tie: Any) -> dict[str, Any]:
    return {
        "node": node,
        "op": op,
        "elements": list(tie.members[:_MOST_LISTED]),
        "choices": [int(digit) for digit in tie.digits[:_MOST_LISTED]],
        "kink_distance": tie.distance,
    }


def _hull_json(request: DerivativeRequest, hull: Hull) -> dict[str, Any]:
    body: dict[str, Any] = {
        "exact": hull.exact,
        "n_vertices": hull.corners if hull.corners <= MOST_VERTICES else None,
        "vertices_used": len(hull.vertices),
        "lower": hull.lower,
        "upper": hull.upper,
    }
    if request.vertices:
        shown = max(1, _MOST_VERTICES_LISTED // hull.vertices.shape[1])
        body["vertices"] = np.unique(hull.vertices, axis=0)[:shown]
    return body


def _warnings(hull: Hull, around: Neighbourhood, bar: ErrorBar | None) -> tuple[str, ...]:
    told = {
        "hull_not_exact": not hull.exact,
        "samples_failed": around.failed > 0,
        "error_bar_not_reliable": bar is not None and not bar.reliable,
        "jump_near": bar is not None and bar.jump_near,
    }
    return tuple(code for code, said in told.items() if said)


def _series(request: DerivativeRequest, tape: Tape, hull: Hull, bar: ErrorBar | None) -> dict[str, Series]:
    series = {"through_kink": through_kink(tape, hull, request.noise)}
    if bar is not None:
        kinds = {"ad": bar.se_ad, "sup": bar.se_sup, "redrawn": bar.se_redrawn, "raw": _raw_error(request)}
        shown = {kind: error for kind, error in kinds.items() if error is not None}
        columns: dict[str, Any] = {
            "kind": list(shown),
            "value": [bar.value] * len(shown),
            "standard_error": list(shown.values()),
        }
        series["error_bar"] = Series(columns, "kind", "how the error was found", "value with standard error")
    if request.histogram is not None:
        after = tape.values["f"].numbers
        items: dict[str, Any] = {
            "item": np.arange(len(after)),
            "estimate": request.histogram.frequencies,
            "after": after,
            "influence_low": hull.lower,
            "influence_high": hull.upper,
        }
        series["items"] = Series(items, "item", "item", "share, and the derivative towards it")
    return series
