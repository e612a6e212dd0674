"""Error and estimate where every item lives in one of h blocks and a phone randomizes inside its own.

Notation
    h blocks of b messages · N = h b · c messages support an item, d support two items of one block
    lambda: likelihood ratio · p = 1/(N + (lambda - 1) c): probability of a message that does not support the phone's item
    T_x: reports that support x · G_x: reports in the block of x · n: all reports · n_x, n_B: phones holding x, phones in its block
    E[T_x] = n p c + n_B p (lambda - 1) d + n_x p (lambda - 1)(c - d) · E[G_x] = n p b + n_B p (lambda - 1) c
Solving both for n_x:  n f_x = alpha T_x + beta G_x + gamma n with alpha = 1/(p (lambda - 1)(c - d)), beta = -alpha d/c,
gamma = -alpha p c - beta p b.  (Feldman et al. 2022, section 5, with the shipped lambda in place of e^epsilon.)
A report counts alpha + beta (supports x), beta (same block) or 0, plus gamma; its variance depends on its phone:
    own: holds x · same: holds another item of the block · apart: holds an item of another block.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from ldp_core.errors import ParameterError, TallyError
from ldp_core.estimation.error import SupportRates
from ldp_core.estimation.estimate import Estimate, Poisoning, Provenance
from ldp_core.exact_sum import exact_sum
from ldp_core.types import FloatArray, Frequencies, IntArray, SupportCounts

__all__ = ["BlockedError", "BlockedEstimate"]


@dataclass(frozen=True)
class BlockedError:
    """Blocks, messages of each, c, d and lambda > 1, exactly; what follows from them."""

    blocks: int
    block_messages: int
    block_size: int
    pair_intersection: int
    ratio: Fraction

    @cached_property
    def base(self) -> Fraction:
        """p, the probability of a message that does not support the phone's item."""
        return 1 / (self.blocks * self.block_messages + (self.ratio - 1) * self.block_size)

    @cached_property
    def alpha(self) -> Fraction:
        """What one report supporting x adds to n f_x, beside beta."""
        return 1 / (self.base * (self.ratio - 1) * (self.block_size - self.pair_intersection))

    @cached_property
    def beta(self) -> Fraction:
        """What one report in the block of x adds to n f_x."""
        return -self.alpha * Fraction(self.pair_intersection, self.block_size)

    @cached_property
    def gamma(self) -> Fraction:
        """What any report adds to n f_x."""
        return -self.base * (self.alpha * self.block_size + self.beta * self.block_messages)

    @cached_property
    def rates(self) -> SupportRates:
        """How often a report supports its own item, and another of its block; their gap is 1 / alpha."""
        c, d, lam = self.block_size, self.pair_intersection, self.ratio
        return SupportRates(self.base * lam * c, self.base * (lam * d + c - d))

    def _variance(self, supporting: Fraction, in_block: Fraction, mean: int) -> Fraction:
        """Variance of one report's count when it supports x, and is in its block, with these probabilities."""
        second = (self.alpha + self.beta) ** 2 * supporting + self.beta**2 * (in_block - supporting)
        return second - (mean - self.gamma) ** 2

    def _third(self, supporting: Fraction, in_block: Fraction, mean: int) -> float:
        """Third central moment of the same."""
        chances = (supporting, in_block - supporting, 1 - in_block)
        added = (self.alpha + self.beta, self.beta, Fraction(0))
        return float(sum(chance * (what + self.gamma - mean) ** 3 for chance, what in zip(chances, added, strict=True)))

    @cached_property
    def own(self) -> float:
        """Variance that a phone holding x adds to n f_x."""
        c, b = self.block_size, self.block_messages
        return float(self._variance(self.rates.own, self.base * (self.ratio * c + b - c), 1))

    @cached_property
    def same(self) -> float:
        """Variance that a phone holding another item of the block adds."""
        c, b = self.block_size, self.block_messages
        return float(self._variance(self.rates.other, self.base * (self.ratio * c + b - c), 0))

    @cached_property
    def apart(self) -> float:
        """Variance that a phone of another block adds."""
        return float(self._variance(self.base * self.block_size, self.base * self.block_messages, 0))

    @cached_property
    def own_third(self) -> float:
        """Third central moment that a phone holding x adds to n f_x."""
        c, b = self.block_size, self.block_messages
        return self._third(self.rates.own, self.base * (self.ratio * c + b - c), 1)

    @cached_property
    def same_third(self) -> float:
        """Third central moment that a phone holding another item of the block adds."""
        c, b = self.block_size, self.block_messages
        return self._third(self.rates.other, self.base * (self.ratio * c + b - c), 0)

    @cached_property
    def apart_third(self) -> float:
        """Third central moment that a phone of another block adds."""
        return self._third(self.base * self.block_size, self.base * self.block_messages, 0)

    def variance(self, n: int, frequency: float, block_share: float | None = None) -> float:
        """Variance of f_x: (f own + (g - f) same + (1 - g) apart) / n for a block that holds the share g of all phones.

        Without g, the worst case over g.
        """
        if n < 1:
            raise ParameterError(f"the variance needs at least one report, got n = {n}")
        if block_share is None:
            block_share = 1.0 if self.same > self.apart else frequency
        if not 0 <= frequency <= block_share <= 1:
            raise ParameterError(f"shares need 0 <= frequency <= block_share <= 1, got {frequency} and {block_share}")
        rest = (block_share - frequency) * self.same + (1 - block_share) * self.apart
        return (frequency * self.own + rest) / n

    def total_squared_error(self, domain_size: int) -> float:
        """n times the sum of Var(f_x) over k items spread evenly over the blocks, in the worst case over the data.

        own - same + k apart + (same - apart) sum over blocks of k_B g_B, with k_B items and the share g_B in block B.
        """
        k, h = domain_size, self.blocks
        fullest, emptiest = -(-k // h), max(k // h, 1)  # blocks without items hold no phones
        weight = fullest if self.same > self.apart else emptiest
        return self.own - self.same + k * self.apart + (self.same - self.apart) * weight


@dataclass(frozen=True)
class BlockedEstimate(Estimate):
    """Unbiased frequencies with the noise of each item's own block.

    block_totals: (h,) G, reports in each block · error: the formulas. Point x lives in block x mod h.
    """

    block_totals: IntArray
    error: BlockedError

    @classmethod
    def from_counts(
        cls,
        support_counts: SupportCounts,
        block_totals: IntArray,
        *,
        n: int,
        error: BlockedError,
        domain_size: int,
        provenance: Provenance,
    ) -> "BlockedEstimate":
        """f_x = (alpha T_x + beta G_x) / n + gamma. Raises TallyError when there is no report."""
        if n < 1:
            raise TallyError("no reports yet: an estimate needs at least one")
        points = _debias(support_counts, block_totals, n, error)
        return cls(points[:domain_size], support_counts, n, error.rates, provenance, block_totals, error)

    @cached_property
    def block_shares(self) -> FloatArray:
        """The estimated share of phones in each block, clipped to 0..1.  (h,)"""
        base, weight = self.error.base, (self.error.ratio - 1) * self.error.block_size
        seen = self.block_totals / self.n
        return np.clip((seen - float(base * self.error.block_messages)) / float(base * weight), 0, 1)

    def _noise_of(self, points: IntArray, same: float, apart: float) -> FloatArray:
        share = self.block_shares[points % self.error.blocks]
        return share * same + (1 - share) * apart

    @cached_property
    def noise_variance(self) -> FloatArray:
        """n Var(f_x) where nobody holds x, for each item.  (k,)"""
        return self._noise_of(np.arange(self.domain_size), self.error.same, self.error.apart)

    @cached_property
    def noise_third(self) -> FloatArray:
        """n^2 times the third central moment of f_x where nobody holds x, for each item.  (k,)"""
        return self._noise_of(np.arange(self.domain_size), self.error.same_third, self.error.apart_third)

    @property
    def own_third(self) -> float:
        """The same where everybody holds x."""
        return self.error.own_third

    @property
    def slope(self) -> float:
        """What a phone holding x adds over one holding another item of its block."""
        return self.error.own - self.error.same

    @property
    def total(self) -> Fraction:
        """The sum of the estimates of all points as an exact fraction; 1 for projective geometry blocks."""
        error, points = self.error, len(self.support_counts)
        in_block = exact_sum(self.block_totals) * (points // error.blocks)
        return (error.alpha * exact_sum(self.support_counts) + error.beta * in_block) / self.n + error.gamma * points

    def _unused(self) -> tuple[Frequencies, FloatArray, FloatArray]:
        points = np.arange(self.domain_size, len(self.support_counts))
        estimates = _debias(self.support_counts, self.block_totals, self.n, self.error)[self.domain_size :]
        error = self.error
        noise, third = (
            self._noise_of(points, *two) for two in ((error.same, error.apart), (error.same_third, error.apart_third))
        )
        return estimates, noise, third

    @property
    def poisoning(self) -> Poisoning:
        """How far forged reports can move one item: a forged report adds alpha + beta + gamma users."""
        gain = float(self.error.alpha + self.error.beta + self.error.gamma)
        return Poisoning(users_per_fake=gain, shift_per_percent=0.01 * gain)


def _debias(support_counts: SupportCounts, block_totals: IntArray, n: int, error: BlockedError) -> Frequencies:
    """alpha (T - (d/c) G) / n + gamma, with c T - d G and the integer part of its centre in integers."""
    c, d = error.block_size, error.pair_intersection
    totals = np.resize(block_totals, len(support_counts))  # point x lives in block x mod h
    centre = -error.gamma / error.alpha * c * n
    whole = centre.numerator // centre.denominator
    fraction = float(centre - whole)
    scaled = c * support_counts - d * totals - whole
    frequencies: Frequencies = (scaled.astype(np.float64) - fraction) * float(error.alpha / (c * n))
    return frequencies
