"""The error of frequency estimates, by exact formula.

Notation
    k: items · n: reports · E = e^epsilon
    s = Pr[a report supports its own item] · r = Pr[it supports a given other item]
    f_x = (T_x / n - r) / (s - r): the unbiased estimate from the share T_x / n of reports supporting x
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from ldp_core.errors import DomainError, ParameterError

__all__ = ["SupportRates", "optimal_total_squared_error", "total_squared_error"]


@dataclass(frozen=True)
class SupportRates:
    """How often a report supports its own item (s) and a given other item (r), exactly.

    Raises ParameterError unless 0 <= r < s <= 1.
    """

    own: Fraction
    other: Fraction

    def __post_init__(self) -> None:
        if not 0 <= self.other < self.own <= 1:
            raise ParameterError(f"support rates need 0 <= other < own <= 1, got {self.own} and {self.other}")

    @classmethod
    def of_design(cls, own: Fraction, *, size: int, block_size: int, pair_intersection: int) -> "SupportRates":
        """The rates of a block design whose phone sends a member with probability `own`.

        A member of S_x lies in S_y with probability d/c, a non-member with (c - d)/(N - c).
        """
        c, d = block_size, pair_intersection
        return cls(own, own * Fraction(d, c) + (1 - own) * Fraction(c - d, size - c))

    @property
    def gap(self) -> Fraction:
        """s - r, by which one more phone holding x raises the share of reports supporting x."""
        return self.own - self.other

    @cached_property
    def noise_variance(self) -> float:
        """v0 = r(1-r)/(s-r)^2: n times the variance of f_x where nobody holds x."""
        return float(self.other * (1 - self.other) / self.gap**2)

    @cached_property
    def own_variance(self) -> float:
        """v1 = s(1-s)/(s-r)^2: n times the variance of f_x where everybody holds x."""
        return float(self.own * (1 - self.own) / self.gap**2)

    @cached_property
    def noise_third(self) -> float:
        """u0 = r(1-r)(1-2r)/(s-r)^3: n^2 times the third central moment of f_x where nobody holds x."""
        return float(self.other * (1 - self.other) * (1 - 2 * self.other) / self.gap**3)

    @cached_property
    def own_third(self) -> float:
        """u1 = s(1-s)(1-2s)/(s-r)^3: n^2 times the third central moment of f_x where everybody holds x."""
        return float(self.own * (1 - self.own) * (1 - 2 * self.own) / self.gap**3)

    def variance(self, n: int, frequency: float) -> float:
        """Variance of f_x over the phones' coins, their data fixed: (f v1 + (1 - f) v0) / n."""
        if n < 1:
            raise ParameterError(f"the variance needs at least one report, got n = {n}")
        return (frequency * self.own_variance + (1 - frequency) * self.noise_variance) / n


def total_squared_error(rates: SupportRates, domain_size: int) -> float:
    """n times the sum over the k items of Var(f_x): v1 + (k - 1) v0, whatever the data are."""
    return rates.own_variance + (domain_size - 1) * rates.noise_variance


def optimal_total_squared_error(epsilon: Fraction, domain_size: int) -> float:
    """The least n · sum of Var(f_x) over all epsilon-LDP mechanisms, data fixed.

    M - 1 + 1/k with M = min over w in {floor, ceil}(k/(E+1)) of (k-1)^2 (wE + k - w)^2 / (k w (k-w) (E-1)^2).
    Source: Ye & Barg 2018, "Optimal schemes for discrete distribution estimation under LDP", attained by subset selection.

    >>> round(optimal_total_squared_error(Fraction(5), 22_351), 3)
    609.547
    """
    k, E = domain_size, math.exp(epsilon)
    if k < 2:
        raise DomainError(f"domain_size must be at least 2, got {k}")
    ideal = k / (E + 1)
    sizes = {min(max(w, 1), k - 1) for w in (math.floor(ideal), math.ceil(ideal))}
    M = min((k - 1) ** 2 * (w * E + k - w) ** 2 / (k * w * (k - w) * math.expm1(epsilon) ** 2) for w in sizes)
    return M - 1 + 1 / k
