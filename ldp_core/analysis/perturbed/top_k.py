"""The k most frequent items of a collection: who is in, who is out, who cannot be told, and which ranks are possible.

The estimate is the truth perturbed by noise whose size is known exactly, so the mean of the perturbed top-k optimizer at the
estimate is each item's probability of truly belonging, under a flat prior (Berthet et al. 2020 give the optimizer). The
estimates' own spread gives a better prior, and tells whether there is any signal to rank.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from scipy.special import ndtri

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.perturbed.collection_fields import COLLECTION_PROPERTIES, EXAMPLE_COLLECTION, with_estimate
from ldp_core.analysis.perturbed.estimator_noise import EstimatorNoise
from ldp_core.analysis.perturbed.posterior import FlatPosterior, FrequencyPosterior, GridPosterior
from ldp_core.analysis.perturbed.rank_intervals import LargestDifference, PairSpread, expected_ranks, rank_ranges
from ldp_core.analysis.perturbed.reading import choice, integer, known_fields, limit_seconds, number
from ldp_core.analysis.perturbed.signal import Signal, signal_in
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.analysis.result import AnalysisResult, Series
from ldp_core.estimation.estimate import Estimate
from ldp_core.types import FloatArray, IntArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "TopKRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "top-k"
TITLE = "The most frequent items"
QUESTION = "Which items are truly among the k most frequent, how sure is that, and which ranks are possible?"
EXAMPLE: Mapping[str, Any] = {
    **EXAMPLE_COLLECTION,
    "k": 3,
    "samples": 4000,
    "prior": "npmle",
    "alpha": 0.05,
    "what_if_n": [100000],
    "seed": 1,
}
VERDICTS: Mapping[str, str] = {
    "ranking_supported": "the estimates differ by more than their noise: there is something to rank",
    "no_signal": "the items may all be equally frequent; every status is borderline",
}

PRIORS = ("npmle", "flat")
SCHEMA: Mapping[str, Any] = schema.request(
    {
        **COLLECTION_PROPERTIES,
        "k": schema.integer("k", "how many of the most frequent items", 1, 49_999),
        "samples": schema.integer("Samples", "draws of what the truth may be", 100, 100_000, 4000),
        "prior": schema.one_of(
            "Prior", "npmle: fitted to the estimates; flat: every frequency equally plausible", PRIORS, "npmle"
        ),
        "alpha": {
            "type": "number",
            "title": "Alpha",
            "description": "all rank ranges hold together with probability 1 - alpha",
            "exclusiveMinimum": 0,
            "exclusiveMaximum": 1,
            "default": 0.05,
        },
        "what_if_n": {
            "type": "array",
            "title": "What if",
            "description": "numbers of reports for which to predict the precision",
            "items": {"type": "integer", "minimum": 1, "maximum": 10**12},
            "maxItems": 20,
            "default": [],
        },
        "seed": schema.seed(),
    },
    required=("mechanism", "counts", "k"),
)
_IN, _OUT = 0.95, 0.05
_SIGNAL_LEVEL = 0.01
_OPTIMISM = 0.1
_ENTRIES_AT_ONCE = 400_000
_WHAT_IF_DRAWS = 1_000
_MOST_WHAT_IFS = 20
_MOST_ITEMS = 50_000
_LARGEST_COVARIANCE = 3_000
_SECONDS_PER_DRAW = 2e-7
_SECONDS_PER_PAIR = 3e-8
_SECONDS_PER_PRODUCT = 1e-10


@dataclass(frozen=True, eq=False)
class TopKRequest:
    """Which of the items of an estimate are the k most frequent.

    estimate: of a collection · k: 1..items-1 · samples: 100..1e5 draws · prior: npmle or flat, for `p_topk` · alpha: rank ranges
    hold together with probability 1 - alpha · what_if_n: numbers of reports to predict the precision for · covariance: (k, k)
    of the estimates as by `report_covariance`, or None to derive it from the estimate · seed.
    Raises AnalysisError or TooLargeError.
    """

    estimate: Estimate
    k: int
    samples: int = 4000
    prior: str = "npmle"
    alpha: float = 0.05
    what_if_n: Sequence[int] = ()
    covariance: FloatArray | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        items = self.estimate.domain_size
        if items > _MOST_ITEMS:
            raise TooLargeError(
                f"a ranking takes at most {_MOST_ITEMS:,} items, got {items:,}", code="too_large", field="estimate"
            )
        integer(self.k, "k", 1, items - 1)
        integer(self.samples, "samples", 100, 100_000)
        integer(self.seed, "seed", 0, 2**63 - 1)
        choice(self.prior, "prior", PRIORS)
        number(self.alpha, "alpha", 0, 1)
        if isinstance(self.what_if_n, str) or not isinstance(self.what_if_n, Sequence):
            raise AnalysisError("what_if_n must be a list of report counts", code="not_numbers", field="what_if_n")
        if len(self.what_if_n) > _MOST_WHAT_IFS:
            raise TooLargeError(f"at most {_MOST_WHAT_IFS} what-ifs", code="too_large", field="what_if_n")
        for n in self.what_if_n:
            integer(n, "what_if_n", 1, 10**12)
        if self.covariance is not None:
            _check_covariance(self.covariance, items)

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything that was asked, and of which collection."""
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in {"estimate", "covariance"}}
        origin = self.estimate.provenance
        of = {"n": self.estimate.n, "domain_size": self.estimate.domain_size, "mechanism": origin.mechanism}
        return given | of | {"epsilon": float(origin.epsilon)}


