"""Running one instance: its exact path, its claims, and the solvers on it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from ldp_core.analysis.counterexamples.bregman_spiral import BregmanSpiral
from ldp_core.analysis.counterexamples.rectangle_cycle import build_rectangle_cycle
from ldp_core.analysis.counterexamples.request import StressRequest
from ldp_core.analysis.counterexamples.solvers import SOLVERS, Smooth, Trace
from ldp_core.analysis.counterexamples.worst_quadratic import WorstQuadratic
from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.progress import Progress, Step
from ldp_core.types import FloatArray

__all__ = ["StressRun", "predicted_seconds", "stress"]

_GRID, _REACH = 41, 2.0
_CONVEXITY_SAMPLES = 20_000
_ROUNDING = 1e-12
_SECONDS_PER_EXACT, _SECONDS_PER_SWING = 6e-6, (4e-6, 2.5e-5)
_SECONDS_PER_ITERATION: Mapping[str, tuple[float, int]] = {
    "exact_line_search": (3e-3, 10_000),
    "armijo": (2e-4, 10_000),
    "bfgs": (1e-3, 200),
    "lbfgs": (5e-3, 400),
}
"""Measured, with the most iterations that each of them took before it stopped by itself."""


@dataclass(frozen=True, eq=False)
class StressRun:
    """iterates (T + 1, 2) with values (T + 1,), in any unit, and their logarithms · gap: the last value, where the least is 0 ·
    claims: what was checked · exact: without rounding · solvers: traces with their gaps · diagnostics · beside: more columns of the path · contours.
    """

    iterates: FloatArray
    values: FloatArray
    log10_values: list[float | None]
    claims: Mapping[str, bool]
    exact: bool
    gap: float | None = None
    solvers: Mapping[str, tuple[Trace, float | None]] = field(default_factory=dict)
    diagnostics: Mapping[str, Any] = field(default_factory=dict)
    beside: Mapping[str, FloatArray] = field(default_factory=dict)
    contours: Mapping[str, Any] = field(default_factory=dict)


def predicted_seconds(request: StressRequest) -> float:
    """Exact arithmetic grows with the cube of the steps and the length of the numbers; solvers with their iterations."""
    chosen = request.chosen
    if request.instance == "bregman":
        return 0.05 + float(chosen.steps) * _SECONDS_PER_SWING[bool(chosen.r)]
    own = chosen.N if request.instance == "els" else chosen.steps
    iterations = {name: min(request.max_iterations, most) for name, (_, most) in _SECONDS_PER_ITERATION.items()}
    iterations["exact_line_search"] = own
    names = request.solvers or ("exact_line_search",)
    iterating = 0.05 + sum(_SECONDS_PER_ITERATION[name][0] * iterations[name] for name in names)
    if request.instance == "quadratic":
        return iterating
    length = math.log2(chosen.q.denominator * chosen.q.numerator) + 0.5 * math.log2(chosen.c.denominator)
    return iterating + float(_SECONDS_PER_EXACT * chosen.N**3 * (chosen.p / 4) ** 2 * (1 + length) ** 1.5)


def stress(request: StressRequest, progress: Progress) -> StressRun:
    """Build the instance, check its claims, run what was asked for."""
    if request.instance == "bregman":
        return _spiral(request, progress)
    if request.instance == "quadratic":
        function = WorstQuadratic(request.chosen.mu, request.chosen.L)
        rate = {"worst_rate": float(function.rate)}
        return _planar(request, function, function.start, request.chosen.steps, function.certificate(), rate, progress)
    return _cycle(request, progress)


def _cycle(request: StressRequest, progress: Progress) -> StressRun:
    chosen = request.chosen
    count = chosen.N + 1
    cycle = build_rectangle_cycle(
        chosen.N, chosen.p, chosen.q, chosen.c, lambda i: progress(Step(i, 2 * count, "exact points"))
    )
    claims = cycle.certificate(lambda i: progress(Step(count + i, 2 * count, "exact points")))
    corners = np.array([[float(z) for z in x] for x in cycle.points])
    if request.arithmetic == "rational":
        values = [cycle.value(x) for x in cycle.points]
        relative = np.array([float(value / values[0]) for value in values])  # these fit floats
        return StressRun(corners, relative, [_log10(value) for value in values], claims, exact=True)
    try:
        function = cycle.in_floats
        start_value = float(cycle.value(cycle.points[0]))
    except OverflowError as error:
        raise AnalysisError(
            "values of this function do not fit float64; take fewer steps or arithmetic = rational",
            code="out_of_range",
            field="params",
        ) from error
    about: dict[str, Any] = {"start_value": start_value}
    found = _planar(request, function, corners[0], chosen.N, claims, about, progress)
    if "exact_line_search" in found.solvers:
        followed = found.solvers["exact_line_search"][0].iterates
        about["distance_to_exact_path"] = float(np.abs(followed - corners[: len(followed)]).max())
    return found


def _log10(value: Fraction) -> float | None:
    return math.log10(value.numerator) - math.log10(value.denominator) if value > 0 else None


def _planar(
    request: StressRequest,
    function: Smooth,
    start: FloatArray,
    steps: int,
    claims: Mapping[str, bool],
    diagnostics: Mapping[str, Any],
    progress: Progress,
) -> StressRun:
    """Run the solvers from the start, or near it; the first of them is shown."""
    begin = start + request.perturb * np.random.default_rng(request.seed).standard_normal(2)
    solvers = {}
    for name in request.solvers or ("exact_line_search",):
        most = steps if name == "exact_line_search" else request.max_iterations
        with np.errstate(all="ignore"):  # a solver may leave the range of floats; its status says so
            trace = SOLVERS[name](function, begin, most, progress)
        solvers[name] = (trace, float(trace.values[-1]))  # the least value of both functions is 0
    trace, gap = next(iter(solvers.values()))
    return StressRun(
        trace.iterates,
        trace.values,
        _logs(trace.values),
        claims,
        exact=True,
        gap=gap,
        solvers=solvers,
        diagnostics=diagnostics,
        contours=_contours(function, trace.iterates),
    )


def _logs(values: FloatArray) -> list[float | None]:
    return [math.log10(value) if 0 < value < math.inf else None for value in values.tolist()]


def _contours(function: Smooth, iterates: FloatArray) -> Mapping[str, Any]:
    """log10 f on a square that holds the path."""
    reach = max(_REACH, 1.1 * float(np.abs(iterates[np.isfinite(iterates).all(axis=1)]).max()))
    axis = np.linspace(-reach, reach, _GRID)
    grid = np.array([(x, y) for x in axis for y in axis])
    with np.errstate(all="ignore"):
        values = np.array([function.value(point) for point in grid])
    return {"x1": grid[:, 0], "x2": grid[:, 1], "f_log10": _logs(values)}


def _spiral(request: StressRequest, progress: Progress) -> StressRun:
    chosen = request.chosen
    spiral = BregmanSpiral(chosen.A, chosen.w, chosen.r)
    x = spiral.run(chosen.steps, progress)
    slopes = spiral.gradient_of_reference(x)
    # each step must raise the first slope of the reference by -beta and leave the second; rounding grows with the slope
    missed = np.abs(np.diff(slopes, axis=0) + np.array([spiral.beta, 0.0])) / np.maximum(1, np.abs(slopes[1:, :1]))
    kept = float(np.ptp(x[:, 1] - spiral.middle(x[:, 0])))
    rng = np.random.default_rng(request.seed)
    samples = np.stack(
        [np.exp(rng.uniform(-15, 5, _CONVEXITY_SAMPLES)), rng.uniform(-20, 20, _CONVEXITY_SAMPLES)], axis=1
    )
    curvature = float(spiral.least_scaled_curvature(samples).min())
    beside = {"closed_form": spiral.middle(1 / np.arange(1.0, chosen.steps + 2))} if chosen.r == 0 else {}
    return StressRun(
        x,
        x[:, 0],
        _logs(x[:, 0]),
        {
            "steps_solve_the_mirror_equation": bool(missed.max() <= _ROUNDING),
            "offset_is_kept": kept <= _ROUNDING * max(1.0, chosen.A, abs(chosen.r)),
            "reference_is_convex": curvature > 0,
        },
        exact=False,
        diagnostics={
            "largest_residual": float(missed.max()),
            "offset_range": kept,
            "least_scaled_curvature": curvature,
        },
        beside=beside,
    )
