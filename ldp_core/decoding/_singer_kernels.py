"""Compiled passes over the counts for the Singer decoder. Imported only when a decode runs."""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from ldp_core.types import Counts, FloatArray, SupportCounts

__all__ = ["gather", "scatter"]

_STRETCHES = 64


@njit(parallel=True, cache=True, nogil=True)
def gather(counts: Counts, points: NDArray[np.int32], mean: int, out: FloatArray) -> float:
    """out[i] = counts[points[i]] - mean; returns the sum of squares.

    counts: (N,) · points: (N,) · out: (N,) or longer, whose tail is left alone.
    """
    size = len(points)
    partial = np.zeros(_STRETCHES)
    for stretch in prange(_STRETCHES):
        total = 0.0
        for i in range(size * stretch // _STRETCHES, size * (stretch + 1) // _STRETCHES):
            value = float(counts[points[i]] - mean)
            out[i] = value
            total += value * value
        partial[stretch] = total
    return partial.sum()


@njit(parallel=True, cache=True, nogil=True)
def scatter(values: FloatArray, hyperplanes: NDArray[np.int32], offset: int, out: SupportCounts) -> float:
    """out[hyperplanes[i]] = offset + values[i], rounded; returns the largest distance to an integer.

    values: (N,) or longer · hyperplanes: (N,) · out: (N,).
    """
    size = len(hyperplanes)
    partial = np.zeros(_STRETCHES)
    for stretch in prange(_STRETCHES):
        furthest = 0.0
        for i in range(size * stretch // _STRETCHES, size * (stretch + 1) // _STRETCHES):
            nearest = np.rint(values[i])
            distance = abs(values[i] - nearest)
            if not distance <= furthest:  # also where the value is not a number
                furthest = distance
            out[hyperplanes[i]] = offset + np.int64(nearest)
        partial[stretch] = furthest
    return partial.max()
