"""A numeric outcome as one private bit, and the unbiased number that the bit stands for.

The phone rounds y in -B..B to B with probability 1/2 + y / (2B), else to -B, and answers with randomized response over
the two ends: the rounded sign is sent as it is with probability T / 2^64, else flipped. With
lambda = T / (2^64 - T) <= e^epsilon, the likelihood ratio of either bit under any two outcomes is at most lambda, and
B (lambda + 1) / (lambda - 1) times the sign of the bit has expectation y. Source: Duchi, Jordan, Wainwright, JASA 2018, for one coordinate.

Notation: y: outcome · B: bound · bit: 1 for the upper end, 0 for the lower · lambda: exact likelihood ratio
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from ldp_core.errors import ParameterError, ReportError, ValueOutOfDomain
from ldp_core.mechanisms import Mechanism
from ldp_core.mechanisms.randomized_response import randomized_response
from ldp_core.privacy.epsilon import EpsilonLike, format_epsilon, parse_epsilon
from ldp_core.randomness import COIN_BITS, RandomSource, coin
from ldp_core.types import FloatArray, IntArray

__all__ = ["Bound", "OneBitOutcome", "format_bound", "parse_bound"]

Bound: TypeAlias = str | int | float | Fraction | Decimal

_COIN = 1 << COIN_BITS
_LARGEST_BOUND = 10**12
_MOST_CHARACTERS = 40


@dataclass(frozen=True)
class OneBitOutcome:
    """The randomizer and its inverse. epsilon: exact, 0 < epsilon <= 24 · bound: B > 0, exact; outcomes beyond it are clipped.

    Raises EpsilonError, or ParameterError for a bound that is not a number in 0 < B <= 10^12.

    >>> outcome = OneBitOutcome("1", 2)
    >>> round(outcome.magnitude, 3), round(outcome.variance_bound, 2)
    (4.328, 18.73)
    """

    epsilon: EpsilonLike
    bound: Bound

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", parse_epsilon(self.epsilon))
        object.__setattr__(self, "bound", parse_bound(self.bound))

    @cached_property
    def mechanism(self) -> Mechanism:
        """Randomized response over the lower end, 0, and the upper end, 1."""
        return randomized_response(epsilon=self.epsilon, domain_size=2)

    @property
    def likelihood_ratio(self) -> Fraction:
        """lambda <= e^epsilon, exactly."""
        return self.mechanism.likelihood_ratio

    @property
    def limit(self) -> float:
        """B as a float."""
        return float(Fraction(self.bound))

    @cached_property
    def magnitude(self) -> float:
        """B (lambda + 1) / (lambda - 1): the size of every debiased outcome."""
        ratio = self.likelihood_ratio
        return float(Fraction(self.bound) * (ratio + 1) / (ratio - 1))

    @property
    def variance_bound(self) -> float:
        """The most that the debiased outcome can vary for a fixed y: magnitude^2, at y = 0."""
        return self.magnitude**2

    def rounding_threshold(self, y: float) -> int:
        """The coin threshold, 0..2^64, with which the phone rounds y to B: round((1 + y/B) / 2 · 2^64), exactly, halves to even."""
        bound = Fraction(self.bound)
        return round((1 + max(-bound, min(bound, Fraction(y))) / bound) / 2 * _COIN)

    def randomize(self, y: float, source: RandomSource) -> int:
        """The bit of a phone whose outcome is y. Raises ValueOutOfDomain, without the value, when it is not a finite number."""
        if not math.isfinite(y):
            raise ValueOutOfDomain("the outcome is not a finite number")
        return self.mechanism.randomize(int(coin(source, self.rounding_threshold(y))), source)

    def probability_of_one(self, y: ArrayLike) -> FloatArray:
        """Pr[bit = 1] = 1/2 + y / (2 B) (lambda - 1) / (lambda + 1) for the clipped outcome.  (any shape) -> same"""
        clipped = np.clip(np.asarray(y, dtype=np.float64), -self.limit, self.limit)
        return np.asarray(0.5 + clipped / (2 * self.magnitude))

    def simulate(self, y: ArrayLike, rng: np.random.Generator) -> IntArray:
        """Bits of many phones at once, for simulation only.  (n,) -> (n,)"""
        chance = self.probability_of_one(y)
        return (rng.random(chance.shape) < chance).astype(np.int64)

    def debias(self, bits: ArrayLike) -> FloatArray:
        """Unbiased outcomes. bits: (n,) of 0 and 1 -> (n,) of plus or minus `magnitude`. ReportError for any other bit."""
        given = np.asarray(bits)
        if not np.isin(given, (0, 1)).all():
            raise ReportError("a one-bit outcome is 0 or 1; some report is neither")
        return np.where(given == 1, self.magnitude, -self.magnitude)

    def interval(self, bit: int, confidence: float = 0.95) -> tuple[float, float]:
        """For the label behind one bit, inside -B..B; most often all of it, since one bit is meant to say little.

        With p = Pr[bit = 1] and alpha = 1 - confidence, at most 1/2, a bit 1 excludes p < alpha and a bit 0 excludes p > 1 - alpha. Each p is
        wrongly excluded by one bit alone, with probability below alpha, so the interval is exact. Source: Blyth, Still, JASA 1983, for one draw.

        >>> OneBitOutcome("1", 2).interval(1), OneBitOutcome("1", 2).interval(1, 0.5)
        ((-2.0, 2.0), (0.0, 2.0))
        """
        alpha = min(1 - confidence, 0.5)
        # y = magnitude (2 p - 1) at the p where the exclusion begins
        if bit:
            return max(-self.limit, self.magnitude * (2 * alpha - 1)), self.limit
        return -self.limit, min(self.limit, self.magnitude * (1 - 2 * alpha))


def parse_bound(value: Bound) -> Fraction:
    """The bound of an outcome, exactly: 0 < B <= 10^12. Raises ParameterError.

    >>> parse_bound("2.5"), parse_bound(2)
    (Fraction(5, 2), Fraction(2, 1))
    """
    wanted = 'the bound of an outcome is a positive number of plain digits up to 10^12, such as 2 or "2.5"'
    plain = not isinstance(value, str) or (len(value) <= _MOST_CHARACTERS and "e" not in value.lower())
    try:
        bound = Fraction(value) if plain and not isinstance(value, bool) else Fraction(0)
    except (TypeError, ValueError, OverflowError, ZeroDivisionError) as error:
        raise ParameterError(f"{wanted}; take the largest outcome that can occur") from error
    if not 0 < bound <= _LARGEST_BOUND:
        raise ParameterError(f"{wanted}, got {str(value)[:_MOST_CHARACTERS]}; take the largest outcome that can occur")
    return bound


def format_bound(bound: Fraction) -> str:
    """The shortest exact text of a bound: `parse_bound` reads it back."""
    return format_epsilon(bound)
