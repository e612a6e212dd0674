"""The smallest design: every item is supported by itself alone. It makes randomized response."""

import numpy as np

from ldp_core.designs.base import UnitDesign
from ldp_core.types import IntArray

__all__ = ["SingletonDesign"]


class SingletonDesign(UnitDesign):
    """N = k messages, c = 1, d = 0. The other choices of item x are the other items in order.

    >>> SingletonDesign(4).non_member(1, 1)
    2
    """

    block_size = 1
    pair_intersection = 0

    def __init__(self, items: int) -> None:
        self.size = self.item_count = items

    def __repr__(self) -> str:
        return f"SingletonDesign({self.size})"

    def member(self, item: int, i: int) -> int:
        """The item itself; i is 0."""
        return item + i

    def non_member(self, item: int, i: int) -> int:
        """Item number i of all but `item`."""
        return i + (i >= item)

    def members(self, items: IntArray, i: IntArray) -> IntArray:
        """`member` for many pairs.  (m,), (m,) -> (m,)"""
        return items + i

    def non_members(self, items: IntArray, i: IntArray) -> IntArray:
        """`non_member` for many pairs.  (m,), (m,) -> (m,)"""
        return i + (i >= items)

    def block(self, item: int) -> IntArray:
        """The item.  -> (1,)"""
        return np.array([item], dtype=np.int64)