def _check_covariance(covariance: FloatArray, items: int) -> None:
    if items > _LARGEST_COVARIANCE:
        raise TooLargeError(
            f"a full covariance takes at most {_LARGEST_COVARIANCE:,} items, got {items:,}",
            code="too_large",
            field="covariance",
        )
    if covariance.shape != (items, items) or not np.isfinite(covariance).all():
        raise AnalysisError(
            f"the covariance must be finite and {items} by {items}", code="wrong_length", field="covariance"
        )


def from_json(body: Mapping[str, Any]) -> TopKRequest:
    """The request of a JSON object with the counts of a collection. Raises AnalysisError naming the field at fault."""
    return TopKRequest(**known_fields(with_estimate(body), TopKRequest))


def predicted_seconds(request: TopKRequest) -> float:
    """Linear in draws times items and in pairs of items."""
    items = request.estimate.domain_size
    draws = request.samples + min(request.samples, _WHAT_IF_DRAWS) * len(request.what_if_n)
    dense = _SECONDS_PER_PRODUCT * items * items * (items + 2 * draws) if request.covariance is not None else 0.0
    return 0.15 + _SECONDS_PER_DRAW * draws * items + _SECONDS_PER_PAIR * items * items + dense


class _Membership(NamedTuple):
    flat: FloatArray  # (k,) shares of draws in which each item is in
    npmle: FloatArray  # (k,)
    critical: float


