"""A numeric outcome as one private bit, and the unbiased number that the bit stands for.

The phone rounds y in -B..B to B with probability 1/2 + y / (2B), else to -B, and answers with the two-item randomized
response of the project: the rounded sign is sent as it is with probability T / 2^64, else flipped. With
lambda = T / (2^64 - T) <= e^epsilon, the likelihood ratio of either bit under any two outcomes is at most lambda, and
B (lambda + 1) / (lambda - 1) times the sign of the bit has expectation y. Only the outcome is protected, not the tokens.

Notation: y: outcome · B: bound · bit: 1 for the upper end, 0 for the lower · lambda: exact likelihood ratio
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ldp_core.analysis.errors import AnalysisError
from ldp_core.errors import ReportError, ValueOutOfDomain
from ldp_core.privacy.epsilon import EpsilonLike, parse_epsilon
from ldp_core.privacy.threshold import coin_threshold, threshold_ratio
from ldp_core.randomness import COIN_BITS, RandomSource, coin
from ldp_core.types import FloatArray, IntArray

__all__ = ["OneBitOutcome", "required_rows"]

_COIN = 1 << COIN_BITS


@dataclass(frozen=True)
class OneBitOutcome:
    """The randomizer and its inverse. epsilon: exact, 0 < epsilon <= 24 · bound: B > 0, outcomes beyond it are clipped.

    >>> outcome = OneBitOutcome("1", 2.0)
    >>> round(outcome.magnitude, 3), round(outcome.variance_bound, 2)
    (4.328, 18.73)
    """

    epsilon: EpsilonLike
    bound: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "epsilon", parse_epsilon(self.epsilon))
        if not (math.isfinite(self.bound) and self.bound > 0):
            raise AnalysisError(
                f"bound must be positive and finite, got {self.bound}; take the largest outcome that can occur",
                code="out_of_range",
                field="bound",
            )

    @cached_property
    def threshold(self) -> int:
        """T of 2^64: heads sends the rounded sign."""
        return coin_threshold(parse_epsilon(self.epsilon), 1, 2)

    @cached_property
    def likelihood_ratio(self) -> Fraction:
        """lambda <= e^epsilon, exactly."""
        return threshold_ratio(self.threshold, 1, 2)

    @property
    def magnitude(self) -> float:
        """B (lambda + 1) / (lambda - 1): the size of every debiased outcome."""
        ratio = self.likelihood_ratio
        return self.bound * float((ratio + 1) / (ratio - 1))

    @property
    def variance_bound(self) -> float:
        """The most that the debiased outcome can vary for a fixed y: magnitude^2, at y = 0."""
        return self.magnitude**2

    def _rounding_threshold(self, y: float) -> int:
        share = (1 + Fraction(max(-self.bound, min(self.bound, y))) / Fraction(self.bound)) / 2
        return round(share * _COIN)

    def randomize(self, y: float, source: RandomSource) -> int:
        """The bit of a phone whose outcome is y. Raises ValueOutOfDomain, without the value, when it is not a finite number."""
        if not math.isfinite(y):
            raise ValueOutOfDomain("the outcome is not a finite number")
        rounded = int(coin(source, self._rounding_threshold(y)))
        return rounded if coin(source, self.threshold) else 1 - rounded

    def probability_of_one(self, y: ArrayLike) -> FloatArray:
        """Pr[bit = 1] = 1/2 + y / (2 B) (lambda - 1) / (lambda + 1) for the clipped outcome.  (any shape) -> same"""
        return np.asarray(
            0.5 + np.clip(np.asarray(y, dtype=np.float64), -self.bound, self.bound) / (2 * self.magnitude)
        )

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


def required_rows(d: int, L: int, gamma: float, label_variance: float) -> int:
    """Order of magnitude of the rows that a fit needs: d L (gamma^2 + Var) / gamma^4, rounded up.

    label_variance: variance of all noise on the outcome, `OneBitOutcome.variance_bound` for private ones.

    >>> required_rows(20, 10, 0.5**0.5, OneBitOutcome(1, 2.0).variance_bound)
    15385
    """
    return math.ceil(d * L * (gamma**2 + label_variance) / gamma**4)
