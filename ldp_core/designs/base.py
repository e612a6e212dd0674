"""What a mechanism needs of a block design."""

from typing import Protocol

from ldp_core.types import IntArray

__all__ = ["BlockDesign"]


class BlockDesign(Protocol):
    """N messages, and for each item x a set S_x of c of them, any two of which share d.

    The members of S_x are numbered 0..c-1 and the other messages 0..N-c-1, so that a phone turns a uniform
    index into a uniform message. Scalar methods serve a phone, plural ones a simulation; they agree.
    """

    @property
    def size(self) -> int:
        """N, the number of messages."""
        ...

    @property
    def item_count(self) -> int:
        """The number of items that the design has a set for; N for a symmetric design."""
        ...

    @property
    def block_size(self) -> int:
        """c = |S_x|."""
        ...

    @property
    def pair_intersection(self) -> int:
        """d = |S_x ∩ S_y| for x != y."""
        ...

    def member(self, item: int, i: int) -> int:
        """Message number i of S_x, 0 <= i < c."""
        ...

    def non_member(self, item: int, i: int) -> int:
        """Message number i outside S_x, 0 <= i < N - c."""
        ...

    def members(self, items: IntArray, i: IntArray) -> IntArray:
        """`member` for many pairs.  (m,), (m,) -> (m,)"""
        ...

    def non_members(self, items: IntArray, i: IntArray) -> IntArray:
        """`non_member` for many pairs.  (m,), (m,) -> (m,)"""
        ...

    def block(self, item: int) -> IntArray:
        """S_x, sorted.  -> (c,)"""
        ...
