"""Gradient descent in single-location regression, on the whole population or on batches: which of many starts find the hidden location?

Model, risk and steps are in `model`, `reduction` and `stochastic`; what the verdicts mean is in docs/analysis/single-location.md.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import choice, integer, real, reals, request_from_json
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.analysis.result import AnalysisResult, Series
from ldp_core.analysis.single_location.model import (
    Overlaps,
    PopulationRisk,
    best_lambda,
    linear_best_excess,
    oracle_floor,
)
from ldp_core.analysis.single_location.reduction import (
    gram_matrix,
    manifold_distance,
    projected_step,
    start_on_manifold,
    start_on_spheres,
)
from ldp_core.analysis.single_location.stochastic import LEAST_DIMENSION, BatchModel, stochastic_step
from ldp_core.estimation.proportion import wilson_interval
from ldp_core.types import FloatArray, IntArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "DynamicsRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "single-location/dynamics"
TITLE = "Attention that learns where to look"
QUESTION = "Does gradient descent on attention find the one token that matters, from how many starts, and how close does it come?"
EXAMPLE: Mapping[str, Any] = {
    "d": 100,
    "L": 10,
    "gamma": 0.7071,
    "lambda0": 0.1,
    "alpha": 0.02,
    "steps": 2000,
    "runs": 30,
}
VERDICTS: Mapping[str, str] = {
    "recovers": "every run ends at one of the two oracle points",
    "start_dependent": "some runs end at an oracle point and others do not: the start decides",
    "fails": "no run ends at an oracle point",
}
SCHEMA: Mapping[str, Any] = schema.request(
    {
        "d": schema.integer("Dimension", "coordinates of a token", 2, 100_000, 400),
        "L": schema.integer("Tokens", "in each row, one of which matters", 1, 10_000, 10),
        "gamma": schema.number("Spread", "standard deviation of the located token", 0, 1e3, math.sqrt(0.5), above=True),
        "lambda0": schema.number("First lambda", "sharpness of the attention at the start", 0, 1e4, 0.1, above=True),
        "lambda_decay": schema.number(
            "Decay of lambda", "lambda at step t is lambda0 / (1 + lambda_decay t)", 0, 1e3, 0.0
        ),
        "batch": schema.optional(
            schema.integer(
                "Batch", "fresh rows that each step sees; left out: the gradient of the whole population", 1, 1_000
            )
        ),
        "noise": schema.number(
            "Noise", "standard deviation of the outcome's own noise; it matters with batches only", 0, 1e3, 0.0
        ),
        "alpha": schema.number("Step size", "of gradient descent", 0, 1e3, 0.004, above=True),
        "steps": schema.integer("Steps", "of each run; steps times runs is at most 30,000,000", 1, 500_000, 20_000),
        "runs": schema.integer("Runs", "from different starts", 1, 200, 30),
        "init": schema.one_of("Start", "where runs begin", ("manifold", "sphere", "explicit"), "sphere"),
        "start": schema.optional(
            schema.numbers(
                "Explicit start", "kappa, nu, theta, eta and rho, when Start is explicit", minItems=5, maxItems=5
            )
        ),
        "log_points": schema.integer("Recorded moments", "of each run", 2, 500, 100),
        "seed": schema.seed(),
    }
)

LARGEST_WORK = 30_000_000
"""Most steps times runs."""
LARGEST_BATCH = 1_000_000
"""Most tokens that are drawn at once: runs times batch times tokens of a row."""
LONGEST_SECONDS = 3_600.0

_AT_FLOOR = 1e-3
_EVERY = 64
_SECONDS_PER_STEP, _SECONDS_PER_RUN_STEP = 1.3e-4, 5e-7
_SECONDS_PER_BATCH, _SECONDS_PER_TOKEN = 3e-4, 1.8e-7
_ALIGNED = 0.9
OVERLAPS = ("kappa", "nu", "theta", "eta", "rho")


@dataclass(frozen=True)
class DynamicsRequest:
    """d: token dimension · L: tokens · gamma: spread of the located token · lambda_t = lambda0 / (1 + lambda_decay t) ·
    batch: fresh rows of each step, None for the population gradient · noise: deviation of the outcome's own ·
    alpha: step size · steps, runs: how long and how often · init: manifold, sphere or explicit ·
    start: (kappa, nu, theta, eta, rho) of an explicit start, which is run once · log_points: moments that are recorded · seed: of the starts.

    Raises AnalysisError; its code is `infeasible_gram` where no unit vectors have the explicit inner products.
    """

    d: int = 400
    L: int = 10
    gamma: float = math.sqrt(0.5)
    lambda0: float = 0.1
    lambda_decay: float = 0.0
    batch: int | None = None
    noise: float = 0.0
    alpha: float = 0.004
    steps: int = 20_000
    runs: int = 30
    init: str = "sphere"
    start: tuple[float, ...] | None = None
    log_points: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("d", 2, 100_000),
            ("L", 1, 10_000),
            ("steps", 1, 500_000),
            ("runs", 1, 200),
            ("log_points", 2, 500),
            ("seed", 0, 2**63 - 1),
        ):
            object.__setattr__(self, name, integer(name, getattr(self, name), low, high))
        for name, most in (("gamma", 1e3), ("lambda0", 1e4), ("alpha", 1e3)):
            object.__setattr__(self, name, real(name, getattr(self, name), 0, most, above=True))
        for name in ("lambda_decay", "noise"):
            object.__setattr__(self, name, real(name, getattr(self, name), 0, 1e3))
        choice("init", self.init, ("manifold", "sphere", "explicit"))
        if self.steps * self.runs > LARGEST_WORK:
            raise TooLargeError(
                f"steps times runs must be at most {LARGEST_WORK}, got {self.steps * self.runs}; take fewer of either",
                field="steps",
            )
        self._check_start()
        self._check_batch()

    def _check_batch(self) -> None:
        if self.batch is None:
            return
        object.__setattr__(self, "batch", integer("batch", self.batch, 1, 1_000))
        if self.d < LEAST_DIMENSION:
            raise AnalysisError(
                f"with batches d must be at least {LEAST_DIMENSION}, got {self.d}", code="out_of_range", field="d"
            )
        tokens = self.runs * self.batch * self.L
        if tokens > LARGEST_BATCH:
            raise TooLargeError(
                f"runs times batch times L must be at most {LARGEST_BATCH:,}, got {tokens:,}", field="batch"
            )
        if predicted_seconds(self) > LONGEST_SECONDS:
            raise TooLargeError(
                f"this would take about {predicted_seconds(self):,.0f} s and at most {LONGEST_SECONDS:,.0f} s are given; take fewer steps",
                field="steps",
            )

    def _check_start(self) -> None:
        if (self.start is not None) != (self.init == "explicit"):
            raise AnalysisError(
                "start holds the five inner products (kappa, nu, theta, eta, rho) when init is explicit, and is left out otherwise",
                code="missing_field" if self.start is None else "unknown_field",
                field="start",
            )
        if self.start is None:
            return
        object.__setattr__(self, "start", reals("start", self.start, -1, 1, count=(5, 5)))
        object.__setattr__(self, "runs", 1)
        least = float(np.linalg.eigvalsh(gram_matrix(self.explicit_start))[0])
        if least < -1e-12:
            raise AnalysisError(
                "no unit vectors k, v have these inner products with orthonormal k*, v*: the Gram matrix of (k*, v*, k, v) "
                f"has an eigenvalue of {least:.3g}, and none may be negative",
                code="infeasible_gram",
                field="start",
            )

    @property
    def explicit_start(self) -> Overlaps:
        """The given start. Only where init is explicit."""
        assert self.start is not None
        return Overlaps(**{name: np.float64(x) for name, x in zip(OVERLAPS, self.start, strict=True)})  # type: ignore[arg-type]


def from_json(body: object) -> DynamicsRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(DynamicsRequest, body)


def predicted_seconds(request: DynamicsRequest) -> float:
    """Expected duration on one core: linear in the steps, and in the runs, or tokens, of each step."""
    if request.batch is not None:
        tokens = request.runs * request.batch * request.L
        return 0.05 + request.steps * (_SECONDS_PER_BATCH + _SECONDS_PER_TOKEN * tokens)
    return 0.05 + request.steps * (_SECONDS_PER_STEP + _SECONDS_PER_RUN_STEP * request.runs)


def run(request: DynamicsRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Follow all runs to the end.

    Verdict: `recovers` (every run reaches an oracle point), `start_dependent` (some do) or `fails` (none does).
    """
    times, history, excess = _trajectories(request, progress)
    last = Overlaps(**{name: history[-1, i] for i, name in enumerate(OVERLAPS)})
    lam = _lambda_at(request, request.steps)
    floor = oracle_floor(request.d, request.L, request.gamma, lam)
    ended = _outcome if request.batch is None else _noisy_outcome
    outcomes = [ended(*row) for row in zip(excess[-1] - floor, last.kappa, last.nu, last.eta, strict=True)]
    found = sum(outcome.startswith("oracle") for outcome in outcomes)
    best, best_excess = best_lambda(request.d, request.L, request.gamma)
    low, high = wilson_interval(found, request.runs)
    verdict = "recovers" if found == request.runs else "start_dependent" if found else "fails"
    final = {name: history[-1, i] for i, name in enumerate(OVERLAPS)}
    return AnalysisResult(
        method=METHOD,
        params_effective={name: getattr(request, name) for name in DynamicsRequest.__dataclass_fields__},
        seed=request.seed,
        verdict=verdict,
        result={
            "success_rate": found / request.runs,
            "success_interval": [low, high],
            "outcomes": {name: outcomes.count(name) for name in ("oracle", "oracle_neg", "role_swap", "not_converged")},
            "floor": floor,
            "linear_best_excess": linear_best_excess(request.L, request.gamma),
            "best_lambda": best,
            "best_lambda_excess": best_excess,
            "final_lambda": lam,
            "runs": {"outcome": outcomes, "excess": excess[-1], **final},
        },
        diagnostics={
            "manifold_distance": manifold_distance(last),
            "excess_over_floor": excess[-1] - floor,
            "least_gram_eigenvalue": _least_gram_eigenvalue(last),
        },
        series=_series(request, times, history, excess, outcomes),
    )


