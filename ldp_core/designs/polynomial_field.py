"""GF(p^d) without tables: polynomials over GF(p) modulo the first irreducible one.

An element is an integer 0..p^d - 1 whose base-p digits are coefficients, lowest degree in the lowest digit. The modulus is the
monic irreducible polynomial of degree d whose own number is least, so nothing has to be looked up and fields of
millions of elements cost nothing to set up. (`algebra.fields` uses Conway polynomials and logarithm tables instead.)
"""

import functools
from collections.abc import Sequence
from typing import TypeVar

from ldp_core.types import IntArray

__all__ = ["PolynomialField", "add_digits", "first_irreducible"]

Elements = TypeVar("Elements", int, IntArray)


def add_digits(a: Elements, b: Elements, p: int, length: int) -> Elements:
    """Digit-wise sum modulo p of two base-p integers of `length` digits, scalars or arrays alike.

    >>> add_digits(5, 7, 3, 2), add_digits(5, 3, 2, 3)
    (0, 6)
    """
    if p == 2:
        return a ^ b
    total, place = a * 0, 1
    for _ in range(length):
        total = total + (a // place + b // place) % p * place
        place *= p
    return total


class PolynomialField:
    """GF(p^d), p prime, d >= 1: multiplication of integers or int64 arrays.

    >>> PolynomialField(2, 3).multiply(5, 3)  # (x^2 + 1)(x + 1) modulo x^3 + x + 1
    4
    """

    def __init__(self, p: int, degree: int) -> None:
        self.p, self.degree = p, degree
        self.order = p**degree
        self.modulus = first_irreducible(p, degree)  # (d + 1,) coefficients, lowest degree first
        self._packed_modulus = sum(digit << place for place, digit in enumerate(self.modulus))

    def multiply(self, a: Elements, b: Elements) -> Elements:
        """a · b. The running time does not depend on the values."""
        return self._multiply_bits(a, b) if self.p == 2 else self._multiply_digits(a, b)

    def _multiply_bits(self, a: Elements, b: Elements) -> Elements:
        product, d = a * 0, self.degree
        for place in range(d):
            product = product ^ -(b >> place & 1) & a
            a = a << 1
            a = a ^ -(a >> d & 1) & self._packed_modulus
        return product

    def _multiply_digits(self, a: Elements, b: Elements) -> Elements:
        p, d = self.p, self.degree
        left = [a // p**place % p for place in range(d)]
        right = [b // p**place % p for place in range(d)]
        product = [a * 0 for _ in range(2 * d - 1)]
        for i, x in enumerate(left):
            for j, y in enumerate(right):
                product[i + j] = product[i + j] + x * y
        for place in range(2 * d - 2, d - 1, -1):  # x^d = -(m_0 + m_1 x + …)
            lead = product[place] % p
            for i, m in enumerate(self.modulus[:d]):
                if m:
                    product[place - d + i] = product[place - d + i] + lead * (p - m)
        total = a * 0
        for place in range(d):
            total = total + product[place] % p * p**place
        return total


@functools.cache
def first_irreducible(p: int, degree: int) -> tuple[int, ...]:
    """Coefficients, lowest degree first, of the monic irreducible polynomial over GF(p) whose number is least.

    >>> first_irreducible(2, 4), first_irreducible(5, 1)
    ((1, 1, 0, 0, 1), (0, 1))
    """
    for number in range(p**degree):
        candidate = (*(number // p**place % p for place in range(degree)), 1)
        if _is_irreducible(candidate, p):
            return candidate
    raise ArithmeticError(f"no irreducible polynomial of degree {degree} over GF({p})")  # there always is one


def _is_irreducible(f: Sequence[int], p: int) -> bool:
    """Ben-Or's test: f of degree d has no factor in common with x^(p^i) - x for i up to d / 2."""
    degree = len(f) - 1
    power = [0, 1]
    for _ in range(degree // 2):
        power = _power(power, p, f, p)
        difference = power + [0] * max(0, 2 - len(power))
        difference[1] = (difference[1] - 1) % p
        if len(_gcd(f, difference, p)) != 1:
            return False
    return True


def _power(base: Sequence[int], exponent: int, f: Sequence[int], p: int) -> list[int]:
    result, square = [1], list(base)
    while exponent:
        if exponent & 1:
            result = _remainder(_product(result, square, p), f, p)
        square = _remainder(_product(square, square, p), f, p)
        exponent >>= 1
    return result


def _product(a: Sequence[int], b: Sequence[int], p: int) -> list[int]:
    product = [0] * (len(a) + len(b) - 1)
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            product[i + j] = (product[i + j] + x * y) % p
    return product


def _remainder(a: Sequence[int], f: Sequence[int], p: int) -> list[int]:
    """a modulo f, without leading zeros; [] for zero.  f has a nonzero leading coefficient."""
    rest, inverse = list(a), pow(f[-1], -1, p)
    while len(rest) >= len(f):
        lead = rest[-1] * inverse % p
        shift = len(rest) - len(f)
        for place, coefficient in enumerate(f):
            rest[shift + place] = (rest[shift + place] - lead * coefficient) % p
        rest.pop()
    while rest and rest[-1] == 0:
        rest.pop()
    return rest


def _gcd(a: Sequence[int], b: Sequence[int], p: int) -> list[int]:
    first, second = list(a), list(b)
    while second and second[-1] == 0:
        second.pop()
    while second:
        first, second = second, _remainder(first, second, p)
    return first
