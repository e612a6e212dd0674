"""Fleets of simulated phones: what would they tell, and is it as close to the truth as promised?

Every fleet has the same phones with the same items and throws new coins, so errors are those that the promise is about. The phones
use the shipped randomizer's simulation path, and their reports the shipped tally and decoder.
"""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np

from ldp_core.analysis.fields import request_from_json
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.analysis.result import AnalysisResult, Series
from ldp_core.analysis.simulation.checks import FALSE_ALARMS, alarm, effective_items, p_values
from ldp_core.analysis.simulation.observed import Observed
from ldp_core.analysis.simulation.promise import Promise
from ldp_core.analysis.simulation.request import SCHEMA, FleetRequest, phones_at_once, seconds_of
from ldp_core.estimation import critical_value
from ldp_core.estimation.proportion import wilson_interval
from ldp_core.mechanisms import Tally
from ldp_core.types import IntArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "FleetRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "fleet-simulation"
TITLE = "A fleet of simulated phones"
QUESTION = "What would a fleet of so many phones tell, and how far from the truth would it be?"
EXAMPLE: Mapping[str, Any] = {
    "mechanism": {"name": "projective_geometry", "epsilon": "2", "domain_size": 200},
    "population": "zipf",
    "held_items": 50,
    "phones": 20000,
    "repetitions": 50,
}
VERDICTS: Mapping[str, str] = {
    "as_promised": "errors, intervals and noise floor are what the formulas promise, as far as these fleets can tell",
    "off": "something that was measured contradicts the formulas; of simulations that are as promised, at most one in 1,000 is called this",
}

_LISTED, _DRAWN = 1_000, 500
_COARSE = 1.5
_METRIC = "observed error over promised"


def from_json(body: object) -> FleetRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(FleetRequest, body)


def predicted_seconds(request: FleetRequest) -> float:
    """Expected duration on one core."""
    return seconds_of(request.made, request.phones, request.repetitions)


