"""A histogram from one pass over the reports, with memory for one histogram, and how much precision the one pass gives away."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array, integer, real, request_from_json
from ldp_core.analysis.histogram import HISTOGRAM_PROPERTIES
from ldp_core.analysis.lojasiewicz.curvature import extreme_tangent_curvatures
from ldp_core.analysis.lojasiewicz.inputs import (
    MECHANISM_SCHEMA,
    Source,
    channel_of,
    checked_counts,
    checked_source,
    described,
    limit_seconds,
    pair_seconds,
    sizes,
)
from ldp_core.analysis.lojasiewicz.interior_point import interior_point
from ldp_core.analysis.lojasiewicz.likelihood import Likelihood, frank_wolfe_gap
from ldp_core.analysis.lojasiewicz.path import due_steps, walk
from ldp_core.analysis.lojasiewicz.stochastic import StochasticDescent, StreamState, default_schedule, first_state
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.analysis.result import AnalysisResult, Series
from ldp_core.exact_sum import exact_sum
from ldp_core.mechanisms.channel import Channel
from ldp_core.types import Counts, Frequencies, IntArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "StreamRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "lojasiewicz/stream"
TITLE = "One-pass histogram"
QUESTION = "Which histogram does one pass over the reports give, each used once and forgotten, and what precision does that cost?"

MOST_REPORTS = 2_000_000
MOST_COUNTED = 999_999_999
"""Reports that an order can be drawn for."""
_NEWTON_STEPS, _NEWTON_PRODUCTS = 100, 1_300
_REFERENCE_GAP = 1e-11
_SECONDS_PER_BATCH, _SECONDS_PER_ITEM, _SECONDS_PER_DRAWN_CELL = 6e-5, 5e-8, 1.2e-7

_COUNTS_DESCRIPTION = "how often each message was reported; the reports are used in random order"
STATE_FIELDS = ("t", "p", "average", "counts", "step_length", "path_length")

SCHEMA: Mapping[str, Any] = schema.request(
    {
        "mechanism": MECHANISM_SCHEMA,
        "counts": schema.optional({**HISTOGRAM_PROPERTIES["counts"], "description": _COUNTS_DESCRIPTION}),
        "n": HISTOGRAM_PROPERTIES["n"],
        "reports": schema.optional(
            {
                "type": "array",
                "title": "Reports",
                "description": "messages in the order in which they are used, in the place of counts",
                "items": {"type": "integer", "minimum": 0},
                "minItems": 1,
                "maxItems": MOST_REPORTS,
            }
        ),
        "mu_step": schema.optional(
            schema.number(
                "Curvature of the steps",
                "steps fall like 1/(mu_step t); left out, half the least curvature at the uniform histogram",
                0,
                1e9,
                above=True,
            )
        ),
        "batch": schema.integer("Batch", "reports in one step", 1, 100_000, 20),
        "state": schema.optional(
            {
                "type": "object",
                "title": "State",
                "description": "of an earlier answer, to go on from with further reports",
                "properties": {
                    "t": {"type": "integer", "minimum": 1},
                    "p": {"type": "array", "items": {"type": "number"}},
                    "average": {"type": "array", "items": {"type": "number"}},
                    "counts": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                    "step_length": {"type": "number", "minimum": 0},
                    "path_length": {"type": "number", "minimum": 0},
                },
                "required": list(STATE_FIELDS),
                "additionalProperties": False,
            }
        ),
        "seed": schema.seed(),
    },
    required=("mechanism",),
)

EXAMPLE: Mapping[str, Any] = {
    "mechanism": {"name": "projective_geometry", "epsilon": "1", "domain_size": 7, "parameters": {"q": 2, "t": 3}},
    "counts": [412, 340, 305, 297, 331, 289, 326],
}

VERDICTS: Mapping[str, str] = {
    "efficient": "The one pass gives away no more than the error that the best estimate from these reports has anyway.",
    "loses_precision": "It gives away more: lower mu_step, use smaller batches, or fit all counts at once.",
}


@dataclass(frozen=True, eq=False)
class StreamRequest:
    """mechanism: as of a fit · counts of messages with their sum n, or reports: messages in order · mu_step: of the schedule, None for
    its default · batch: reports a step · state: of an earlier answer · seed: of the order of counts.

    Raises AnalysisError, and TooLargeError before memory or time is taken.
    """

    mechanism: Source
    counts: Counts | None = None
    n: int | None = None
    reports: IntArray | None = None
    mu_step: float | None = None
    batch: int = 20
    state: Mapping[str, Any] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "batch", integer("batch", self.batch, 1, 100_000))
        object.__setattr__(self, "seed", integer("seed", self.seed, 0, 2**63 - 1))
        if self.mu_step is not None:
            object.__setattr__(self, "mu_step", real("mu_step", self.mu_step, 0, 1e9, above=True))
        object.__setattr__(self, "mechanism", checked_source(self.mechanism))
        if self.reports is not None:
            object.__setattr__(self, "reports", _reports(self.reports, self.mechanism))
        if (self.reports is None) == (self.counts is None):
            raise AnalysisError(
                "give either counts, or reports in their order",
                code="missing_field" if self.reports is None else "unknown_field",
                field="counts",
            )
        if self.counts is not None:
            object.__setattr__(self, "counts", checked_counts(self.counts, self.mechanism, self.n))
            if self.size > MOST_COUNTED:
                raise TooLargeError(
                    f"at most {MOST_COUNTED:,} reports are streamed at once, got {self.size:,}; fit all counts at once",
                    field="counts",
                )
        if self.state is not None:
            object.__setattr__(self, "state", _state(self.state, self.mechanism))
        limit_seconds(predicted_seconds(self), "batch", "raise batch, or fit all counts at once")

    @property
    def size(self) -> int:
        """Reports in this request."""
        return exact_sum(self.counts) if self.counts is not None else len(cast(IntArray, self.reports))


def _reports(value: object, source: Source) -> IntArray:
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        raise AnalysisError("reports must be a list of messages", code="wrong_type", field="reports")
    if len(value) > MOST_REPORTS:
        raise TooLargeError(f"at most {MOST_REPORTS:,} reports are taken at once; go on with state", field="reports")
    if len(value) == 0:
        raise AnalysisError("reports is empty; a histogram needs at least one", code="too_few_reports", field="reports")
    numbers, (_, messages) = array("reports", value, 1), sizes(source)
    if numbers.min() < 0 or numbers.max() >= messages or (numbers != np.floor(numbers)).any():
        raise AnalysisError(
            f"reports must be messages, whole numbers 0 to {messages - 1}", code="out_of_range", field="reports"
        )
    reports: IntArray = numbers.astype(np.int64)
    checked_counts(np.bincount(reports, minlength=messages), source)
    return reports


def _state(value: object, source: Source) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or set(value) != set(STATE_FIELDS):
        raise AnalysisError(
            f"state has the fields {', '.join(STATE_FIELDS)}, as an earlier answer gave it",
            code="wrong_shape",
            field="state",
        )
    k, _ = sizes(source)
    checked: dict[str, Any] = {"t": integer("state.t", value["t"], 1, 2**53)}
    for name in ("p", "average"):
        p = array("state", value[name], 1)
        if len(p) != k or p.min() < 0 or abs(p.sum() - 1) > 1e-6:
            raise AnalysisError(
                f"state.{name} must be {k} frequencies that sum to 1", code="wrong_shape", field="state"
            )
        checked[name] = p
    checked["counts"] = checked_counts(value["counts"], source)
    for name in ("step_length", "path_length"):
        checked[name] = real(f"state.{name}", value[name], 0, 1e300)
    return checked


def from_json(body: object) -> StreamRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(StreamRequest, body)


def predicted_seconds(request: StreamRequest) -> float:
    """Expected duration on one core: one pair of products a batch, drawing the order of chunks, and the fit to compare with."""
    pair, (k, messages) = pair_seconds(request.mechanism), sizes(request.mechanism)
    drawing = 0.0 if request.reports is not None else messages * _SECONDS_PER_DRAWN_CELL
    batches = request.size / request.batch
    return 0.05 + _NEWTON_PRODUCTS * pair + batches * (pair + _SECONDS_PER_BATCH + k * _SECONDS_PER_ITEM + drawing)


def run(request: StreamRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Take every report once, average, and compare with the maximum likelihood of the same counts."""
    channel = channel_of(request.mechanism)
    schedule = default_schedule(channel, request.batch, request.mu_step)
    start = first_state(channel) if request.state is None else StreamState(**request.state)
    state, rows = _pass(request, StochasticDescent(channel, schedule), start, progress)
    likelihood = Likelihood(channel, state.counts)
    value, gradient = likelihood.value_and_gradient(state.average)
    best = walk(interior_point(likelihood), steps=_NEWTON_STEPS, tol_gap=_REFERENCE_GAP).last
    assert best is not None
    predicted = (channel.items - 1) / (2 * likelihood.n)
    given_away = max(value - best.value, 0.0)
    curvature, _ = extreme_tangent_curvatures(channel, likelihood.curvature_weights(state.average))
    too_steep = curvature is not None and schedule.mu > curvature
    return AnalysisResult(
        method=METHOD,
        params_effective={
            "mechanism": described(request.mechanism),
            "mu_step": schedule.mu,
            "batch": request.batch,
            "seed": request.seed,
            "resumed": request.state is not None,
        },
        seed=request.seed if request.counts is not None else None,
        verdict="efficient" if given_away <= predicted else "loses_precision",
        result={
            "p_avg": state.average,
            "n": likelihood.n,
            "predicted_excess": predicted,
            "given_away": given_away,
            "given_away_to_predicted": given_away / predicted,
            "f": value,
            "gap_fw": frank_wolfe_gap(state.average, gradient),
            "step_schedule": {
                "form": "1 / (mu t + offset)",
                "mu": schedule.mu,
                "offset": schedule.offset,
                "last": schedule.step(state.t),
            },
            "last_step_length": state.step_length,
            "path_length": state.path_length,
            "state": {name: getattr(state, name) for name in STATE_FIELDS},
        },
        diagnostics={
            "batches": state.t,
            "mu_tangent": curvature,
            "best_f": best.value,
            "best_gap": best.gap,
            "average_to_best": float(np.linalg.norm(state.average - best.p)),
        },
        warnings=("mu_step_above_curvature",) if too_steep else (),
        series={"pass": _series(channel, likelihood, best.value, rows)},
    )


