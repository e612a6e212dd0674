"""Is what was promised kept? Five checks whose false alarms are bounded together.

Notation: R fleets of n phones, k items · v: promised variance of one estimate · delta: step, `Promise` ·
Q: a fleet's sum of squared errors over the promised one · nu: effective items.
Each check has a p-value that is not too small by chance alone, and the alarm is raised when the least of the five is below a
fifth of `FALSE_ALARMS` (Bonferroni).
"""

import math
import sys
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.special import bdtrc, chdtr, chdtrc, stdtr

from ldp_core.analysis.simulation.observed import Observed
from ldp_core.analysis.simulation.promise import Promise
from ldp_core.estimation import critical_value
from ldp_core.types import FloatArray

__all__ = ["FALSE_ALARMS", "alarm", "bias_p_value", "effective_items", "error_p_value", "p_values"]

FALSE_ALARMS = 1e-3
"""The most often that simulations in which everything is as promised are called off."""


def p_values(promise: Promise, observed: Observed, confidence: float) -> Mapping[str, float]:
    """The p-value of each check: one of `bias`, `error`, `pointwise`, `simultaneous`, `noise_floor`."""
    k, fleets = len(promise.variances), observed.fleets
    miss = 1 - confidence
    z_one, z_all = critical_value(confidence), critical_value(confidence, k)
    independent = fleets * effective_items(promise, observed.error_ratios)
    missed = (1 - float(np.mean(observed.covered_shares))) * independent
    surprised = sum(found > 0 for found in observed.false_found)
    return {
        "bias": bias_p_value(promise, observed.errors, fleets),
        "error": error_p_value(observed.error_ratios, independent),
        "pointwise": _at_least(missed, independent, promise.miss_rate(miss, z_one)),
        "simultaneous": _at_least(fleets - sum(observed.all_covered), fleets, promise.miss_rate(miss, z_all)),
        "noise_floor": _at_least(surprised, fleets, promise.miss_rate(miss, z_all)),
    }


def alarm(p: Mapping[str, float]) -> bool:
    """Does some check fail? With probability at most `FALSE_ALARMS` when everything is as promised."""
    return min(p.values()) < FALSE_ALARMS / len(p)


def bias_p_value(promise: Promise, errors: FloatArray, fleets: int) -> float:
    """The chance, at most, that some item's summed error is as large as the most surprising one here, when there is no bias.

    2 k exp(-(V / b^2) h(b |t| / V)), h(u) = (1 + u) log(1 + u) - u, with t the sum of n R reports' errors, V = n^2 R v its variance and
    b the most that one report is off: exp(-z^2 / 2) where b is small. Source: Bennett 1962, and a union bound over the items.
    errors: (k,) sums over fleets of estimate minus truth.
    """
    sums, variances = promise.phones * np.abs(errors), promise.phones**2 * fleets * promise.variances
    u = promise.largest_move * sums / variances
    exponent = variances / promise.largest_move**2 * ((1 + u) * np.log1p(u) - u)
    return min(1.0, 2 * len(errors) * float(np.exp(-exponent.max())))


def effective_items(promise: Promise, error_ratios: Sequence[float]) -> float:
    """nu: so many independent normal errors vary as much in sum of squares, 2 / Var(Q). At most that of the promise.

    error_ratios: (R,) Q of each fleet. From one fleet nothing can be told, and nu is 1 at most. It is far below 1 where phones hardly
    ever say anything but the truth: then Q is nearly always 0.
    """
    if len(error_ratios) < 2:
        return min(1.0, promise.independent_items)
    return 2 / max(float(np.var(error_ratios, ddof=1)), 2 / promise.independent_items)


def error_p_value(error_ratios: Sequence[float], freedom: float) -> float:
    """The chance of a mean Q as far from 1, to both sides: the larger one by chi-square and by Student's t.

    Few items make Q skew, which chi-square with R nu degrees of freedom knows; many that hang together make its spread unknown,
    which t knows, and then Q is nearly normal. error_ratios: (R,) Q of each fleet · freedom: R nu.
    """
    mean, fleets = float(np.mean(error_ratios)), len(error_ratios)
    tail = chdtr if mean < 1 else chdtrc
    by_chi_square = float(
        tail(freedom, max(freedom * mean, sys.float_info.min))
    )  # with far less than one degree, 0 is likely
    spread = float(np.std(error_ratios, ddof=1)) if fleets > 1 else 0.0
    if spread == 0:  # one fleet, or fleets of so few phones that all said the same
        return min(1.0, 2 * by_chi_square)
    by_t = float(stdtr(fleets - 1, -abs(mean - 1) / spread * math.sqrt(fleets)))
    return min(1.0, 2 * max(by_chi_square, by_t))


def _at_least(events: float, trials: float, rate: float) -> float:
    """The chance of at least so many events, rounded up, in so many trials, rounded down, but in one."""
    of = max(1, int(trials))
    count = min(of, int(np.ceil(events - 1e-9)))
    return 1.0 if count <= 0 or rate >= 1 else float(bdtrc(count - 1, of, rate))
