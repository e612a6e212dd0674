"""The derivative of a function with kinks, as a set, and what it means for an error bar.

Programs are in `program`, the hull in `hull`, error bars in `error_bar`; what the verdicts mean is in docs/analysis/nonsmooth.md.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.nonsmooth.derivative_report import (
    Findings,
    diagnostics_json,
    near_kinks,
    result_json,
    series,
    warnings,
)
from ldp_core.analysis.nonsmooth.error_bar import ErrorBar, error_bar
from ldp_core.analysis.nonsmooth.evaluation import Tape, evaluate
from ldp_core.analysis.nonsmooth.hull import Hull, derivative_hull, distance_from_origin
from ldp_core.analysis.nonsmooth.neighbourhood import Neighbourhood, explore
from ldp_core.analysis.nonsmooth.request import DerivativeRequest, from_json
from ldp_core.analysis.nonsmooth.schema import SCHEMA
from ldp_core.analysis.progress import Progress, silent
from ldp_core.analysis.result import AnalysisResult
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
_SECONDS_PER_NODE, _SECONDS_PER_ELEMENT, _SECONDS_PER_OPERATION = 8e-5, 8e-8, 9e-9
_CURVE = 81
_ARTIFICIAL, _ZERO = 1e-3, 1e-9


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
    found = _find(request, progress)
    return AnalysisResult(
        method=METHOD,
        params_effective=request.parameters,
        seed=request.nearby.seed,
        verdict=_verdict(request, found),
        result=result_json(request, found),
        diagnostics=diagnostics_json(request, found),
        warnings=warnings(found),
        series=series(request, found),
    )


def _find(request: DerivativeRequest, progress: Progress) -> Findings:
    rng = np.random.default_rng(request.nearby.seed)
    tape = evaluate(request.parsed, request.point, request.ties.tol)
    gradient = _finite(tape.gradients(tape.convention(request.ties.policy))[0] + 0.0)  # no negative zeros
    hull = derivative_hull(tape, rng, progress)
    _finite(np.concatenate([hull.lower, hull.upper]))
    around = explore(tape, _steps(request, rng), request.ties.policy, progress)
    bar = _error_bar(request, tape, gradient, hull, around)
    raw = None if bar is None else _raw_error(request)
    return Findings(tape, gradient, hull, around, bar, raw, _artificial(tape, gradient, hull, around))


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


def _verdict(request: DerivativeRequest, found: Findings) -> str:
    if not request.parsed.continuous:
        return "discontinuous"
    if found.artificial:
        return "artificial_critical_point"
    if found.tape.ties:
        return "set_valued"
    return "near_kink" if near_kinks(request, found) else "unique"