def run(request: FleetRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Simulate all fleets and hold what they tell against the truth and against the promise."""
    promise = Promise.of(request.made, request.holdings)
    observed = Observed(request.holdings, promise, confidence=request.confidence, top=request.top)
    for fleet in range(request.repetitions):
        tally = _reports_of(request, fleet, observed, progress)
        observed.add(request.made.decode(tally))
    p = p_values(promise, observed, request.confidence)
    independent = effective_items(promise, observed.error_ratios)
    order = np.argsort(-request.holdings.held, kind="stable")
    return AnalysisResult(
        method=METHOD,
        params_effective=request.parameters,
        seed=request.seed,
        verdict="off" if alarm(p) else "as_promised",
        result={
            "error": _error(promise, observed, independent),
            "bias": _bias(observed, p["bias"]),
            "coverage": _coverage(observed, independent),
            "top_k": _top_k(observed),
            "noise_floor": _noise_floor(observed),
            "items": _items(request, promise, observed, order[:_LISTED]),
        },
        diagnostics={
            "checks": [
                {"check": name, "p_value": value, "alarm_below": FALSE_ALARMS / len(p)} for name, value in p.items()
            ],
            "false_alarms_at_most": FALSE_ALARMS,
            "effective_items": independent,
            "independent_items": promise.independent_items,
            "largest_step": promise.step,
        },
        warnings=_warnings(request, promise),
        series=_series(request, promise, observed, order[:_DRAWN]),
    )


def _reports_of(request: FleetRequest, fleet: int, observed: Observed, progress: Progress) -> Tally:
    """The tally of one fleet, made in parts so that memory stays bounded."""
    rng = np.random.default_rng([request.seed, fleet])
    tally, at_once = Tally.empty(request.made.tally_size), phones_at_once(request.made)
    total, before = request.phones * request.repetitions, request.phones * fleet
    for start in range(0, request.phones, at_once):
        stop = min(start + at_once, request.phones)
        reports = request.made.randomize_many(request.holdings.answers(start, stop), rng)
        tally = tally.merge(request.made.tally(reports))
        progress(Step(before + stop, total, "phones", _METRIC, observed.error_ratio))
    return tally


def _error(promise: Promise, observed: Observed, independent: float) -> dict[str, float]:
    """Of all items together. The ratio of standard errors has half the relative error of that of their squares."""
    ratio = float(np.sqrt(np.mean(observed.error_ratios)))
    promised = math.sqrt(promise.total_variance / len(promise.variances))
    return {
        "observed_over_promised": ratio,
        "ratio_se": ratio / math.sqrt(2 * observed.fleets * independent),
        "promised_standard_error": promised,
        "observed_standard_error": ratio * promised,
    }


def _bias(observed: Observed, p: float) -> dict[str, float | int]:
    """The largest mean error, beside the largest of as many independent normal numbers."""
    z = np.abs(observed.bias_z)
    worst = int(np.argmax(z))
    usual = {f"null_{percent}": _largest_of(len(z), percent / 100) for percent in (50, 99)}
    return {"max_abs_z": float(z[worst]), "item": worst, **usual, "p_bonferroni": p}


def _largest_of(count: int, quantile: float) -> float:
    """The quantile of the largest absolute value of so many independent standard normal numbers."""
    return critical_value(quantile ** (1 / count))


def _coverage(observed: Observed, independent: float) -> dict[str, Any]:
    """Of each item's interval, counting items as far as they are independent, and of all intervals of a fleet together."""
    trials = observed.fleets * independent
    return {
        "pointwise": _share(float(np.mean(observed.covered_shares)) * trials, trials),
        "simultaneous": _share(sum(observed.all_covered), observed.fleets),
    }


def _share(successes: float, trials: float) -> dict[str, float]:
    low, high = wilson_interval(successes, trials)
    return {"share": successes / trials, "low": low, "high": high}


def _top_k(observed: Observed) -> dict[str, float | int | None]:
    """The share of the largest estimates that belong to the largest shares; ties belong."""
    several = observed.fleets > 1
    error = float(np.std(observed.precisions, ddof=1)) / math.sqrt(observed.fleets) if several else None
    return {"k": observed.top, "precision": float(np.mean(observed.precisions)), "precision_se": error}


def _noise_floor(observed: Observed) -> dict[str, Any]:
    """How many items stand out, and how many of them nobody holds."""
    deceived = sum(found > 0 for found in observed.false_found)
    return {
        "floor": float(np.mean(observed.floors)),
        "held_items": len(observed.covered) - observed.unheld_items,
        "found_items": float(np.mean(observed.found)),
        "unheld_items": observed.unheld_items,
        "false_discoveries": float(np.mean(observed.false_found)),
        "fleets_with_false_discoveries": _share(deceived, observed.fleets),
    }


def _items(request: FleetRequest, promise: Promise, observed: Observed, shown: IntArray) -> dict[str, Any]:
    """The most frequent items, item by item."""
    truth = request.holdings.truth
    return {
        "item": shown,
        "truth": truth[shown],
        "mean_estimate": (truth + observed.errors / observed.fleets)[shown],
        "promised_standard_error": promise.standard_errors[shown],
        "observed_standard_error": observed.standard_errors[shown],
        "coverage": (observed.covered / observed.fleets)[shown],
        "among_top": (observed.among_top / observed.fleets)[shown],
    }


def _warnings(request: FleetRequest, promise: Promise) -> tuple[str, ...]:
    """Few reports support an item: the normal tails behind intervals and floor may then be off by half their size."""
    z = critical_value(request.confidence, len(promise.variances))
    nominal = 1 - request.confidence
    told = {
        "few_reports": promise.miss_rate(nominal, z) > _COARSE * nominal,
        "one_fleet": request.repetitions == 1,
    }
    return tuple(code for code, said in told.items() if said)


def _series(request: FleetRequest, promise: Promise, observed: Observed, drawn: IntArray) -> dict[str, Series]:
    items = _items(request, promise, observed, drawn)
    reach = critical_value(request.confidence) * items["promised_standard_error"]
    estimates = {name: items[name] for name in ("item", "mean_estimate", "truth")}
    estimates |= {"low": items["truth"] - reach, "high": items["truth"] + reach}
    errors: dict[str, Any] = {"place": np.arange(1, len(drawn) + 1)}
    errors |= {word: items[f"{word}_standard_error"] for word in ("promised", "observed")}
    fleets: dict[str, Any] = {
        "fleet": np.arange(1, observed.fleets + 1),
        "observed_over_promised": np.sqrt(observed.error_ratios),
        "covered": observed.covered_shares,
        "precision": observed.precisions,
        "found": observed.found,
        "false_found": observed.false_found,
    }
    within = f"mean estimate, and where {100 * request.confidence:.4g} % of fleets have theirs,"
    place = "place of the item by its true share"
    return {
        "items": Series(estimates, "item", "item", within),
        "standard_errors": Series(errors, "place", place, "promised and observed standard error"),
        "fleets": Series(fleets, "fleet", "fleet", "observed over promised error"),
        "bias": _bias_quantiles(observed),
    }


def _bias_quantiles(observed: Observed) -> Series:
    """Mean errors in standard errors against what as many normal numbers would be: a straight line where there is no bias."""
    z = np.sort(observed.bias_z)
    ranks = np.unique(np.linspace(0, len(z) - 1, min(len(z), _DRAWN)).round().astype(np.int64))
    normal = [NormalDist().inv_cdf((rank + 0.5) / len(z)) for rank in ranks.tolist()]
    columns: dict[str, Any] = {"expected": normal, "of_items": z[ranks], "of_normal_numbers": normal}
    told = "mean error in standard errors, of items and of normal numbers"
    return Series(columns, "expected", "quantile of a normal number", told)
