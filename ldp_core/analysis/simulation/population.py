"""Which item each simulated phone holds: shares of a population, dealt out to a whole number of phones."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ldp_core.types import FloatArray, Frequencies, IntArray

__all__ = ["POPULATIONS", "Holdings", "falling_shares"]


@dataclass(frozen=True, eq=False)
class Holdings:
    """held: (k,) how many phones hold each item; their sum is the size of the fleet."""

    held: IntArray

    @classmethod
    def dealt(cls, shares: Frequencies, phones: int) -> "Holdings":
        """So many phones in these shares, as nearly as whole phones can be: the largest remainders get one more.  (k,)

        >>> Holdings.dealt(np.array([0.5, 0.3, 0.2]), 7).held
        array([4, 2, 1])
        """
        exact = phones * shares
        held = np.floor(exact).astype(np.int64)
        rest = phones - int(held.sum())
        held[np.argsort(held - exact, kind="stable")[:rest]] += 1
        return cls(held)

    @property
    def phones(self) -> int:
        """n, the size of the fleet."""
        return int(self._last[-1])

    @property
    def truth(self) -> Frequencies:
        """The share of the phones that hold each item.  (k,)"""
        return self.held / self.phones

    @cached_property
    def _last(self) -> IntArray:
        """The number of phones that hold an item up to this one.  (k,)"""
        return np.cumsum(self.held)

    def answers(self, start: int, stop: int) -> IntArray:
        """The items of phones number start..stop - 1, phones being numbered in the order of their items.  -> (stop - start,)"""
        first, last = np.searchsorted(self._last, [start, stop - 1], side="right")
        items = np.arange(first, last + 1)
        before = self._last[items] - self.held[items]
        return np.repeat(items, np.minimum(self._last[items], stop) - np.maximum(before, start))


def falling_shares(items: int, held_items: int, exponent: float) -> Frequencies:
    """Item number i, from 1, with a share in proportion to i^-exponent up to `held_items`, and none beyond.  -> (items,)"""
    weights: FloatArray = np.arange(1, held_items + 1, dtype=np.float64) ** -exponent
    return np.pad(weights / weights.sum(), (0, items - held_items))


POPULATIONS: Mapping[str, Callable[[int, int, float], Frequencies]] = {
    "uniform": lambda items, held_items, _: falling_shares(items, held_items, 0.0),
    "zipf": falling_shares,
}
"""Shares by the name of the population, from the number of items, of those that anybody holds, and Zipf's exponent."""
