"""What a mechanism needs of a block design.

A phone makes one of `choices` equally likely draws for its item; `block_size` of them support the item. In most designs every
choice is a message of its own. In a weighted design several choices are sent as one message, which only merges outcomes: every
message stands for at least one choice, and the ratio of its probabilities under two items is that of its choices.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Protocol

import numpy as np

from ldp_core.types import BoolArray, IntArray

__all__ = ["BlockDesign", "UnitDesign", "support_counts_by_enumeration"]


class BlockDesign(Protocol):
    """For each item x a set S_x of c of all N choices, any two of which share d.

    The members of S_x are numbered 0..c-1 and the other choices 0..N-c-1, so that a phone turns a uniform
    index into a uniform choice. Scalar methods serve a phone, plural ones a simulation; they agree.
    """

    @property
    def size(self) -> int:
        """The number of messages."""
        ...

    @property
    def item_count(self) -> int:
        """The number of items that the design has a set for."""
        ...

    @property
    def choices(self) -> int:
        """N, the number of equally likely choices; the number of messages unless the design is weighted."""
        ...

    @property
    def block_size(self) -> int:
        """c, the choices that support an item."""
        ...

    @property
    def pair_intersection(self) -> int:
        """d, the choices that support both of two items."""
        ...

    @property
    def cells(self) -> int:
        """The length of the count vector that a server keeps."""
        ...

    def member(self, item: int, i: int) -> int:
        """The message of choice number i of S_x, 0 <= i < c."""
        ...

    def non_member(self, item: int, i: int) -> int:
        """The message of choice number i outside S_x, 0 <= i < N - c."""
        ...

    def members(self, items: IntArray, i: IntArray) -> IntArray:
        """`member` for many pairs.  (m,), (m,) -> (m,)"""
        ...

    def non_members(self, items: IntArray, i: IntArray) -> IntArray:
        """`non_member` for many pairs.  (m,), (m,) -> (m,)"""
        ...

    def block(self, item: int) -> IntArray:
        """The messages that support an item, sorted."""
        ...

    def supported(self, messages: IntArray, item: int) -> BoolArray:
        """Which messages support the item.  (m,) -> bool (m,)"""
        ...

    def fold(self, messages: IntArray) -> IntArray:
        """The counts that these messages add to.  (m,) -> (cells,)"""
        ...


class UnitDesign(ABC):
    """The common part of designs in which every message is one choice and has one cell."""

    size: int

    @property
    def choices(self) -> int:
        """N, the number of messages."""
        return self.size

    @property
    def cells(self) -> int:
        """N: the server counts messages."""
        return self.size

    @abstractmethod
    def block(self, item: int) -> IntArray:
        """The messages that support an item, sorted.  -> (c,)"""

    def supported(self, messages: IntArray, item: int) -> BoolArray:
        """Which messages support the item.  (m,) -> bool (m,)"""
        block = self.block(item)
        place = np.minimum(np.searchsorted(block, messages), len(block) - 1)
        hits: BoolArray = block[place] == messages
        return hits

    def fold(self, messages: IntArray) -> IntArray:
        """How often each message occurs.  (m,) -> (N,)"""
        return np.bincount(messages, minlength=self.size)


def support_counts_by_enumeration(design: BlockDesign, counts: IntArray) -> IntArray:
    """The oracle for designs that count messages: add up the counts of every block.  (N,) -> (items,)"""
    return np.fromiter(_block_sums(design, counts), dtype=np.int64, count=design.item_count)


def _block_sums(design: BlockDesign, counts: IntArray) -> Iterator[int]:
    for item in range(design.item_count):
        yield int(counts[design.block(item)].sum())
