"""The complete design: the messages are all w-subsets of the k items, and an item is supported by the subsets that hold it."""

from math import comb, lgamma, log

import numpy as np

from ldp_core.designs.subsets import SubsetRanking
from ldp_core.errors import DomainError, ParameterError
from ldp_core.types import BoolArray, IntArray

__all__ = ["CompleteDesign"]

_LARGEST_SIZE = 1 << 62


class CompleteDesign:
    """N = C(k, w), c = C(k-1, w-1), d = C(k-2, w-2).

    Choice i of item x joins x to subset i of the k - 1 others (w - 1 of them); choice i outside is subset i of the
    others (w of them). The server counts how many reports hold each item: k cells, whatever N is.
    Raises ParameterError unless 1 <= w < k and N < 2^62.

    >>> design = CompleteDesign(5, 2)
    >>> design.size, design.block_size, design.pair_intersection
    (10, 4, 1)
    """

    def __init__(self, items: int, subset_size: int) -> None:
        k, w = items, subset_size
        if not 1 <= w < k:
            raise ParameterError(f"a subset holds some and not all of the {k} items, got subset_size = {w}")
        if (lgamma(k + 1) - lgamma(w + 1) - lgamma(k - w + 1)) / log(2) > 63 or comb(k, w) >= _LARGEST_SIZE:
            raise DomainError(
                f"the {w}-subsets of {k} items need more than 62 bits a report; use spread or projective_geometry"
            )
        self.item_count = self.cells = k
        self.subset_size = w
        self.ranking = SubsetRanking(k, w)
        self._with, self._without = SubsetRanking(k - 1, w - 1), SubsetRanking(k - 1, w)
        self.size = self.choices = self.ranking.size
        self.block_size = self._with.size
        self.pair_intersection = comb(k - 2, w - 2) if w >= 2 else 0

    def __repr__(self) -> str:
        return f"CompleteDesign({self.item_count}, {self.subset_size})"

    def member(self, item: int, i: int) -> int:
        """The rank of the subset that joins `item` to subset i of the others."""
        others = [other + (other >= item) for other in self._with.unrank(i)]
        return self.ranking.rank(sorted([*others, item]))

    def non_member(self, item: int, i: int) -> int:
        """The rank of subset i of the others."""
        return self.ranking.rank([other + (other >= item) for other in self._without.unrank(i)])

    def members(self, items: IntArray, i: IntArray) -> IntArray:
        """`member` for many pairs.  (m,), (m,) -> (m,)"""
        subsets = np.empty((len(items), self.subset_size), dtype=np.int64)
        others = self._with.subsets(i)
        subsets[:, 1:] = others + (others >= items[:, None])
        subsets[:, 0] = items
        return self.ranking.ranks(np.sort(subsets, axis=1))

    def non_members(self, items: IntArray, i: IntArray) -> IntArray:
        """`non_member` for many pairs.  (m,), (m,) -> (m,)"""
        others = self._without.subsets(i)
        return self.ranking.ranks(others + (others >= items[:, None]))

    def block(self, item: int) -> IntArray:
        """The subsets that hold an item, sorted.  -> (c,)"""
        return np.sort(self.members(np.full(self.block_size, item), np.arange(self.block_size, dtype=np.int64)))

    def supported(self, messages: IntArray, item: int) -> BoolArray:
        """Which subsets hold the item.  (m,) -> bool (m,)"""
        return self.supported_pairs(messages, np.full(len(messages), item))

    def supported_pairs(self, messages: IntArray, items: IntArray) -> BoolArray:
        """Which subset holds the item beside it.  (m,), (m,) -> bool (m,)"""
        hits: BoolArray = np.any(self.ranking.subsets(messages) == items[:, None], axis=1)
        return hits

    def fold(self, messages: IntArray) -> IntArray:
        """How many subsets hold each item.  (m,) -> (k,)"""
        return np.bincount(self.ranking.subsets(messages).ravel(), minlength=self.item_count)
