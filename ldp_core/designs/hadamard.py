"""Rows of a Sylvester–Hadamard matrix as a design: item j is supported by the messages u with (-1)^popcount(u & j) = 1."""

import numpy as np

from ldp_core.designs.base import UnitDesign
from ldp_core.errors import ParameterError
from ldp_core.types import IntArray

__all__ = ["HadamardDesign"]


class HadamardDesign(UnitDesign):
    """b messages, b - 1 items (row 0 says nothing and is left out: item x is row x + 1), c = b/2, d = b/4.

    With l the lowest set bit of row j, choice i is i with a bit put in at place l such that the parity of u & j is
    even for a member and odd for a non-member. b: a power of two, at least 4; ParameterError otherwise.

    >>> design = HadamardDesign(8)
    >>> [design.member(2, i) for i in range(4)], design.block(2)  # row 3
    ([0, 3, 4, 7], array([0, 3, 4, 7]))
    """

    def __init__(self, length: int) -> None:
        if length < 4 or length & (length - 1):
            raise ParameterError(f"the length of a Hadamard matrix here is a power of two from 4 on, got {length}")
        self.size = length
        self.item_count = length - 1
        self.block_size = length // 2
        self.pair_intersection = length // 4

    def __repr__(self) -> str:
        return f"HadamardDesign({self.size})"

    def member(self, item: int, i: int) -> int:
        """Message number i of even parity with row item + 1."""
        return _with_parity(item + 1, i, 0)

    def non_member(self, item: int, i: int) -> int:
        """Message number i of odd parity with row item + 1."""
        return _with_parity(item + 1, i, 1)

    def members(self, items: IntArray, i: IntArray) -> IntArray:
        """`member` for many pairs.  (m,), (m,) -> (m,)"""
        return _with_parities(items + 1, i, 0)

    def non_members(self, items: IntArray, i: IntArray) -> IntArray:
        """`non_member` for many pairs.  (m,), (m,) -> (m,)"""
        return _with_parities(items + 1, i, 1)

    def block(self, item: int) -> IntArray:
        """The messages that support an item, sorted.  -> (c,)"""
        i = np.arange(self.block_size, dtype=np.int64)
        return np.sort(self.members(np.full(len(i), item, dtype=np.int64), i))


def _with_parity(row: int, i: int, parity: int) -> int:
    lowest = row & -row
    message = (i & (lowest - 1)) | (i & -lowest) << 1
    return message | lowest * ((message & row).bit_count() & 1 ^ parity)


def _with_parities(rows: IntArray, i: IntArray, parity: int) -> IntArray:
    lowest = rows & -rows
    message = (i & (lowest - 1)) | (i & -lowest) << 1
    odd = np.bitwise_count(message & rows).astype(np.int64) & 1
    result: IntArray = message | lowest * (odd ^ parity)
    return result
