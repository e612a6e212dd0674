"""Local hashing as a design: an affine hash function over a prime field, drawn by the phone and sent along.

Notation
    P: a prime, at least k · g: symbols · seed (a, b), each in 0..P-1 · h(x) = (a x + b mod P) mod g
The family of Carter & Wegman (1979): for x != y the pair (a x + b, a y + b) is uniform over all pairs, so the number of seeds that give
x and y one symbol is exactly the sum over symbols s of n_s^2, with n_s the numbers below P that are s modulo g.
"""

import numpy as np

from ldp_core.algebra.prime_powers import is_prime
from ldp_core.errors import ParameterError
from ldp_core.types import BoolArray, IntArray

__all__ = ["AffineHashDesign"]

_LARGEST_SIZE = 1 << 62
_CELLS_AT_ONCE = 1 << 20


class AffineHashDesign:
    """N = P^2 g messages: (a, b, symbol) has number (a P + b) g + symbol. c = P^2.

    Choice i of an item is seed i with its own symbol; choice i outside is seed i // (g - 1) with symbol number i mod (g - 1) of
    the others. The server counts the reports that support each item: k cells, k hashes for each report.
    Raises ParameterError unless P is a prime of at least max(k, g), 2 <= g, and P^2 g <= 2^62.

    >>> design = AffineHashDesign(4, 2, 5)
    >>> design.size, design.block_size, design.pair_intersection
    (50, 25, 13)
    """

    def __init__(self, items: int, symbols: int, prime: int) -> None:
        if symbols < 2:
            raise ParameterError(f"a hash needs at least 2 symbols, got g = {symbols}")
        fits = max(items, symbols) <= prime and prime * prime * symbols <= _LARGEST_SIZE
        if not (fits and is_prime(prime)):
            raise ParameterError(
                f"prime must be a prime of at least {max(items, symbols)} with prime^2 g <= 2^62, got {prime}"
            )
        self.item_count = self.cells = items
        self.symbols, self.prime = symbols, prime
        self.block_size = prime * prime
        self.size = self.choices = self.block_size * symbols
        share, larger = divmod(prime, symbols)
        self.pair_intersection = larger * (share + 1) ** 2 + (symbols - larger) * share**2

    def __repr__(self) -> str:
        return f"AffineHashDesign({self.item_count}, {self.symbols}, {self.prime})"

    def symbol(self, seed: int, item: int) -> int:
        """h(x) for seed a P + b."""
        a, b = divmod(seed, self.prime)
        return (a * item + b) % self.prime % self.symbols

    def symbols_of(self, seeds: IntArray, items: IntArray) -> IntArray:
        """h(x) for many seeds and items, broadcast together."""
        a, b = np.divmod(seeds, self.prime)
        hashed: IntArray = (a * items + b) % self.prime % self.symbols  # a x + b < P^2 <= 2^61
        return hashed

    def member(self, item: int, i: int) -> int:
        """Seed i and the item's symbol."""
        return i * self.symbols + self.symbol(i, item)

    def non_member(self, item: int, i: int) -> int:
        """Seed i // (g - 1) and another symbol."""
        seed, other = divmod(i, self.symbols - 1)
        return seed * self.symbols + other + (other >= self.symbol(seed, item))

    def members(self, items: IntArray, i: IntArray) -> IntArray:
        """`member` for many pairs.  (m,), (m,) -> (m,)"""
        return i * self.symbols + self.symbols_of(i, items)

    def non_members(self, items: IntArray, i: IntArray) -> IntArray:
        """`non_member` for many pairs.  (m,), (m,) -> (m,)"""
        seeds, other = np.divmod(i, self.symbols - 1)
        return seeds * self.symbols + other + (other >= self.symbols_of(seeds, items))

    def block(self, item: int) -> IntArray:
        """The messages that support an item, sorted.  -> (P^2,)"""
        seeds = np.arange(self.block_size, dtype=np.int64)
        return self.members(np.full(len(seeds), item, dtype=np.int64), seeds)

    def supported(self, messages: IntArray, item: int) -> BoolArray:
        """Which messages support the item.  (m,) -> bool (m,)"""
        seeds, symbols = np.divmod(messages, self.symbols)
        hits: BoolArray = self.symbols_of(seeds, np.full_like(seeds, item)) == symbols
        return hits

    def fold(self, messages: IntArray) -> IntArray:
        """How many messages support each item.  (m,) -> (k,)"""
        counts = np.zeros(self.item_count, dtype=np.int64)
        items = np.arange(self.item_count, dtype=np.int64)
        step = max(1, _CELLS_AT_ONCE // self.item_count)
        for start in range(0, len(messages), step):
            seeds, symbols = np.divmod(messages[start : start + step], self.symbols)
            counts += (self.symbols_of(seeds[:, None], items) == symbols[:, None]).sum(axis=0)
        return counts
