"""Which messages support which items, as two sums over real values: the fast transforms of every design, and their transposes.

Notation: B[y, x] = 1 where message y supports item x · h blocks of b messages and i items each (h = 1 where a design is in one piece).
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ldp_core.decoding import incident_sums
from ldp_core.designs.base import BlockDesign
from ldp_core.designs.blocked import BlockedDesign
from ldp_core.designs.hadamard import HadamardDesign
from ldp_core.designs.projective import ProjectiveDesign
from ldp_core.designs.spread import SpreadDesign
from ldp_core.designs.spread_decoder import SpreadDecoder
from ldp_core.designs.walsh_hadamard import walsh_hadamard
from ldp_core.errors import ParameterError
from ldp_core.types import FloatArray, IntArray

__all__ = ["Incidence", "incidence_of", "message_weights"]


class Incidence(Protocol):
    """B, through its two sums."""

    def over_items(self, p: FloatArray) -> FloatArray:
        """B p: for every message the sum over the items that it supports.  (k,) -> (N,)"""
        ...

    def over_messages(self, w: FloatArray) -> FloatArray:
        """B' w: for every item the sum over the messages that support it.  (N,) -> (items of the design,)"""
        ...


def incidence_of(design: BlockDesign, items: int) -> Incidence:
    """The sums over a design of which the first `items` items are used. Raises ParameterError for a design without any."""
    if isinstance(design, SpreadDesign) and design.m == 1:
        return _Spread(SpreadDecoder(design))
    if isinstance(design, BlockedDesign):
        return _InBlocks(design, _rows_of(design.inner))
    if design.block_size == 1:
        return _Points(np.array([int(design.block(x)[0]) for x in range(items)]), design.size)
    return _OnePiece(_rows_of(design), design.item_count)


def message_weights(design: BlockDesign) -> FloatArray:
    """How many equally likely choices are sent as each message.  -> (N,)"""
    if isinstance(design, SpreadDesign):
        return np.repeat(design.function_weights().astype(np.float64), design.inner.size)
    return np.ones(design.size)


class _Rows(Protocol):
    """The sums inside each of h equal blocks.  (h, i) <-> (h, b)"""

    def over_items(self, rows: FloatArray) -> FloatArray: ...
    def over_messages(self, rows: FloatArray) -> FloatArray: ...


def _rows_of(design: object) -> _Rows:
    if isinstance(design, ProjectiveDesign):
        if design.t == 2:
            return _PointRows(np.array([int(design.block(x)[0]) for x in range(design.size)]))
        return _GeometryRows(design.q, design.t)
    if isinstance(design, HadamardDesign):
        return _HadamardRows()
    raise ParameterError(f"{design!r} has no transform of real values")


@dataclass(frozen=True)
class _GeometryRows:
    """Points and hyperplanes: B is symmetric."""

    q: int
    t: int

    def over_items(self, rows: FloatArray) -> FloatArray:
        return np.array([incident_sums(row, q=self.q, t=self.t) for row in rows])

    over_messages = over_items


@dataclass(frozen=True)
class _HadamardRows:
    """Item x is row x + 1 of the matrix, so B = (1 + H) / 2 without row 0, whose transform is the total."""

    def over_items(self, rows: FloatArray) -> FloatArray:
        padded = np.pad(rows, ((0, 0), (1, 0)))
        result: FloatArray = (rows.sum(axis=1, keepdims=True) + walsh_hadamard(padded)) / 2
        return result

    def over_messages(self, rows: FloatArray) -> FloatArray:
        transformed = walsh_hadamard(rows)
        result: FloatArray = (transformed[:, :1] + transformed[:, 1:]) / 2
        return result


@dataclass(frozen=True, eq=False)
class _PointRows:
    """One message for each item, each message for one item: a permutation.  messages: (b,)"""

    messages: IntArray

    def over_items(self, rows: FloatArray) -> FloatArray:
        result = np.empty_like(rows)
        result[:, self.messages] = rows
        return result

    def over_messages(self, rows: FloatArray) -> FloatArray:
        return rows[:, self.messages]


@dataclass(frozen=True, eq=False)
class _Points:
    """One message for each item.  messages: (k,) · size: N"""

    messages: IntArray
    size: int

    def over_items(self, p: FloatArray) -> FloatArray:
        result: FloatArray = np.bincount(self.messages, p, self.size).astype(np.float64, copy=False)
        return result

    def over_messages(self, w: FloatArray) -> FloatArray:
        return w[self.messages]


@dataclass(frozen=True, eq=False)
class _OnePiece:
    """A design that is one block."""

    rows: _Rows
    item_count: int

    def over_items(self, p: FloatArray) -> FloatArray:
        result: FloatArray = self.rows.over_items(_padded(p, self.item_count)[None])[0]
        return result

    def over_messages(self, w: FloatArray) -> FloatArray:
        result: FloatArray = self.rows.over_messages(w[None])[0]
        return result


@dataclass(frozen=True, eq=False)
class _InBlocks:
    """Copies side by side: item x is number x // h of block x mod h."""

    design: BlockedDesign
    rows: _Rows

    def over_items(self, p: FloatArray) -> FloatArray:
        padded = _padded(p, self.design.item_count)
        return self.rows.over_items(np.ascontiguousarray(padded.reshape(-1, self.design.blocks).T)).ravel()

    def over_messages(self, w: FloatArray) -> FloatArray:
        inside = self.rows.over_messages(w.reshape(self.design.blocks, self.design.block_messages))
        return np.ascontiguousarray(inside.T).ravel()


@dataclass(frozen=True, eq=False)
class _Spread:
    """Hash functions and their symbols; message (f, s) supports the items with h_f(x) = s."""

    decoder: SpreadDecoder

    def over_items(self, p: FloatArray) -> FloatArray:
        return self.decoder.sums_over_items(_padded(p, self.decoder.design.item_count))

    def over_messages(self, w: FloatArray) -> FloatArray:
        return self.decoder.sums_over_symbols(w)


def _padded(p: FloatArray, size: int) -> FloatArray:
    """Items that nobody holds fill up the design."""
    return p if len(p) == size else np.concatenate([p, np.zeros(size - len(p))])
