"""The maximum likelihood histogram of a collection, with a certificate of how far from the best it can be at most.

The likelihood is in `likelihood`, the descents in `interior_point`, `descents` and `stochastic`; what the verdicts mean is in
docs/analysis/lojasiewicz.md.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.fields import choice, integer, real, request_from_json
from ldp_core.analysis.histogram import HISTOGRAM_PROPERTIES
from ldp_core.analysis.lojasiewicz.curvature import extreme_tangent_curvatures, relative_curvature
from ldp_core.analysis.lojasiewicz.descents import UPDATES, descend, safe_step
from ldp_core.analysis.lojasiewicz.exponent import ExponentFit, TraceColumns, fit_exponent
from ldp_core.analysis.lojasiewicz.exponent_report import report
from ldp_core.analysis.lojasiewicz.inputs import (
    MECHANISM_SCHEMA,
    Source,
    channel_of,
    checked_counts,
    checked_source,
    described,
    limit_seconds,
    pair_seconds,
)
from ldp_core.analysis.lojasiewicz.interior_point import interior_point
from ldp_core.analysis.lojasiewicz.likelihood import Likelihood
from ldp_core.analysis.lojasiewicz.path import Path, Point, rounding, walk
from ldp_core.analysis.lojasiewicz.stochastic import sampled_descent
from ldp_core.analysis.lojasiewicz.trace_series import descent_series, exponent_series
from ldp_core.analysis.progress import Progress, silent
from ldp_core.analysis.result import AnalysisResult, Series
from ldp_core.types import Counts, FloatArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "FitRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "lojasiewicz/fit"
TITLE = "Maximum likelihood histogram"
QUESTION = "Which histogram makes the collected messages most likely, and how far from the best is it at most?"

ALGORITHMS = ("newton", *UPDATES, "psgd")
NEWTON_STEPS = 100
REFERENCE_GAP = 1e-12
ZERO = 1e-6
FLAT = 1e-5
FAR_FROM_REFERENCE = 100
"""Rows of the trace closer to the least value than this many times the reference's own gap do not count for the exponent."""

SCHEMA: Mapping[str, Any] = schema.request(
    {
        **HISTOGRAM_PROPERTIES,
        "mechanism": MECHANISM_SCHEMA,
        "algorithm": schema.one_of(
            "Algorithm", "newton gives the answer; the others show how descents behave on it", ALGORITHMS, "newton"
        ),
        "max_iter": schema.integer("Iterations", "at most so many; newton takes at most 100", 1, 1_000_000, 20_000),
        "tol_gap": schema.number("Gap", "the certificate that ends the descent", REFERENCE_GAP, 1, 1e-7),
        "step": schema.optional(
            schema.number(
                "Step", "of mirror and softmax_gd; left out, the longest that is proven safe", 0, 1e6, above=True
            )
        ),
        "batch": schema.integer("Batch", "reports drawn for a step of psgd", 1, 100_000, 20),
        "seed": schema.seed(),
    },
    required=("mechanism", "counts"),
)

EXAMPLE: Mapping[str, Any] = {
    "mechanism": {"name": "projective_geometry", "epsilon": "1", "domain_size": 7, "parameters": {"q": 2, "t": 3}},
    "counts": [412, 340, 305, 297, 331, 289, 326],
    "algorithm": "em",
}

VERDICTS: Mapping[str, str] = {
    "certified": "The gap is at most tol_gap: no histogram makes the messages more likely by more than that per report.",
    "certified_flat": "Certified, but in some direction the likelihood is flat here: other histograms may fit equally well.",
    "not_certified": "The iterations ended before the gap reached tol_gap; the gap that is given still holds.",
}

_SECONDS_PER_STEP = 8e-5
_NEWTON_PRODUCTS, _CURVATURE_PRODUCTS = 900, 400


