"""Compiled passes over the counts for the Singer decoder. Imported only when a decode runs.

Each pass is a loop over one stretch, called once for small arrays and by several threads for large ones: waking threads costs
more than a small array is worth, above all on a busy machine.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from ldp_core.threads import threaded_loops
from ldp_core.types import Counts, FloatArray, SupportCounts

__all__ = ["compile_threaded", "gather", "scatter"]

_STRETCHES = 64
_WORTH_THREADS = 1 << 19


def gather(counts: Counts, points: NDArray[np.int32], mean: int, out: FloatArray) -> float:
    """out[i] = counts[points[i]] - mean; returns the sum of squares.

    counts: (N,) · points: (N,) · out: (N,) or longer, whose tail is left alone.
    """
    if len(points) < _WORTH_THREADS:
        return float(_gather_stretch(counts, points, mean, out, 0, len(points)))
    with threaded_loops:
        return float(_gather_threaded(counts, points, mean, out))


def scatter(values: FloatArray, hyperplanes: NDArray[np.int32], offset: int, out: SupportCounts) -> float:
    """out[hyperplanes[i]] = offset + values[i], rounded; returns the largest distance to an integer.

    values: (N,) or longer · hyperplanes: (N,) · out: (N,). The distance is not a number where a value is not.
    """
    if len(hyperplanes) < _WORTH_THREADS:
        return float(_scatter_stretch(values, hyperplanes, offset, out, 0, len(hyperplanes)))
    with threaded_loops:
        return float(_scatter_threaded(values, hyperplanes, offset, out))


@njit(cache=True, nogil=True)
def _gather_stretch(
    counts: Counts, points: NDArray[np.int32], mean: int, out: FloatArray, start: int, stop: int
) -> float:
    total = 0.0
    for i in range(start, stop):
        value = float(counts[points[i]] - mean)
        out[i] = value
        total += value * value
    return total


@njit(parallel=True, cache=True, nogil=True)
def _gather_threaded(counts: Counts, points: NDArray[np.int32], mean: int, out: FloatArray) -> float:
    size = len(points)
    partial = np.zeros(_STRETCHES)
    for s in prange(_STRETCHES):
        start, stop = size * s // _STRETCHES, size * (s + 1) // _STRETCHES
        partial[s] = _gather_stretch(counts, points, mean, out, start, stop)
    return partial.sum()


@njit(cache=True, nogil=True)
def _scatter_stretch(
    values: FloatArray, hyperplanes: NDArray[np.int32], offset: int, out: SupportCounts, start: int, stop: int
) -> float:
    furthest = 0.0
    for i in range(start, stop):
        nearest = np.rint(values[i])
        distance = abs(values[i] - nearest)
        if not distance <= furthest:  # also where the value is not a number
            furthest = distance
        out[hyperplanes[i]] = offset + np.int64(nearest)
    return furthest


@njit(parallel=True, cache=True, nogil=True)
def _scatter_threaded(values: FloatArray, hyperplanes: NDArray[np.int32], offset: int, out: SupportCounts) -> float:
    size = len(hyperplanes)
    partial = np.zeros(_STRETCHES)
    for s in prange(_STRETCHES):
        start, stop = size * s // _STRETCHES, size * (s + 1) // _STRETCHES
        partial[s] = _scatter_stretch(values, hyperplanes, offset, out, start, stop)
    return partial.max()


def compile_threaded() -> None:
    """Compile the threaded passes by running them on one cell."""
    one, place = np.ones(1, dtype=np.int64), np.zeros(1, dtype=np.int32)
    with threaded_loops:
        _gather_threaded(one, place, 0, np.zeros(1))
        _scatter_threaded(np.zeros(1), place, 0, one)
