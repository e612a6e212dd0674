"""Ranks of noisy frequencies: expected ranks, and ranges that hold for all items together.

Notation: rank 1 is the most frequent · sd_ij: deviation of f_i - f_j · c: critical value
    (f_i - f_j) / sd_ij over all pairs together exceeds c with probability at most alpha when all truths are equal, so with
    probability 1 - alpha every difference beyond c sd_ij has its true sign. Then item i is below every j with
    f_j - f_i > c sd_ij, and above every j with f_i - f_j > c sd_ij. (Max-t, or Tukey's studentized range.)
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.types import FloatArray, IntArray

__all__ = ["LargestDifference", "PairSpread", "RankRanges", "expected_ranks", "rank_ranges"]

_PAIRS_AT_ONCE = 500_000
_GROUPS = 12


class PairSpread:
    """Deviations of differences, from variances (k,) of independent noise or a covariance (k, k)."""

    def __init__(self, spread: FloatArray) -> None:
        self._spread = spread
        self.own = spread if spread.ndim == 1 else np.diag(spread)

    def rows(self, items: slice) -> FloatArray:
        """sd_ij for some i and all j, infinite for j = i.  -> (b, k)"""
        own = self.own
        squares = own[items, None] + own[None, :]
        if self._spread.ndim == 2:
            squares = np.maximum(squares - 2 * self._spread[items], 0)
        places = np.arange(len(own))[items]
        squares[np.arange(len(places)), places] = np.inf
        deviations: FloatArray = np.sqrt(squares)
        return deviations


def _blocks(k: int, progress: Progress) -> Iterator[slice]:
    """Rows of the k x k pairs that are worked on together."""
    rows = max(1, _PAIRS_AT_ONCE // k)
    for start in range(0, k, rows):
        progress(Step(start, k, "rows of pairs"))
        yield slice(start, min(start + rows, k))


def expected_ranks(frequencies: FloatArray, pairs: PairSpread, progress: Progress = silent) -> FloatArray:
    """1 + sum_j Pr[item j is truly above i] = 1 + sum_j Phi((f_j - f_i) / sd_ij) under a flat prior.  (k,) -> (k,)"""
    ranks = np.empty(len(frequencies))
    for items in _blocks(len(frequencies), progress):
        z = (frequencies[None, :] - frequencies[items, None]) / pairs.rows(items)
        # an item has z = 0 against itself, which counts a half
        ranks[items] = 0.5 + ndtr(z).sum(axis=1)
    return ranks


class LargestDifference:
    """The largest |x_i - x_j| / sd_ij over all pairs, bounded from above in time k instead of k^2.

    Items are put into groups of like variance; the ranges of the groups are divided by the smallest sd between them.
    """

    def __init__(self, pairs: PairSpread, progress: Progress = silent) -> None:
        self._groups = _groups(pairs.own)
        self._least = _least_between(pairs, self._groups, progress)

    def of(self, noise: FloatArray) -> FloatArray:
        """For each draw.  (M, k) -> (M,)"""
        high = np.stack([noise[:, members].max(axis=1) for members in self._groups], axis=1)  # (M, G)
        low = np.stack([noise[:, members].min(axis=1) for members in self._groups], axis=1)
        ratios = (high[:, :, None] - low[:, None, :]) / self._least  # (M, G, G)
        largest: FloatArray = ratios.reshape(len(noise), -1).max(axis=1)
        return largest


def _groups(own: FloatArray) -> list[IntArray]:
    """Items of like variance: between smallest and largest, evenly on a log scale; empty groups left out."""
    low, high = own.min(), own.max()
    if high <= low * (1 + 1e-9):
        return [np.arange(len(own))]
    cell = np.minimum((np.log(own / low) / np.log(high / low) * _GROUPS).astype(np.int64), _GROUPS - 1)
    return [np.flatnonzero(cell == g) for g in range(_GROUPS) if (cell == g).any()]


def _least_between(pairs: PairSpread, groups: list[IntArray], progress: Progress) -> FloatArray:
    """The smallest sd_ij, i != j, between groups; infinite for a group of one with itself.  -> (G, G)"""
    k = len(pairs.own)
    label = np.empty(k, dtype=np.int64)
    for g, members in enumerate(groups):
        label[members] = g
    least = np.full((len(groups), len(groups)), np.inf)
    for items in _blocks(k, progress):
        deviations = pairs.rows(items)
        by_group = np.stack([deviations[:, members].min(axis=1) for members in groups], axis=1)
        np.minimum.at(least, label[items], by_group)
    return least


class RankRanges(NamedTuple):
    """Lowest and highest rank of each item, 1 the most frequent.  (k,) each"""

    low: IntArray
    high: IntArray


def rank_ranges(frequencies: FloatArray, pairs: PairSpread, critical: float, progress: Progress = silent) -> RankRanges:
    """The ranks that no significant difference excludes."""
    k = len(frequencies)
    above, below = np.empty(k, dtype=np.int64), np.empty(k, dtype=np.int64)
    for items in _blocks(k, progress):
        z = (frequencies[None, :] - frequencies[items, None]) / pairs.rows(items)
        above[items] = np.count_nonzero(z > critical, axis=1)
        below[items] = np.count_nonzero(z < -critical, axis=1)
    return RankRanges(1 + above, k - below)
