"""h copies of one design side by side: an item lives in one of them, and all messages of the others are against it.

Notation: h copies ("blocks"), each with b messages, c supporting an item, d supporting two of its items.
Item x lives in block x mod h, as item x // h there, so that any prefix of the items fills the blocks evenly.
Message u of block B has number B b + u.
"""

from typing import Protocol

import numpy as np

from ldp_core.designs.base import UnitDesign
from ldp_core.types import IntArray

__all__ = ["BlockedDesign", "InnerDesign"]


class InnerDesign(Protocol):
    """A unit design that can be copied."""

    size: int
    item_count: int
    block_size: int
    pair_intersection: int

    def member(self, item: int, i: int) -> int: ...
    def non_member(self, item: int, i: int) -> int: ...
    def members(self, items: IntArray, i: IntArray) -> IntArray: ...
    def non_members(self, items: IntArray, i: IntArray) -> IntArray: ...
    def block(self, item: int) -> IntArray: ...


class BlockedDesign(UnitDesign):
    """N = h b messages and h times the items of one block. Two items share d messages in one block, none in different ones.

    A member of S_x is one of item x // h in its own block. Of the non-members, first come the b - c of the own block, then
    the messages of the other blocks in order.
    """

    def __init__(self, blocks: int, inner: InnerDesign) -> None:
        self.blocks, self.inner = blocks, inner
        self.block_messages = inner.size
        self.size = blocks * inner.size
        self.item_count = blocks * inner.item_count
        self.block_size = inner.block_size
        self.pair_intersection = inner.pair_intersection

    def __repr__(self) -> str:
        return f"BlockedDesign({self.blocks}, {self.inner!r})"

    def member(self, item: int, i: int) -> int:
        """Message number i of S_x, 0 <= i < c."""
        inside, block = divmod(item, self.blocks)
        return block * self.block_messages + self.inner.member(inside, i)

    def non_member(self, item: int, i: int) -> int:
        """Message number i outside S_x, 0 <= i < N - c."""
        inside, block = divmod(item, self.blocks)
        own = block * self.block_messages
        beside = self.block_messages - self.block_size
        if i < beside:
            return own + self.inner.non_member(inside, i)
        other = i - beside
        return other + self.block_messages * (other >= own)

    def members(self, items: IntArray, i: IntArray) -> IntArray:
        """`member` for many pairs.  (m,), (m,) -> (m,)"""
        inside, block = np.divmod(items, self.blocks)
        return block * self.block_messages + self.inner.members(inside, i)

    def non_members(self, items: IntArray, i: IntArray) -> IntArray:
        """`non_member` for many pairs.  (m,), (m,) -> (m,)"""
        inside, block = np.divmod(items, self.blocks)
        own = block * self.block_messages
        other = i - (self.block_messages - self.block_size)
        messages = other + self.block_messages * (other >= own)
        near = other < 0
        messages[near] = own[near] + self.inner.non_members(inside[near], i[near])
        return messages

    def block(self, item: int) -> IntArray:
        """S_x, sorted.  -> (c,)"""
        inside, block = divmod(item, self.blocks)
        return block * self.block_messages + self.inner.block(inside)

    def by_block(self, counts: IntArray) -> IntArray:
        """Counts of messages as one row for each block.  (N,) -> (h, b)"""
        return counts.reshape(self.blocks, self.block_messages)

    def by_item(self, rows: IntArray) -> IntArray:
        """One row for each block, one column for each item inside, in the order of items.  (h, items / h) -> (items,)"""
        return np.ascontiguousarray(rows.T).ravel()

    def block_totals(self, counts: IntArray) -> IntArray:
        """G: the reports in each block.  (N,) -> (h,)"""
        totals: IntArray = self.by_block(counts).sum(axis=1)
        return totals