def run(request: TopKRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Membership probabilities, expected ranks and rank ranges of every item; statuses only where there is signal."""
    limit_seconds(predicted_seconds(request), "samples")
    rng = np.random.default_rng(request.seed)
    noise = EstimatorNoise(request.estimate)
    spread = noise.rank_variances() if request.covariance is None else request.covariance
    pairs = PairSpread(spread)
    flat = FlatPosterior(request.estimate.frequencies, spread)
    npmle = GridPosterior(noise, flat)
    signal = signal_in(noise)
    membership = _draw(request, flat, npmle, LargestDifference(pairs, progress), rng, progress)
    chosen: FrequencyPosterior = flat if request.prior == "flat" else npmle
    what_if = [_precision_at(request, chosen, flat, n, rng, progress) for n in request.what_if_n]
    columns = _columns(request, pairs, membership, signal.p_value < _SIGNAL_LEVEL, progress)
    return AnalysisResult(
        method=METHOD,
        params_effective=request.parameters,
        verdict="ranking_supported" if signal.p_value < _SIGNAL_LEVEL else "no_signal",
        result={
            "items": columns,
            "top_k": _largest(request.estimate.frequencies, request.k),
            "expected_precision_at_k": _precision(request, columns["p_topk"]),
            "expected_precision_at_k_flat": _precision(request, membership.flat),
            "boundary": _boundary(request, pairs),
            "what_if": {"n": list(request.what_if_n), "expected_precision_at_k": what_if},
        },
        diagnostics={**_diagnostics(request, noise, signal, membership), "prior_fit": vars(npmle.prior_fit)},
        seed=request.seed,
        warnings=_warnings(request, membership, signal),
        series=_series(request, columns, what_if),
    )


def _largest(frequencies: FloatArray, k: int) -> IntArray:
    """The k largest, in falling order; equal ones in the order of items."""
    largest: IntArray = np.argsort(-frequencies, kind="stable")[:k]
    return largest


def _members(draws: FloatArray, k: int) -> IntArray:
    """The k largest of each draw, in no order.  (M, items) -> (M, k)"""
    items = draws.shape[1]
    members: IntArray = np.argpartition(draws, items - k, axis=1)[:, items - k :]
    return members


def _draw(
    request: TopKRequest,
    flat: FlatPosterior,
    npmle: GridPosterior,
    largest: LargestDifference,
    rng: np.random.Generator,
    progress: Progress,
) -> _Membership:
    """How often each item is among the k largest, under both priors, and the critical value of differences."""
    items, frequencies = request.estimate.domain_size, request.estimate.frequencies
    counts = np.zeros((2, items))
    differences: list[FloatArray] = []
    done, at_once = 0, max(1, _ENTRIES_AT_ONCE // items)
    while done < request.samples:
        rows = min(at_once, request.samples - done)
        noise = flat.noise(rng, rows)
        differences.append(largest.of(noise))
        for count, draws in zip(counts, (frequencies + noise, npmle.draw(rng, rows)), strict=True):
            count += np.bincount(_members(draws, request.k).ravel(), minlength=items)
        done += rows
        progress(Step(done, request.samples, "samples"))
    critical = float(np.quantile(np.concatenate(differences), 1 - request.alpha, method="higher"))
    return _Membership(counts[0] / done, counts[1] / done, critical)


def _precision_at(
    request: TopKRequest,
    posterior: FrequencyPosterior,
    flat: FlatPosterior,
    reports: int,
    rng: np.random.Generator,
    progress: Progress,
) -> float:
    """Expected share of the k largest estimates that truly belong, if there were so many reports in all.

    More reports than now: the truth is drawn from the posterior, new reports are added to the old ones, and estimates are
    pooled. Fewer: the old reports are thinned out, which adds noise to the estimates.
    """
    n, items, frequencies = request.estimate.n, request.estimate.domain_size, request.estimate.frequencies
    total, done, hits = min(request.samples, _WHAT_IF_DRAWS), 0, 0
    at_once = max(1, _ENTRIES_AT_ONCE // items)
    while done < total:
        rows = min(at_once, total - done)
        truth, noise = posterior.draw(rng, rows), flat.noise(rng, rows)
        if reports > n:
            fresh = truth + noise * np.sqrt(n / (reports - n))
            seen = (n * frequencies + (reports - n) * fresh) / reports
        else:
            seen = frequencies + noise * np.sqrt(n / reports - 1)
        marked = np.zeros((rows, items), dtype=np.bool_)
        np.put_along_axis(marked, _members(truth, request.k), True, axis=1)
        hits += int(np.take_along_axis(marked, _members(seen, request.k), axis=1).sum())
        done += rows
        progress(Step(done, total, "what-if samples"))
    return hits / (total * request.k)


def _columns(
    request: TopKRequest, pairs: PairSpread, membership: _Membership, supported: bool, progress: Progress
) -> dict[str, Any]:
    """One row for each item, in the order of items."""
    estimate = request.estimate
    p = membership.flat if request.prior == "flat" else membership.npmle
    ranges = rank_ranges(estimate.frequencies, pairs, membership.critical, progress)
    status = np.where(p >= _IN, "in", np.where(p <= _OUT, "out", "borderline"))
    return {
        "item": np.arange(estimate.domain_size),
        "estimate": estimate.frequencies,
        "se": estimate.standard_errors,
        "p_topk": p,
        "p_topk_se": np.sqrt(p * (1 - p) / request.samples),
        "p_topk_flat": membership.flat,
        "expected_rank": expected_ranks(estimate.frequencies, pairs, progress),
        "rank_low": ranges.low,
        "rank_high": ranges.high,
        "status": status.tolist() if supported else ["borderline"] * estimate.domain_size,
    }


def _precision(request: TopKRequest, p: FloatArray) -> float:
    """Expected share of the k largest estimates that truly belong."""
    return float(p[_largest(request.estimate.frequencies, request.k)].mean())


def _boundary(request: TopKRequest, pairs: PairSpread) -> dict[str, Any]:
    """The last item in and the first one out, and the reports that would tell them apart if their gap is as it seems.

    A gap g is told at level alpha from n >= (z_{1 - alpha} sd sqrt(n_now) / g)^2 reports.
    """
    order = _largest(request.estimate.frequencies, request.k + 1)
    last, first_out = int(order[-2]), int(order[-1])
    gap = float(request.estimate.frequencies[last] - request.estimate.frequencies[first_out])
    deviation = float(pairs.rows(slice(last, last + 1))[0, first_out])
    needed = None
    if gap > 0:
        needed = float(np.ceil(request.estimate.n * (ndtri(1 - request.alpha) * deviation / gap) ** 2))
    return {"last_in": last, "first_out": first_out, "gap": gap, "gap_se": deviation, "reports_needed": needed}


def _diagnostics(
    request: TopKRequest, noise: EstimatorNoise, signal: Signal, membership: _Membership
) -> dict[str, Any]:
    canaries = request.estimate.canaries
    check = None
    if canaries.count:
        check = {"canaries": canaries.count, "rms_z": canaries.rms_z, "max_abs_z": canaries.max_abs_z}
        check |= {"alarm_at": canaries.alarm_at, "alarm": canaries.alarm}
    return {
        "signal": signal._asdict(),
        "sigma": float(np.sqrt(noise.rank_variances().mean())),
        "covariance_mode": "independent" if request.covariance is None else "exact",
        "critical_value": membership.critical,
        "max_p_se": 0.5 / float(np.sqrt(request.samples)),
        "noise_check": check,
    }


def _warnings(request: TopKRequest, membership: _Membership, signal: Signal) -> tuple[str, ...]:
    optimism = _precision(request, membership.flat) - _precision(request, membership.npmle)
    told = {
        "no_signal": signal.p_value >= _SIGNAL_LEVEL,
        "flat_prior_optimistic": request.prior == "flat" and optimism > _OPTIMISM,
        "canary_alarm": request.estimate.canaries.alarm,
    }
    return tuple(code for code, said in told.items() if said)


def _series(request: TopKRequest, columns: dict[str, Any], what_if: list[float]) -> dict[str, Series]:
    order = np.argsort(-request.estimate.frequencies, kind="stable")
    sorted_columns: dict[str, Any] = {name: np.asarray(column)[order] for name, column in columns.items()}
    place: dict[str, Any] = {"place": np.arange(1, len(order) + 1), **sorted_columns}
    series = {"items": Series(place, "place", "place by estimate", "frequency, membership probability and rank range")}
    if what_if:
        curve: dict[str, Any] = {"n": list(request.what_if_n), "expected_precision_at_k": what_if}
        series["what_if"] = Series(curve, "n", "reports", "expected precision at k", log_x=True)
    return series
