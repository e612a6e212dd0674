"""Is there anything to rank? Tests of "all items are equally frequent" against two kinds of truth.

    many items differ a little   chi^2 = sum (f_x - mean)^2 / e with e the variance at equal frequencies, on k - 1 degrees of
                                 freedom, matched to the kurtosis of counts where those are small
    one item stands out          the largest support count against its binomial law, times k
The p value is the smaller of the two, each divided by its part of the false alarms: most go to chi^2, because an item that
truly stands out among many does so by far, and a false alarm of the second kind would call that item in.
"""

from typing import NamedTuple

import numpy as np
from scipy.stats import binom, norm
from scipy.stats import chi2 as chi_squared

from ldp_core.analysis.perturbed.estimator_noise import EstimatorNoise
from ldp_core.estimation.blocked import BlockedEstimate

__all__ = ["Signal", "signal_in"]

_DISPERSED = 0.9


class Signal(NamedTuple):
    """Both tests, and their joint p value."""

    chi2: float
    df: int
    chi2_p: float
    largest_z: float
    largest_p: float
    p_value: float


def signal_in(noise: EstimatorNoise) -> Signal:
    """How surprising the estimates would be if all items were equally frequent."""
    frequencies = noise.estimate.frequencies
    k = len(frequencies)
    variances = noise.rank_variances(np.full(k, 1 / k))
    centre = np.average(frequencies, weights=1 / variances)
    z = (frequencies - centre) / np.sqrt(variances)
    statistic = float(z @ z)
    dispersed = _dispersion_p(statistic, k - 1, _kurtosis(noise, k))
    outlying = _largest_p(noise, k, float(z.max()))
    return Signal(
        statistic,
        k - 1,
        dispersed,
        float(z.max()),
        outlying,
        min(1.0, dispersed / _DISPERSED, outlying / (1 - _DISPERSED)),
    )


def _support_share(noise: EstimatorNoise, k: int) -> float:
    """Share of reports that support an item of frequency 1/k."""
    rates = noise.estimate.rates
    return float(rates.other + rates.gap / k)


def _kurtosis(noise: EstimatorNoise, k: int) -> float:
    """Excess kurtosis of a binomial count: (1 - 6 p (1 - p)) / (n p (1 - p))."""
    spread = _support_share(noise, k) * (1 - _support_share(noise, k))
    return max((1 - 6 * spread) / (noise.estimate.n * spread), 0.0)


def _dispersion_p(statistic: float, df: int, kurtosis: float) -> float:
    """Tail of the scaled chi^2 law with mean df and variance df (2 + kurtosis)."""
    scale = (2 + kurtosis) / 2
    return float(chi_squared.sf(statistic / scale, df / scale))


def _largest_p(noise: EstimatorNoise, k: int, largest_z: float) -> float:
    """k times the chance that one item's count comes out as large as the largest."""
    estimate = noise.estimate
    if isinstance(estimate, BlockedEstimate):
        return min(1.0, k * float(norm.sf(largest_z)))
    most = int(estimate.support_counts[:k].max())
    return min(1.0, k * float(binom.sf(most - 1, estimate.n, _support_share(noise, k))))