@dataclass(frozen=True, eq=False)
class FitRequest:
    """mechanism: one that counts messages, a MatrixChannel, or the description of either · counts: (N,) of the messages · n: their
    sum, if given · algorithm: one of ALGORITHMS · max_iter, tol_gap: when to stop · step: of mirror and softmax_gd, None for the safe one · batch, seed: of psgd.

    Raises AnalysisError, and TooLargeError before memory or time is taken.
    """

    mechanism: Source
    counts: Counts
    n: int | None = None
    algorithm: str = "newton"
    max_iter: int = 20_000
    tol_gap: float = 1e-7
    step: float | None = None
    batch: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        choice("algorithm", self.algorithm, ALGORITHMS)
        for name, low, high in (("max_iter", 1, 1_000_000), ("batch", 1, 100_000), ("seed", 0, 2**63 - 1)):
            object.__setattr__(self, name, integer(name, getattr(self, name), low, high))
        object.__setattr__(self, "tol_gap", real("tol_gap", self.tol_gap, REFERENCE_GAP, 1))
        if self.step is not None:
            object.__setattr__(self, "step", real("step", self.step, 0, 1e6, above=True))
            if self.algorithm not in {"mirror", "softmax_gd"}:
                raise AnalysisError(
                    f"step is only for mirror and softmax_gd; {self.algorithm} has its own",
                    code="unknown_field",
                    field="step",
                )
        object.__setattr__(self, "mechanism", checked_source(self.mechanism))
        object.__setattr__(self, "counts", checked_counts(self.counts, self.mechanism, self.n))
        limit_seconds(predicted_seconds(self), "max_iter", "lower max_iter or take newton")


def from_json(body: object) -> FitRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(FitRequest, body)


def predicted_seconds(request: FitRequest) -> float:
    """Expected duration on one core: products with the channel, and some time a step."""
    pair = pair_seconds(request.mechanism)
    others = (_NEWTON_PRODUCTS + _CURVATURE_PRODUCTS) * pair
    if request.algorithm == "newton":
        return 0.05 + others
    return 0.05 + others + request.max_iter * (pair + _SECONDS_PER_STEP)