def _pass(
    request: StreamRequest, descent: StochasticDescent, state: StreamState, progress: Progress
) -> tuple[StreamState, list[tuple[int, Frequencies]]]:
    """The state after all batches, and the average at up to some sixty steps."""
    batches = math.ceil(request.size / request.batch)
    recorded = due_steps(batches, 60)
    rows = []
    for done, batch in enumerate(_batches(request, descent.channel.messages), start=1):
        state = descent.take(state, batch)
        if done in recorded:
            rows.append((state.t, state.average))
            progress(Step(done, batches, "batches", "step length", state.step_length))
    return state, rows


def _batches(request: StreamRequest, messages: int) -> Iterator[Counts]:
    """Counts of every batch, (N,). From counts they are drawn without replacement, so that an order is never stored."""
    if request.reports is not None:
        for start in range(0, len(request.reports), request.batch):
            yield np.bincount(request.reports[start : start + request.batch], minlength=messages)
        return
    assert request.counts is not None
    rng, left, remaining = np.random.default_rng(request.seed), request.counts, request.size
    while remaining > 0:
        batch = rng.multivariate_hypergeometric(left, min(request.batch, remaining), method="marginals")
        left, remaining = left - batch, remaining - request.batch
        yield batch


def _series(channel: Channel, likelihood: Likelihood, least: float, rows: list[tuple[int, Frequencies]]) -> Series:
    """How far the average was from the best fit of all reports, after every recorded batch."""
    t = np.array([t for t, _ in rows])
    excess = np.array([max(likelihood.value(p) - least, 0.0) for _, p in rows])
    reports = t / t[-1] * likelihood.n
    columns = {"t": t, "excess": excess, "predicted": (channel.items - 1) / (2 * reports)}
    return Series(columns, "t", "batch", "f on all reports minus its least", log_x=True, log_y=True)