def _lambda_at(request: DynamicsRequest, step: int) -> float:
    return request.lambda0 / (1 + request.lambda_decay * step)


def _first_overlaps(request: DynamicsRequest) -> Overlaps:
    if request.init == "explicit":
        one = request.explicit_start
        return Overlaps(**{name: np.full(request.runs, getattr(one, name)) for name in OVERLAPS})
    draw = start_on_manifold if request.init == "manifold" else start_on_spheres
    return draw(request.d, request.runs, np.random.default_rng(request.seed))


def _trajectories(request: DynamicsRequest, progress: Progress) -> tuple[IntArray, FloatArray, FloatArray]:
    """Recorded steps (points,), overlaps (points, 5, runs) and excess (points, runs)."""
    times = np.unique(np.linspace(0, request.steps, request.log_points).round().astype(np.int64))
    history = np.empty((len(times), len(OVERLAPS), request.runs))
    excess = np.empty((len(times), request.runs))
    at, move = _first_overlaps(request), _mover(request)
    risk = _risk_at(request, 0)
    point = 0
    for t in range(request.steps + 1):
        if request.lambda_decay > 0:
            risk = _risk_at(request, t)
        if t == times[point]:
            history[point] = [getattr(at, name) for name in OVERLAPS]
            excess[point] = risk.excess(at)
            point += 1
        if t % _EVERY == 0 or t == request.steps:
            progress(Step(t, request.steps, "steps", "mean excess", float(excess[point - 1].mean())))
        if t < request.steps:
            at = move(risk, at)
    return times, history, excess


