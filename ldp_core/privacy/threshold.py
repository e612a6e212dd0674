"""The integer threshold that is the whole privacy parameter of a design mechanism.

Notation
    E = e^epsilon · T: threshold, a coin is heads with probability T / 2^64
    c: messages that support an item · N: all messages
A phone sends a uniform supporting message with probability T / 2^64, else a uniform other one, so the
likelihood ratio between any two items is lambda = T (N - c) / ((2^64 - T) c), exactly.
"""

import functools
from fractions import Fraction

from ldp_core.errors import ParameterError
from ldp_core.randomness import COIN_BITS

__all__ = ["coin_threshold", "exp_bounds", "threshold_ratio"]

_COIN = 1 << COIN_BITS


def exp_bounds(x: Fraction, terms: int) -> tuple[Fraction, Fraction]:
    """Rational lower and upper bounds of e^x, 0 < x, from the first `terms` terms of its series.

    The tail after term m - 1 is below x^m / m! · 1 / (1 - x / (m + 1)) once m + 1 > x.

    >>> low, high = exp_bounds(Fraction(1), 20)
    >>> low < high, float(low)
    (True, 2.718281828459045)
    """
    if x <= 0 or terms <= x:
        raise ParameterError(f"the series of e^x needs x > 0 and more terms than x, got x = {x}, terms = {terms}")
    term, total = Fraction(1), Fraction(0)
    for m in range(1, terms + 1):
        total += term
        term = term * x / m
    return total, total + term / (1 - x / (terms + 1))


@functools.cache
def coin_threshold(epsilon: Fraction, block_size: int, report_space: int) -> int:
    """The largest T in 0..2^64 whose likelihood ratio does not exceed e^epsilon.

    lambda(T) <= E means T <= 2^64 E c / (N - c + E c). The floor of the right side is found between
    rational bounds of E, which are tightened until both give the same integer; e^epsilon is irrational for
    a rational epsilon, so that happens.

    epsilon: exact, positive · block_size: c, 1..N-1 · report_space: N.

    >>> T = coin_threshold(Fraction(1), 3, 7)
    >>> threshold_ratio(T, 3, 7) <= exp_bounds(Fraction(1), 30)[0] < threshold_ratio(T + 1, 3, 7)
    True
    """
    if not 0 < block_size < report_space:
        raise ParameterError(
            f"a block must hold some and not all messages, got block_size = {block_size} of {report_space}"
        )

    def floor_with(e: Fraction) -> int:
        return int(_COIN * e * block_size / (report_space - block_size + e * block_size))

    epsilon = _coarsened(epsilon)
    terms = 40 + 4 * int(epsilon)
    while True:
        low, high = (floor_with(bound) for bound in exp_bounds(epsilon, terms))
        if low == high:
            return low
        terms *= 2


def _coarsened(epsilon: Fraction) -> Fraction:
    """Epsilon rounded down to a denominator of 2^400 where its own is larger: privacy rounds down.

    Keeps the arithmetic short for absurdly long decimals; no epsilon that people write is changed.
    """
    if epsilon.denominator.bit_length() <= 400:
        return epsilon
    return Fraction(int(epsilon * 2**400), 2**400)


def threshold_ratio(threshold: int, block_size: int, report_space: int) -> Fraction:
    """The likelihood ratio lambda = T (N - c) / ((2^64 - T) c) of a coin threshold T, 0 <= T < 2^64."""
    if not 0 <= threshold < _COIN:
        raise ParameterError(f"the coin threshold must lie in 0..2^64 - 1, got {threshold}")
    return Fraction(threshold * (report_space - block_size), (_COIN - threshold) * block_size)
