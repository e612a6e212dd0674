"""A weighted design for every k = p^n from partitions of a vector space into subspaces.

Notation
    F_p^n: the items · g = p^c: symbols · a function h maps items to symbols; a phone reports (h, a set of m symbols)
    Item numbers are base-p digits, lowest first. Levels: d_0 = n, d_{i+1} = d_i - c while d_i >= 2c; the last has d in c..2c-1.
    Level i sees x_i = x without its lowest i c digits: x_i = (hi, lo), lo the lowest c digits.
Functions
    main level: h_a(x) = first c digits of (a · hi) + lo, one for each a in GF(p^(d - c))
    last level: d = c: h(x) = x_i alone; else h_a(x) = first c digits of (a · x_i), one for each a in GF(p^d)*/GF(p)*
Each is linear and onto, so it is a subspace of c dimensions of the dual space; the levels cover every nonzero dual vector
equally often when a function of the last level with d > c has weight (p - 1)/(g - 1) of a main one. Hence two different items
get one symbol with the same probability (k - g)/(g (k - 1)), whatever they are: a pair-wise uniform hash family of optimal size.

Choosing a function with these weights: a uniform U in 1..k-1 belongs to level min((n - digits of U) // c, last), with
a = the low d - c digits of U (main), U up to a scalar (last). So a choice is (U, symbols): N = (k - 1) C(g, m).
The construction is this project's own; its nearest kin are local hashing (Wang et al. 2017) and block designs (Park et al. 2023).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ldp_core.algebra.prime_powers import is_prime
from ldp_core.designs.complete import CompleteDesign
from ldp_core.designs.polynomial_field import PolynomialField, add_digits
from ldp_core.designs.singleton import SingletonDesign
from ldp_core.errors import ParameterError
from ldp_core.types import BoolArray, IntArray

__all__ = ["Level", "SpreadDesign", "function_count", "level_dimensions"]


def level_dimensions(n: int, c: int) -> list[int]:
    """d of every level.

    >>> level_dimensions(10, 2), level_dimensions(15, 7)
    ([10, 8, 6, 4, 2], [15, 8])
    """
    dimensions = [n]
    while dimensions[-1] >= 2 * c:
        dimensions.append(dimensions[-1] - c)
    return dimensions


def function_count(p: int, n: int, c: int) -> int:
    """The number of functions of all levels.

    >>> function_count(2, 10, 2) * 4, function_count(2, 15, 7) * 128
    (1364, 65408)
    """
    *main, last = level_dimensions(n, c)
    return sum(int(p ** (d - c)) for d in main) + (1 if last == c else int(p**last - 1) // (p - 1))


@dataclass(frozen=True)
class Level:
    """One level: the number of its first function, the digits of x that it skips, d, and whether it is the last."""

    first: int
    skipped: int
    dimension: int
    last: bool


class SpreadDesign:
    """The weighted design of F_p^n with symbols of c digits and m of them in a report.

    p: prime · 1 <= c <= n · 1 <= m < g = p^c. Message (function f, subset s of the symbols) has number f C(g, m) + rank(s).
    The server counts, for each function, the reports whose set holds each symbol: functions x g cells.
    Raises ParameterError for anything else.

    >>> design = SpreadDesign(2, 4, 2)
    >>> design.size, design.choices, design.block_size, design.pair_intersection
    (20, 60, 15, 3)
    """

    def __init__(self, p: int, n: int, c: int, m: int = 1) -> None:
        if not 1 <= c <= n:
            raise ParameterError(f"c must lie in 1..n, got c = {c} and n = {n}")
        if p < 2 or n > 32 or p > 1 << 32 or p**n > 1 << 32:
            raise ParameterError(f"spread holds 2 to 2^32 items, got p^n = {p}^{n}")
        if not is_prime(p):
            raise ParameterError(f"p must be prime, got {p}")
        self.p, self.n, self.c, self.m = p, n, c, m
        self.item_count: int = p**n
        self.symbols: int = p**c
        self.inner = SingletonDesign(self.symbols) if m == 1 else CompleteDesign(self.symbols, m)
        self.functions = function_count(p, n, c)
        self.levels = self._build_levels()
        k, g, inner = self.item_count, self.symbols, self.inner
        self.size = self.functions * inner.size
        self.choices = (k - 1) * inner.size
        self.block_size = (k - 1) * inner.block_size
        alike = k // g - 1  # the U that give two different items one symbol
        self.pair_intersection = alike * inner.block_size + (k - 1 - alike) * inner.pair_intersection
        self.cells = self.functions * g

    def __repr__(self) -> str:
        return f"SpreadDesign(p={self.p}, n={self.n}, c={self.c}, m={self.m})"

    def _build_levels(self) -> list[Level]:
        levels, first = [], 0
        dimensions = level_dimensions(self.n, self.c)
        for i, d in enumerate(dimensions):
            levels.append(Level(first, i * self.c, d, i == len(dimensions) - 1))
            first += self.p ** (d - self.c)
        return levels

    def field(self, level: Level) -> PolynomialField:
        """The field that the functions of a level multiply in; of degree d - c, or d in the last level."""
        return self._fields[self.levels.index(level)]

    @cached_property
    def _fields(self) -> list[PolynomialField]:
        return [PolynomialField(self.p, level.dimension - (0 if level.last else self.c)) for level in self.levels]

    # One phone

    def _function(self, u: int) -> int:
        """The function of a choice U in 1..k-1."""
        p, c = self.p, self.c
        digits = _digit_count(u, p)
        level = self.levels[min((self.n - digits) // c, len(self.levels) - 1)]
        if not level.last:
            return level.first + u % int(p ** (level.dimension - c))
        if level.dimension == c:
            return level.first
        place: int = p ** (digits - 1)
        scalar = pow(u // place, -1, p)  # the multiple of U whose leading digit is 1
        canonical = sum(u // int(p**i) * scalar % p * int(p**i) for i in range(digits))
        return level.first + (place - 1) // (p - 1) + canonical - place

    def symbol(self, function: int, item: int) -> int:
        """h(x) for the function of that number."""
        level = next(level for level in reversed(self.levels) if level.first <= function)
        return int(self._symbols(level, function - level.first, item // self.p**level.skipped))

    def _symbols(self, level: Level, number: int, x: int) -> int:
        if level.last:
            if level.dimension == self.c:
                return x
            return self.field(level).multiply(_canonical(number, self.p), x) % self.symbols
        hi, lo = divmod(x, self.symbols)
        return add_digits(self.field(level).multiply(number, hi) % self.symbols, lo, self.p, self.c)

    def member(self, item: int, i: int) -> int:
        """Choice i: U = 1 + i // C(g-1, m-1), and a set that joins h(x) to m - 1 other symbols."""
        u, rest = divmod(i, self.inner.block_size)
        function = self._function(u + 1)
        return function * self.inner.size + self.inner.member(self.symbol(function, item), rest)

    def non_member(self, item: int, i: int) -> int:
        """Choice i outside: U = 1 + i // C(g-1, m), and m symbols other than h(x)."""
        u, rest = divmod(i, self.inner.size - self.inner.block_size)
        function = self._function(u + 1)
        return function * self.inner.size + self.inner.non_member(self.symbol(function, item), rest)

    # Many phones

    def _functions_of(self, u: IntArray) -> IntArray:
        p, c, last = self.p, self.c, len(self.levels) - 1
        powers = np.array([p**i for i in range(self.n + 1)], dtype=np.int64)
        digits = np.searchsorted(powers, u, side="right")
        which = np.minimum((self.n - digits) // c, last)
        first = np.array([level.first for level in self.levels], dtype=np.int64)
        width = powers[[level.dimension - c for level in self.levels]]
        functions: IntArray = first[which] + u % width[which]
        level = self.levels[last]
        if level.dimension > c:
            at_last = which == last
            functions[at_last] = level.first + _projective_numbers(u[at_last], p, level.dimension)
        return functions

    def symbols_of(self, functions: IntArray, items: IntArray) -> IntArray:
        """h(x) for many pairs.  (m,), (m,) -> (m,)"""
        result = np.empty(len(functions), dtype=np.int64)
        first = [level.first for level in self.levels]
        which = np.searchsorted(first, functions, side="right") - 1
        for number, level in enumerate(self.levels):
            here = np.flatnonzero(which == number)
            if len(here):
                result[here] = self._level_symbols(level, functions[here] - level.first, items[here])
        return result

    def _level_symbols(self, level: Level, numbers: IntArray, items: IntArray) -> IntArray:
        x = items // int(self.p**level.skipped)
        if level.last:
            if level.dimension == self.c:
                return x
            return self.field(level).multiply(_canonicals(numbers, self.p), x) % self.symbols
        hi, lo = np.divmod(x, self.symbols)
        return add_digits(self.field(level).multiply(numbers, hi) % self.symbols, lo, self.p, self.c)

    def members(self, items: IntArray, i: IntArray) -> IntArray:
        """`member` for many pairs.  (m,), (m,) -> (m,)"""
        u, rest = np.divmod(i, self.inner.block_size)
        functions = self._functions_of(u + 1)
        return functions * self.inner.size + self.inner.members(self.symbols_of(functions, items), rest)

    def non_members(self, items: IntArray, i: IntArray) -> IntArray:
        """`non_member` for many pairs.  (m,), (m,) -> (m,)"""
        u, rest = np.divmod(i, self.inner.size - self.inner.block_size)
        functions = self._functions_of(u + 1)
        return functions * self.inner.size + self.inner.non_members(self.symbols_of(functions, items), rest)

    # The server's side

    def function_weights(self) -> IntArray:
        """How many of the k - 1 choices U stand for each function.  -> (functions,)"""
        return np.bincount(self._functions_of(np.arange(1, self.item_count, dtype=np.int64)), minlength=self.functions)

    def level_elements(self, level: Level) -> IntArray:
        """The field element a of every function of a level that has more than one.  -> (functions of the level,)"""
        if not level.last:
            return np.arange(self.p ** (level.dimension - self.c), dtype=np.int64)
        return _canonicals(np.arange(self.functions - level.first, dtype=np.int64), self.p)

    def block(self, item: int) -> IntArray:
        """The messages that support an item, sorted.  -> (functions · C(g-1, m-1),)"""
        functions = np.arange(self.functions, dtype=np.int64)
        symbols = self.symbols_of(functions, np.full(len(functions), item, dtype=np.int64))
        per = self.inner.block_size
        rest = np.tile(np.arange(per, dtype=np.int64), len(functions))
        return np.sort(np.repeat(functions, per) * self.inner.size + self.inner.members(np.repeat(symbols, per), rest))

    def supported(self, messages: IntArray, item: int) -> BoolArray:
        """Which messages support the item.  (m,) -> bool (m,)"""
        functions, rest = np.divmod(messages, self.inner.size)
        symbols = self.symbols_of(functions, np.full(len(functions), item, dtype=np.int64))
        if isinstance(self.inner, CompleteDesign):
            return self.inner.supported_pairs(rest, symbols)
        hits: BoolArray = rest == symbols
        return hits

    def fold(self, messages: IntArray) -> IntArray:
        """For each function, how many reported sets hold each symbol.  (m,) -> (functions · g,)"""
        if not isinstance(self.inner, CompleteDesign):
            return np.bincount(messages, minlength=self.cells)
        functions, rest = np.divmod(messages, self.inner.size)
        cells = functions[:, None] * self.symbols + self.inner.ranking.subsets(rest)
        return np.bincount(cells.ravel(), minlength=self.cells)


def _digit_count(u: int, p: int) -> int:
    count = 0
    while u:
        u //= p
        count += 1
    return count


def _canonical(number: int, p: int) -> int:
    """The element with leading digit 1 that stands at place `number` among all such: e digits after it where (p^e - 1)/(p - 1) <= number."""
    place, first = 1, 0
    while number - first >= place:
        first, place = first + place, place * p
    return place + number - first


def _canonicals(numbers: IntArray, p: int) -> IntArray:
    firsts, places = _canonical_places(int(numbers.max(initial=0)), p)
    e = np.searchsorted(firsts, numbers, side="right") - 1
    result: IntArray = places[e] + numbers - firsts[e]
    return result


def _canonical_places(largest: int, p: int) -> tuple[IntArray, IntArray]:
    firsts, places = [0], [1]
    while firsts[-1] + places[-1] <= largest:
        firsts.append(firsts[-1] + places[-1])
        places.append(places[-1] * p)
    return np.array(firsts, dtype=np.int64), np.array(places, dtype=np.int64)


def _projective_numbers(u: IntArray, p: int, dimension: int) -> IntArray:
    """The place of the multiple of u with leading digit 1 among all such elements.  (m,) -> (m,)"""
    powers = np.array([p**i for i in range(dimension + 1)], dtype=np.int64)
    place = powers[np.searchsorted(powers, u, side="right") - 1]
    inverses = np.array([0, *(pow(s, -1, p) for s in range(1, p))], dtype=np.int64)
    scalar = inverses[u // place]
    canonical = np.zeros_like(u)
    for i in range(dimension):
        canonical += u // powers[i] * scalar % p * powers[i]
    result: IntArray = (place - 1) // (p - 1) + canonical - place
    return result
