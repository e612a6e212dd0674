"""Subsets of fixed size, numbered.

A w-subset s_1 < … < s_w of 0..k-1 has rank C(s_1, 1) + C(s_2, 2) + … + C(s_w, w): the combinatorial number
system, in which subsets stand in order of their largest element, then the next (Lehmer 1964; Knuth, TAOCP 4A, 7.2.1.3).
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property, partial
from math import comb

import numpy as np

from ldp_core.types import IntArray

__all__ = ["SubsetRanking"]


def _binomial(place: int, element: int) -> int:
    return comb(element, place)


class SubsetRanking:
    """All w-subsets of 0..k-1 and their ranks 0..C(k, w)-1, for C(k, w) below 2^62.

    >>> ranking = SubsetRanking(5, 2)
    >>> ranking.unrank(4), ranking.rank((1, 3)), ranking.size
    ((1, 3), 4, 10)
    """

    def __init__(self, k: int, w: int) -> None:
        self.k, self.w = k, w
        self.size = comb(k, w)

    def rank(self, subset: Sequence[int]) -> int:
        """The rank of a subset given in increasing order."""
        return sum(comb(element, place) for place, element in enumerate(subset, start=1))

    def unrank(self, rank: int) -> tuple[int, ...]:
        """The subset of a rank, in increasing order."""
        subset = []
        for place in range(self.w, 0, -1):
            element = bisect_right(range(self.k), rank, key=partial(_binomial, place)) - 1
            rank -= comb(element, place)
            subset.append(element)
        return tuple(reversed(subset))

    @cached_property
    def _binomials(self) -> IntArray:
        """C(s, place) for place 0..w and s 0..k-1.  -> (w + 1, k)"""
        table = np.zeros((self.w + 1, self.k), dtype=np.int64)
        table[0] = 1
        for place in range(1, self.w + 1):
            table[place, 1:] = np.cumsum(table[place - 1, :-1])  # C(s, i) = sum of C(u, i - 1) over u < s
        return table

    def ranks(self, subsets: IntArray) -> IntArray:
        """The ranks of many subsets, each row increasing.  (m, w) -> (m,)"""
        total = np.zeros(len(subsets), dtype=np.int64)
        for place in range(1, self.w + 1):
            total += self._binomials[place, subsets[:, place - 1]]
        return total

    def subsets(self, ranks: IntArray) -> IntArray:
        """The subsets of many ranks, each row increasing.  (m,) -> (m, w)"""
        rest = np.array(ranks, dtype=np.int64)
        rows = np.empty((len(rest), self.w), dtype=np.int64)
        for place in range(self.w, 0, -1):
            row = self._binomials[place]
            element = np.searchsorted(row, rest, side="right") - 1
            rest -= row[element]
            rows[:, place - 1] = element
        return rows