def run(request: FitRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Descend, certify, and say what the descent's own path tells. Raises AnalysisError `step_above_limit` where f rises."""
    likelihood = Likelihood(channel_of(request.mechanism), request.counts)
    step = _step(request, likelihood)
    path = _walk(request, likelihood, step, progress)
    best = (
        path
        if request.algorithm == "newton"
        else walk(interior_point(likelihood), steps=NEWTON_STEPS, tol_gap=REFERENCE_GAP)
    )
    return _answer(request, likelihood, step, path, best)


def _step(request: FitRequest, likelihood: Likelihood) -> float | None:
    """The step that is taken, for the algorithms that have one."""
    if request.algorithm not in {"mirror", "softmax_gd"}:
        return None
    step = safe_step(likelihood, request.algorithm) if request.step is None else request.step
    if step is None:
        raise AnalysisError(
            "some message is impossible under some item, so no step is proven safe; give step",
            code="missing_field",
            field="step",
        )
    return step


def _walk(request: FitRequest, likelihood: Likelihood, step: float | None, progress: Progress) -> Path:
    steps = min(request.max_iter, NEWTON_STEPS) if request.algorithm == "newton" else request.max_iter
    if request.algorithm == "newton":
        points = interior_point(likelihood)
    elif request.algorithm == "psgd":
        points = sampled_descent(likelihood, request.batch, steps, np.random.default_rng(request.seed))
    elif step is None:
        points = descend(likelihood, request.algorithm, 0.0)
    else:
        points = _falling(descend(likelihood, request.algorithm, step), step, safe_step(likelihood, request.algorithm))
    return walk(points, steps=steps, tol_gap=request.tol_gap, progress=progress)


def _falling(points: Iterator[Point], step: float, safe: float | None) -> Iterator[Point]:
    """The points, as long as f does not rise."""
    before = math.inf
    for point in points:
        if point.value > before + rounding(before):
            advice = "take a smaller one" if safe is None else f"steps up to {safe:.4g} are safe"
            raise AnalysisError(
                f"a step of {step:g} is above 1/L: f rose from {before:.9g} to {point.value:.9g} at iteration {point.t}; {advice}",
                code="step_above_limit",
                field="step",
            )
        before = point.value
        yield point


def _answer(request: FitRequest, likelihood: Likelihood, step: float | None, path: Path, best: Path) -> AnalysisResult:
    last, reference = path.last, best.last
    assert last is not None
    assert reference is not None
    p, gap = last.p, last.gap
    channel = likelihood.channel
    weights = likelihood.curvature_weights(p)
    mu_tangent, top = extreme_tangent_curvatures(channel, weights)
    mu_least, most = extreme_tangent_curvatures(channel, likelihood.least_curvature_weights)
    curved = mu_least is not None and most is not None and mu_least > FLAT * most
    flat = mu_tangent is not None and top is not None and mu_tangent <= FLAT * top
    certified = gap <= request.tol_gap
    trace = path.trace
    told_apart = trace.f - reference.value > FAR_FROM_REFERENCE * reference.gap
    exponent = None if request.algorithm == "newton" else fit_exponent(trace.rows(told_apart), reference.value)
    kl = float(np.sum(reference.p * np.log(np.maximum(reference.p, 1e-300) * len(p))))
    return AnalysisResult(
        method=METHOD,
        params_effective={
            **{name: getattr(request, name) for name in ("algorithm", "max_iter", "tol_gap", "batch", "seed")},
            "step": step,
            "mechanism": described(request.mechanism),
        },
        seed=request.seed if request.algorithm == "psgd" else None,
        verdict=("certified_flat" if flat else "certified") if certified else "not_certified",
        result={
            "p": p,
            "n": likelihood.n,
            "f": last.value,
            "gap_fw": gap,
            "certified": certified,
            "f_star_low": max(last.value - gap, reference.value - reference.gap),
            "f_star_high": min(last.value, reference.value),
            "distance_bound": math.sqrt(2 * gap / mu_least) if curved and mu_least else None,
            "iterations": last.t,
            "bound_kl_over_t": kl / last.t if request.algorithm == "em" and last.t else None,
            "zeros": int(np.count_nonzero(p < ZERO)),
            "mu_tangent": mu_tangent,
            "mu_relative": relative_curvature(channel, weights, p),
            "mu_least": mu_least,
            "last_step_length": path.step_length,
            "path_length": path.length,
            "trace": [list(row) for row in path.rows],
            "lojasiewicz": None if exponent is None else report(exponent, reference.value, "certificate"),
        },
        diagnostics=_diagnostics(request, path, reference, kl),
        warnings=_warnings(path, exponent, mu_tangent),
        series=_series(request, trace, path, reference, exponent, kl),
    )


def _diagnostics(request: FitRequest, path: Path, reference: Point, kl: float) -> dict[str, Any]:
    held = None
    if request.algorithm == "em":
        held = all(f - reference.value <= kl / t + rounding(f) for t, f, *_ in path.rows if t > 0)
    return {
        "rises": path.rises,
        "best_gap": path.best_gap,
        "reference_gap": reference.gap,
        "reference_iterations": reference.t,
        "kl_bound_held": held,
    }


def _warnings(path: Path, exponent: ExponentFit | None, mu_tangent: float | None) -> tuple[str, ...]:
    last = path.last
    assert last is not None
    found = []
    if last.t >= 20 and path.step_length * last.t > 0.5 * path.length:
        found.append("iterates_unsettled")
    if exponent is not None and exponent.bends:
        found.append("not_a_power")
    if mu_tangent is None:
        found.append("curvature_not_settled")
    return tuple(found)


def _series(
    request: FitRequest, trace: TraceColumns, path: Path, reference: Point, exponent: ExponentFit | None, kl: float
) -> dict[str, Series]:
    others: dict[str, FloatArray] = {"gap": path.gaps}
    if request.algorithm == "em":
        with np.errstate(divide="ignore", invalid="ignore"):
            others["kl_bound"] = kl / trace.t
    series = {"descent": descent_series(trace, reference.value, exponent, **others)}
    if exponent is not None:
        series["exponent"] = exponent_series(trace, reference.value, exponent)
    return series
