"""A decoded histogram: every number with its error and where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import sqrt
from statistics import NormalDist

import numpy as np

from ldp_core.errors import TallyError
from ldp_core.estimation.error import SupportRates
from ldp_core.estimation.intervals import Interval, critical_value, noise_floor, score_interval
from ldp_core.exact_sum import exact_sum
from ldp_core.types import FloatArray, Frequencies, SupportCounts

__all__ = ["Canaries", "Estimate", "Poisoning", "Provenance"]

_ALARM_CONFIDENCE = 0.9999


@dataclass(frozen=True)
class Provenance:
    """Which mechanism and decoder made an estimate, and what was done to it since (`post`, empty when raw)."""

    mechanism: str
    parameters: Mapping[str, int]
    epsilon: Fraction
    threshold: int
    likelihood_ratio: Fraction
    decoder: str
    post: tuple[str, ...] = ()


@dataclass(frozen=True)
class Canaries:
    """The points that no item uses. Their true frequency is 0, so their estimates are pure noise, or something is wrong.

    `rms_z` is near 1 on honest reports; `max_abs_z` exceeds `alarm_at` about once in 10,000 honest collections.
    They expose broken clients, wrong specs and crude attacks, not a careful attacker.
    """

    count: int
    total_frequency: float
    rms_z: float
    max_abs_z: float
    alarm_at: float

    @property
    def alarm(self) -> bool:
        """Is some canary further from zero than noise explains?"""
        return self.max_abs_z > self.alarm_at


@dataclass(frozen=True)
class Poisoning:
    """How far forged reports can move one item: a bound, not a detection.

    `users_per_fake`: honest users that one forged report can imitate, (1 - r)/(s - r).
    `shift_per_percent`: change of one item's frequency when 1 % of all reports are forged, at most.
    """

    users_per_fake: float
    shift_per_percent: float

    @classmethod
    def of(cls, rates: SupportRates) -> "Poisoning":
        """The bound for reports that support their own item with probability s and another one with r."""
        gain = float((1 - rates.other) / rates.gap)
        return cls(users_per_fake=gain, shift_per_percent=0.01 * gain)


@dataclass(frozen=True)
class Estimate:
    """Unbiased frequencies of k items from n reports.

    frequencies: (k,), may be negative, not clipped · support_counts: (points,), every point of the design, items first.
    In a symmetric design the estimates of all points sum to exactly 1 (`total`), whatever the reports.
    """

    frequencies: Frequencies
    support_counts: SupportCounts
    n: int
    rates: SupportRates
    provenance: Provenance

    @classmethod
    def from_support_counts(
        cls,
        support_counts: SupportCounts,
        *,
        n: int,
        rates: SupportRates,
        domain_size: int,
        provenance: Provenance,
    ) -> "Estimate":
        """Debias: f_x = (T_x - n r) / (n (s - r)). Raises TallyError when there is no report."""
        if n < 1:
            raise TallyError("no reports yet: an estimate needs at least one")
        frequencies = _debias(support_counts[:domain_size], n, rates)
        return cls(frequencies, support_counts, n, rates, provenance)

    @property
    def domain_size(self) -> int:
        """k, the number of items."""
        return len(self.frequencies)

    @property
    def noise_variance(self) -> FloatArray | float:
        """v0, n times the variance of f_x where nobody holds x: one number, or (k,) where items differ."""
        return self.rates.noise_variance

    @property
    def slope(self) -> float:
        """w = v1 - v0: Var(f_x) = (v0 + w f) / n."""
        return self.rates.own_variance - self.rates.noise_variance

    @property
    def noise_third(self) -> FloatArray | float:
        """u0, n^2 times the third central moment of f_x where nobody holds x: one number, or (k,) where items differ."""
        return self.rates.noise_third

    @property
    def own_third(self) -> float:
        """u1, the same where everybody holds x."""
        return self.rates.own_third

    @cached_property
    def asymmetry(self) -> FloatArray:
        """Third central moment over variance, of what a report adds, at the estimated frequency clipped to 0..1.  (k,)"""
        plausible = np.clip(self.frequencies, 0, 1)
        third = (1 - plausible) * self.noise_third + plausible * self.own_third
        ratio: FloatArray = third / (self.noise_variance + self.slope * plausible)
        return ratio

    @cached_property
    def standard_errors(self) -> FloatArray:
        """Square root of the variance at the estimated frequency clipped to 0..1.  (k,)"""
        plausible = np.clip(self.frequencies, 0, 1)
        errors: FloatArray = np.sqrt((self.noise_variance + self.slope * plausible) / self.n)
        return errors

    def interval(self, confidence: float = 0.95, *, simultaneous: bool = False) -> Interval:
        """Score intervals: each holds its truth with this probability, or all k together when `simultaneous`."""
        z = critical_value(confidence, self.domain_size if simultaneous else 1)
        return score_interval(self.frequencies, self.noise_variance, self.slope, self.n, z, self.asymmetry)

    def noise_floor(self, confidence: float = 0.95) -> float:
        """An estimate above this is not noise: with this probability no unused item of all k reaches it."""
        noisiest = float(np.max(self.noise_variance))
        longest = float(np.max(self.noise_third / self.noise_variance))
        return noise_floor(noisiest, self.n, confidence, self.domain_size, longest)

    @property
    def total(self) -> Fraction:
        """The sum of the estimates of all points as an exact fraction.

        1 for every multiset of messages where each message supports equally many points (not so for unary encoding, local
        hashing and Hadamard response).
        """
        supports = exact_sum(self.support_counts)
        points, n = len(self.support_counts), self.n
        return (supports - points * n * self.rates.other) / (n * self.rates.gap)

    def _unused(self) -> tuple[Frequencies, FloatArray | float, FloatArray | float]:
        """Estimates of the points that no item uses, v0 and u0 of each."""
        unused = _debias(self.support_counts[self.domain_size :], self.n, self.rates)
        return unused, self.rates.noise_variance, self.rates.noise_third

    @cached_property
    def canaries(self) -> Canaries:
        """What the unused points say."""
        unused, noise, third = self._unused()
        if len(unused) == 0:
            return Canaries(0, 0.0, 0.0, 0.0, 0.0)
        z = unused / np.sqrt(noise / self.n)
        skewness = float(np.max(np.abs(third) / np.power(noise, 1.5))) / sqrt(self.n)
        alarm_at = -NormalDist().inv_cdf((1 - _ALARM_CONFIDENCE) / (2 * len(unused)))
        return Canaries(
            count=len(unused),
            total_frequency=float(unused.sum()),
            rms_z=float(np.sqrt(np.mean(z**2))),
            max_abs_z=float(np.abs(z).max()),
            alarm_at=alarm_at + skewness * (alarm_at**2 - 1) / 6,  # as `intervals` has it
        )

    @property
    def poisoning(self) -> Poisoning:
        """How far forged reports can move one item."""
        return Poisoning.of(self.rates)


def _debias(support_counts: SupportCounts, n: int, rates: SupportRates) -> Frequencies:
    """(T - n r) / (n (s - r)), subtracting the integer part of n r in integers so that nothing cancels."""
    centre = n * rates.other
    whole = centre.numerator // centre.denominator
    fraction = float(centre - whole)
    frequencies: Frequencies = ((support_counts - whole).astype(np.float64) - fraction) / float(n * rates.gap)
    return frequencies
