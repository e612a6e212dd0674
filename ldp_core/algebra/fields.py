"""Arithmetic in GF(q) for every prime power q.

An element is an integer 0..q-1. For prime q that is the residue. For q = p^m its base-p digits are the
coefficients of a polynomial over GF(p), lowest degree in the lowest digit, modulo the Conway polynomial of
degree m. Every operation takes two integers or two arrays of int64.
"""

import functools
from typing import Protocol, TypeVar, cast

import numpy as np

from ldp_core.algebra.conway import conway_polynomial
from ldp_core.algebra.prime_powers import factor_prime_power
from ldp_core.types import IntArray

__all__ = ["ExtensionField", "Field", "PrimeField", "galois_field"]

Elements = TypeVar("Elements", int, IntArray)

_LARGEST_INVERSE_TABLE = 1 << 16


class Field(Protocol):
    """A finite field of order q = p^m."""

    @property
    def order(self) -> int: ...
    @property
    def characteristic(self) -> int: ...
    @property
    def degree(self) -> int: ...
    def add(self, a: Elements, b: Elements) -> Elements:
        """a + b."""
        ...

    def negative(self, a: Elements) -> Elements:
        """-a."""
        ...

    def multiply(self, a: Elements, b: Elements) -> Elements:
        """a · b."""
        ...

    def inverse(self, a: Elements) -> Elements:
        """1 / a. The inverse of 0 is not defined: ZeroDivisionError for an int, 0 in an array."""
        ...


class PrimeField:
    """GF(p): integers modulo a prime."""

    degree = 1

    def __init__(self, p: int) -> None:
        self.order = self.characteristic = p

    def add(self, a: Elements, b: Elements) -> Elements:
        """(a + b) mod p."""
        return (a + b) % self.order

    def negative(self, a: Elements) -> Elements:
        """-a mod p."""
        return -a % self.order

    def multiply(self, a: Elements, b: Elements) -> Elements:
        """a · b mod p."""
        return a * b % self.order

    def inverse(self, a: Elements) -> Elements:
        """1 / a mod p."""
        if isinstance(a, np.ndarray):
            if self.order <= _LARGEST_INVERSE_TABLE:
                return self._inverses[a]
            return self._power(a, self.order - 2)
        if a == 0:
            raise ZeroDivisionError("0 has no inverse in a field")
        return pow(int(a), -1, self.order)

    @functools.cached_property
    def _inverses(self) -> IntArray:
        return self._power(np.arange(self.order, dtype=np.int64), self.order - 2)

    def _power(self, a: IntArray, exponent: int) -> IntArray:
        result = np.minimum(a, 1)  # 0 stays 0, also for p = 2 where the exponent is 0
        while exponent:
            if exponent & 1:
                result = result * a % self.order
            a = a * a % self.order
            exponent >>= 1
        return result


class ExtensionField:
    """GF(p^m), m >= 2: polynomials over GF(p) modulo the Conway polynomial, multiplied through logarithms."""

    def __init__(self, p: int, m: int) -> None:
        self.characteristic, self.degree = p, m
        self.order: int = p**m
        self.modulus = conway_polynomial(p, m)  # (m + 1,) coefficients, lowest degree first
        powers = self._powers_of_x()  # x generates the multiplicative group: Conway polynomials are primitive
        self._exp = powers + powers
        self._log = [0] * self.order
        for exponent, element in enumerate(powers):
            self._log[element] = exponent
        # In arrays the logarithm of 0 is so large that any sum with it leads to a stretch of zeros: no branch is needed.
        log, exp = np.array(self._log, dtype=np.int64), np.zeros(4 * self.order + 1, dtype=np.int64)
        log[0] = 2 * self.order
        exp[: len(self._exp)] = self._exp
        self.log_array, self.exp_array = log, exp

    def _powers_of_x(self) -> list[int]:
        p, m = self.characteristic, self.degree
        top = p ** (m - 1)
        # x^m = -(c_0 + c_1 x + …), as base-p digits
        reduction = [-coefficient % p for coefficient in self.modulus[:m]]
        powers, element = [], 1
        for _ in range(self.order - 1):
            powers.append(element)
            lead, rest = divmod(element, top)
            digits = [0, *self._digits(rest)]
            element = sum(
                (digit + lead * r) % p * p**i for i, (digit, r) in enumerate(zip(digits, reduction, strict=True))
            )
        return powers

    def _digits(self, element: int) -> list[int]:
        p = self.characteristic
        return [element // p**i % p for i in range(self.degree - 1)]

    def add(self, a: Elements, b: Elements) -> Elements:
        """a + b, digit by digit modulo p (exclusive or for p = 2)."""
        p = self.characteristic
        if p == 2:
            return a ^ b
        total, place = a * 0, 1
        for _ in range(self.degree):
            total = total + (a // place + b // place) % p * place
            place *= p
        return total

    def negative(self, a: Elements) -> Elements:
        """-a, digit by digit modulo p."""
        p = self.characteristic
        if p == 2:
            return a
        total, place = a * 0, 1
        for _ in range(self.degree):
            total = total + -(a // place) % p * place
            place *= p
        return total

    def multiply(self, a: Elements, b: Elements) -> Elements:
        """a · b, by adding logarithms to the base x."""
        if isinstance(a, np.ndarray):
            return cast(Elements, self.exp_array[self.log_array[a] + self.log_array[b]])
        if a == 0 or b == 0:
            return 0
        return self._exp[self._log[a] + self._log[b]]

    def inverse(self, a: Elements) -> Elements:
        """1 / a."""
        if isinstance(a, np.ndarray):
            return cast(
                Elements, np.where(a == 0, 0, self.exp_array[(self.order - 1 - self.log_array[a]) % (self.order - 1)])
            )
        if a == 0:
            raise ZeroDivisionError("0 has no inverse in a field")
        return self._exp[self.order - 1 - self._log[a]]


@functools.lru_cache(maxsize=64)
def galois_field(q: int) -> Field:
    """GF(q). Raises FieldError when q is not a prime power or its Conway polynomial is not known here.

    >>> field = galois_field(4)
    >>> field.multiply(2, 2), field.add(2, 3), field.inverse(3)
    (3, 1, 2)
    """
    p, m = factor_prime_power(q)
    return PrimeField(p) if m == 1 else ExtensionField(p, m)
