"""Confidence intervals for frequencies.

Notation: Var(f_hat) = (v + w f) / n with v = v0 and w = v1 - v0; z: critical value.
"""

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
    frequencies: Frequencies, noise: FloatArray | float, slope: FloatArray | float, n: int, z: float
) -> Interval:
    """The values f with |f_hat - f| <= z sqrt((v + w f) / n): the roots of a quadratic in f.

    frequencies: (k,) · noise: v, slope: w, scalars or (k,) · n >= 1.
    Inverting the test at the true variance keeps coverage where the plug-in error is itself noisy.
    """
    slope = np.asarray(slope, dtype=np.float64)
    spread = z * np.sqrt(np.maximum((noise + slope * frequencies) / n + (z * slope / (2 * n)) ** 2, 0))
    middle = frequencies + z * z * slope / (2 * n)
    return Interval(middle - spread, middle + spread)


def noise_floor(noise: FloatArray | float, n: int, confidence: float, comparisons: int) -> FloatArray | float:
    """The estimate that, with probability `confidence`, no item of frequency zero out of `comparisons` exceeds."""
    if not 0 < confidence < 1:
        raise ParameterError(f"confidence must lie strictly between 0 and 1, got {confidence}; 0.95 is usual")
    z = -NormalDist().inv_cdf((1 - confidence) / comparisons)
    return z * np.sqrt(np.asarray(noise) / n) if isinstance(noise, np.ndarray) else z * float(np.sqrt(noise / n))
