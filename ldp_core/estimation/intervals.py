"""Confidence intervals for frequencies.

Notation: Var(f_hat) = (v + w f) / n with v = v0 and w = v1 - v0; z: critical value.
    Supports are rare, so errors are skewed: far out, where the intervals of many items end, a normal distribution is too short on one
    side. The quantile of a sum of n terms with variance v and third central moment u exceeds the normal one by (z^2 - 1) u / (6 n v)
    (Cornish & Fisher 1938, first term). a = u / v is called the asymmetry; it is positive where few reports support an item.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from ldp_core.errors import ParameterError
from ldp_core.types import FloatArray, Frequencies

__all__ = ["Interval", "critical_value", "noise_floor", "score_interval"]


class Interval(NamedTuple):
    """Lower and upper ends, one for each item. Ends may lie outside 0..1: they are not clipped."""

    low: Frequencies
    high: Frequencies


def critical_value(confidence: float, comparisons: int = 1) -> float:
    """z with Pr[|Z| > z] = (1 - confidence) / comparisons for a standard normal Z (Bonferroni for several).

    >>> round(critical_value(0.95), 3), round(critical_value(0.95, 22_000), 3)
    (1.96, 4.728)
    """
    if not 0 < confidence < 1:
        raise ParameterError(f"confidence must lie strictly between 0 and 1, got {confidence}; 0.95 is usual")
    if comparisons < 1:
        raise ParameterError(f"comparisons must be at least 1, got {comparisons}")
    return -NormalDist().inv_cdf((1 - confidence) / (2 * comparisons))


def score_interval(
    frequencies: Frequencies,
    noise: FloatArray | float,
    slope: FloatArray | float,
    n: int,
    z: float,
    asymmetry: FloatArray | float = 0.0,
) -> Interval:
    """The values f with |f_hat - f| <= z sqrt((v + w f) / n), the roots of a quadratic in f, and further out on the longer side.

    frequencies: (k,) · noise: v, slope: w, asymmetry: a, scalars or (k,) · n >= 1.
    Inverting the test at the true variance keeps coverage where the plug-in error is itself noisy. The end on the shorter side is not
    drawn in: with a handful of supports there is no room for it.
    """
    slope = np.asarray(slope, dtype=np.float64)
    beyond = _beyond(z, n, asymmetry)

    def end(sign: int, centre: FloatArray) -> FloatArray:
        spread = z * np.sqrt(np.maximum((noise + slope * centre) / n + (z * slope / (2 * n)) ** 2, 0))
        root: FloatArray = centre + z * z * slope / (2 * n) + sign * spread
        return root

    return Interval(end(-1, frequencies - np.maximum(beyond, 0)), end(1, frequencies - np.minimum(beyond, 0)))


def noise_floor(noise: float, n: int, confidence: float, comparisons: int, asymmetry: float = 0.0) -> float:
    """The estimate that, with probability `confidence`, no item of frequency zero out of `comparisons` exceeds."""
    if not 0 < confidence < 1:
        raise ParameterError(f"confidence must lie strictly between 0 and 1, got {confidence}; 0.95 is usual")
    z = -NormalDist().inv_cdf((1 - confidence) / comparisons)
    return z * math.sqrt(noise / n) + max(0.0, float(_beyond(z, n, asymmetry)))


def _beyond(z: float, n: int, asymmetry: FloatArray | float) -> FloatArray:
    """By how much the quantile lies beyond the normal one."""
    return (z * z - 1) / (6 * n) * np.asarray(asymmetry, dtype=np.float64)
