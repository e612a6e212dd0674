"""Intervals for a share of successes."""

import math

from ldp_core.estimation.intervals import critical_value

__all__ = ["wilson_interval"]


def wilson_interval(successes: float, trials: float, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for the probability behind `successes` of `trials`: the p with |p_hat - p| <= z sqrt(p (1-p) / n).

    0 <= successes <= trials, trials >= 1; fractions where trials are not independent and count for fewer. Source: Wilson 1927.

    >>> [round(end, 4) for end in wilson_interval(30, 30)]
    [0.8865, 1.0]
    """
    z = critical_value(confidence)
    share, z2n = successes / trials, z * z / trials
    middle = (share + z2n / 2) / (1 + z2n)
    spread = math.sqrt(share * (1 - share) * z2n + z2n * z2n / 4) / (1 + z2n)
    return max(0.0, middle - spread), min(1.0, middle + spread)