def _mover(request: DynamicsRequest) -> Callable[[PopulationRisk, Overlaps], Overlaps]:
    """One step: of the population gradient, or of a fresh batch for each run."""
    if request.batch is None:
        return lambda risk, at: projected_step(risk, at, request.alpha)
    model = BatchModel(request.d, request.L, request.gamma, request.noise, request.batch)
    rng = np.random.default_rng([request.seed, 1])  # of its own: the starts are those of the population's descent
    return lambda risk, at: stochastic_step(model, risk.lam, at, request.alpha, rng)


def _risk_at(request: DynamicsRequest, step: int) -> PopulationRisk:
    return PopulationRisk(request.d, request.L, request.gamma, _lambda_at(request, step))


def _outcome(over_floor: float, kappa: float, nu: float, eta: float) -> str:
    """Where a run ended. A low risk alone proves nothing: the swapped point can have less than the oracle."""
    if over_floor <= _AT_FLOOR and abs(kappa * nu) > 0.5:
        return "oracle" if kappa > 0 else "oracle_neg"
    return "role_swap" if abs(eta) > 0.9 else "not_converged"


def _noisy_outcome(_over_floor: float, kappa: float, nu: float, eta: float) -> str:
    """Where a run on batches ended. Its noise keeps the risk above the floor, so both directions are asked instead."""
    if min(abs(kappa), abs(nu)) > _ALIGNED:
        return "oracle" if kappa > 0 else "oracle_neg"
    return "role_swap" if abs(eta) > _ALIGNED else "not_converged"


def _least_gram_eigenvalue(at: Overlaps) -> float:
    """Smallest eigenvalue of any run's Gram matrix: below zero by more than rounding would be an error of the iteration."""
    runs = range(len(at.kappa))
    grams = np.stack([gram_matrix(Overlaps(**{name: getattr(at, name)[i] for name in OVERLAPS})) for i in runs])
    return float(np.linalg.eigvalsh(grams).min())


def _series(
    request: DynamicsRequest, times: IntArray, history: FloatArray, excess: FloatArray, outcomes: list[str]
) -> dict[str, Series]:
    runs, points = request.runs, len(times)
    columns: dict[str, Any] = {
        "run": np.repeat(np.arange(runs), points),
        "t": np.tile(times, runs),
        "excess": excess.T.ravel(),
        **{name: history[:, i].T.ravel() for i, name in enumerate(OVERLAPS)},
        "outcome": [outcome for outcome in outcomes for _ in range(points)],
    }
    floors = [oracle_floor(request.d, request.L, request.gamma, _lambda_at(request, int(t))) for t in times]
    summary = {
        "t": times,
        "mean": excess.mean(axis=1),
        "least": excess.min(axis=1),
        "greatest": excess.max(axis=1),
        "floor": floors,
    }
    return {
        "trajectories": Series(columns, "kappa", "alignment of k with k* (kappa)", "alignment of v with v* (nu)"),
        "excess": Series(summary, "t", "step", "excess risk", log_y=True),
    }
