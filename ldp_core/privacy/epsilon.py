"""Epsilon as an exact rational number."""

import math
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import TypeAlias

from ldp_core.errors import EpsilonError

__all__ = ["MAX_EPSILON", "MIN_EPSILON", "EpsilonLike", "format_epsilon", "parse_epsilon"]

EpsilonLike: TypeAlias = str | int | float | Fraction | Decimal

MAX_EPSILON = Fraction(24)
"""Above this a 64-bit coin is no longer fine enough to come near e^epsilon, and no report is private."""

MIN_EPSILON = Fraction(1, 10**9)
"""Below this an estimate needs some 4 / epsilon^2 = 4 * 10^18 reports and more, and floats lose the variance."""

_MAX_DIGITS = 1_000


def parse_epsilon(value: EpsilonLike) -> Fraction:
    """Epsilon, kept exactly: a decimal string and a fraction as written, a float as the binary number it is.

    Raises EpsilonError when the value is not a number, not positive, below 10^-9 or above 24.

    >>> parse_epsilon("0.1"), parse_epsilon(2), parse_epsilon("1/3")
    (Fraction(1, 10), Fraction(2, 1), Fraction(1, 3))
    """
    epsilon = _as_fraction(value)
    if epsilon <= 0:
        raise EpsilonError(f"epsilon must be positive, got {value}. Zero would let a report say nothing.")
    if epsilon < MIN_EPSILON:
        raise EpsilonError(
            f"epsilon must be at least {float(MIN_EPSILON)}; below that no number of reports tells anything"
        )
    if epsilon > MAX_EPSILON:
        raise EpsilonError(
            f"epsilon must be at most {MAX_EPSILON}, got {value}. Choose one below about 8: "
            "above that a report usually reveals its answer."
        )
    return epsilon


def _as_fraction(value: EpsilonLike) -> Fraction:
    wanted = 'epsilon must be a positive number such as 1, "0.5" or "1/3"'
    if isinstance(value, bool):
        raise EpsilonError(f"{wanted}, got {value!r}")
    if isinstance(value, float) and not math.isfinite(value):
        raise EpsilonError(f"{wanted}, got {value!r}")
    if isinstance(value, str):
        text = value.strip()
        if len(text) > _MAX_DIGITS or "e" in text.lower():  # "1e999999999" would build a huge integer
            raise EpsilonError(f"{wanted}, written out in plain digits, got a string of {len(text)} characters")
        try:
            return Fraction(text)
        except (ValueError, ZeroDivisionError) as error:
            raise EpsilonError(f"{wanted}, got {value!r}") from error
    try:
        return Fraction(value)
    except (TypeError, ValueError, OverflowError, InvalidOperation) as error:
        raise EpsilonError(f"{wanted}, got {value!r}") from error


def format_epsilon(epsilon: Fraction) -> str:
    """The shortest exact text: a decimal where one exists, else "a/b". `parse_epsilon` reads it back.

    >>> format_epsilon(Fraction(1, 4)), format_epsilon(Fraction(1, 3)), format_epsilon(Fraction(5))
    ('0.25', '1/3', '5')
    """
    numerator, denominator = epsilon.numerator, epsilon.denominator
    if denominator == 1:
        return str(numerator)
    places, scaled = 0, denominator
    for prime in (2, 5):
        exponent = 0
        while scaled % prime == 0:
            scaled //= prime
            exponent += 1
        places = max(places, exponent)
    if scaled != 1:
        return f"{numerator}/{denominator}"
    digits = str(numerator * 10**places // denominator).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}"
