"""The law of a report as a linear map from the frequencies of items to the frequencies of messages, never formed where it is large.

Notation
    Q[y, x]: probability of message y from a phone holding item x, N by k · B[y, x] = 1 where y supports x, else 0
    p: frequencies of items, (k,) · w: weights of messages, (N,)
For a design Q = m_y (u0 + (u1 - u0) B), m_y the equally likely choices that are sent as message y, u1 the probability of a choice that supports
the item and u0 of one that does not. So Q p and Q' w are sums over B, which every design has a fast transform for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from ldp_core.errors import ParameterError
from ldp_core.mechanisms.base import Mechanism
from ldp_core.mechanisms.design_mechanism import DesignMechanism
from ldp_core.mechanisms.incidence import Incidence, incidence_of, message_weights
from ldp_core.types import FloatArray, Frequencies, IntArray

__all__ = ["Channel", "DesignChannel", "MatrixChannel", "counts_messages", "message_channel"]

_SMALL = 1 << 18
"""Up to so many entries a dense matrix is faster than any transform (2 MB)."""

_COLUMN_SUM_TOLERANCE = 1e-9
_NEVER = 1e-60
"""Smaller probabilities count as 0: no such message ever comes, and their squares would leave the range of floats."""


class Channel(Protocol):
    """Q, through its products."""

    @property
    def items(self) -> int:
        """k."""
        ...

    @property
    def messages(self) -> int:
        """N."""
        ...

    @property
    def largest(self) -> FloatArray:
        """The largest probability of every message under any item.  (N,)"""
        ...

    @property
    def least(self) -> FloatArray:
        """The least probability of every message under any item.  (N,)"""
        ...

    def forward(self, p: FloatArray) -> FloatArray:
        """Q p: frequencies of messages.  (k,) -> (N,)"""
        ...

    def adjoint(self, w: FloatArray) -> FloatArray:
        """Q' w.  (N,) -> (k,)"""
        ...

    def adjoint_squared(self, w: FloatArray) -> FloatArray:
        """(Q o Q)' w, squares entry by entry: the diagonal of Q' diag(w) Q.  (N,) -> (k,)"""
        ...


@dataclass(frozen=True, eq=False)
class MatrixChannel:
    """Any channel, given as its matrix.

    matrix: (N, k), non-negative; every column sums to 1; what is below 1e-60 becomes 0. Raises ParameterError otherwise.
    """

    matrix: FloatArray

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix, dtype=np.float64)
        if matrix.ndim != 2 or min(matrix.shape) < 2:
            raise ParameterError(f"a channel is at least 2 messages by at least 2 items, got shape {matrix.shape}")
        off = float(np.abs(matrix.sum(axis=0) - 1).max())
        if not (matrix.min() >= 0 and off <= _COLUMN_SUM_TOLERANCE):
            raise ParameterError(
                "a channel's columns are the laws of a report under each item: non-negative, each summing to 1"
            )
        object.__setattr__(self, "matrix", np.where(matrix < _NEVER, 0.0, matrix))

    @property
    def items(self) -> int:
        """k."""
        return int(self.matrix.shape[1])

    @property
    def messages(self) -> int:
        """N."""
        return int(self.matrix.shape[0])

    @cached_property
    def largest(self) -> FloatArray:
        """The largest entry of every row.  (N,)"""
        largest: FloatArray = self.matrix.max(axis=1)
        return largest

    @cached_property
    def least(self) -> FloatArray:
        """The least entry of every row.  (N,)"""
        least: FloatArray = self.matrix.min(axis=1)
        return least

    @cached_property
    def _squared(self) -> FloatArray:
        return self.matrix**2

    def forward(self, p: FloatArray) -> FloatArray:
        """Q p.  (k,) -> (N,)"""
        return self.matrix @ p

    def adjoint(self, w: FloatArray) -> FloatArray:
        """Q' w.  (N,) -> (k,)"""
        return w @ self.matrix

    def adjoint_squared(self, w: FloatArray) -> FloatArray:
        """(Q o Q)' w.  (N,) -> (k,)"""
        return w @ self._squared


@dataclass(frozen=True, eq=False)
class DesignChannel:
    """The channel of a design, by the transforms of its incidence.

    items: k · messages: N · own, other: u1, u0 of one choice · weights: m_y, (N,)
    """

    incidence: Incidence
    items: int
    messages: int
    own: float
    other: float
    weights: FloatArray

    @cached_property
    def largest(self) -> FloatArray:
        """m_y u1.  (N,)"""
        return self.weights * self.own

    @cached_property
    def least(self) -> FloatArray:
        """m_y u0.  (N,)"""
        return self.weights * self.other

    def forward(self, p: Frequencies) -> FloatArray:
        """Q p.  (k,) -> (N,)"""
        return self.weights * (self.other * float(p.sum()) + (self.own - self.other) * self.incidence.over_items(p))

    def adjoint(self, w: FloatArray) -> FloatArray:
        """Q' w.  (N,) -> (k,)"""
        return self._sums(self.weights * w, self.own, self.other)

    def adjoint_squared(self, w: FloatArray) -> FloatArray:
        """(Q o Q)' w.  (N,) -> (k,)"""
        return self._sums(self.weights**2 * w, self.own**2, self.other**2)

    def _sums(self, w: FloatArray, inside: float, outside: float) -> FloatArray:
        return outside * float(w.sum()) + (inside - outside) * self.incidence.over_messages(w)[: self.items]


def counts_messages(mechanism: Mechanism) -> bool:
    """Does a tally tell how often each message came, so that it has a likelihood?"""
    return isinstance(mechanism, DesignMechanism) and mechanism.tally_size == mechanism.report_space


def message_channel(mechanism: Mechanism) -> Channel:
    """The channel whose messages are the cells of the mechanism's tally, at the coin that is shipped.

    Raises ParameterError where the tally does not count messages (subset selection, spread with m > 1, unary encodings, local hashing).

    >>> from ldp_core.mechanisms.randomized_response import randomized_response
    >>> message_channel(randomized_response(epsilon="1.0986122886681098", domain_size=3)).forward(np.array([1.0, 0, 0])).round(6)
    array([0.6, 0.2, 0.2])
    """
    if not isinstance(mechanism, DesignMechanism) or not counts_messages(mechanism):
        raise ParameterError(
            f"a tally of {mechanism.name} does not tell how often each message came, so it has no likelihood; "
            "use a mechanism that counts messages, such as projective_geometry"
        )
    design, k = mechanism.design, mechanism.domain_size
    own = float(mechanism.rates.own) / design.block_size
    other = float(1 - mechanism.rates.own) / (design.choices - design.block_size)
    weights = message_weights(design)
    if k * design.size <= _SMALL:
        return MatrixChannel(_dense([design.block(x) for x in range(k)], weights, own, other))
    return DesignChannel(incidence_of(design, k), k, design.size, own, other, weights)


def _dense(blocks: Sequence[IntArray], weights: FloatArray, own: float, other: float) -> FloatArray:
    matrix = np.full((len(weights), len(blocks)), other)
    for item, block in enumerate(blocks):
        matrix[block, item] = own
    return matrix * weights[:, None]
