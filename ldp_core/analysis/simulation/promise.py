"""What is promised of one fleet's estimates, the phones' items fixed.

Notation: k items, n phones · v_x: variance of the estimate of item x · s, r: support rates, `SupportRates`.
A report moves the estimate of an item by at most b / n with b = 1 / (s - r). The step delta_x = b / (n sqrt(v_x)) is that in
standard errors: the skewness of an estimate is at most delta_x, since the third moment of what a report adds is at most b times its
variance. In the same way the fourth moments of all items together add at most b^2 / (n^2 v), v the mean of v_x, to the variance of Q.
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ldp_core.analysis.simulation.population import Holdings
from ldp_core.mechanisms import Mechanism
from ldp_core.mechanisms.blocked_mechanism import BlockedMechanism
from ldp_core.types import FloatArray

__all__ = ["Promise"]


@dataclass(frozen=True, eq=False)
class Promise:
    """variances: (k,) v · largest_move: b · phones: n."""

    variances: FloatArray
    largest_move: float
    phones: int

    @classmethod
    def of(cls, mechanism: Mechanism, holdings: Holdings) -> "Promise":
        """By the mechanism's exact formulas at the true shares."""
        per_phone = _variance_per_phone(mechanism, holdings.truth)
        return cls(per_phone / holdings.phones, 1 / float(mechanism.rates.gap), holdings.phones)

    @cached_property
    def standard_errors(self) -> FloatArray:
        """(k,)"""
        return np.sqrt(self.variances)

    @cached_property
    def total_variance(self) -> float:
        """The expected sum of squared errors of all items."""
        return float(self.variances.sum())

    @cached_property
    def step(self) -> float:
        """The root mean square of delta over the items."""
        return self.largest_move / self.phones * math.sqrt(float(np.mean(1 / self.variances)))

    @cached_property
    def independent_items(self) -> float:
        """So many independent normal errors have a sum of squares that varies as that of all items does: nu.

        1/nu = 1/(m - 1) + b^2 / (2 n^2 v) with m = (sum v)^2 / sum v^2. The one is for the direction in which estimates are tied,
        their sum; the second term bounds what fourth moments add. For two items, whose errors are one error, m - 1 is 1.
        Fewer where a frequent item ties others together, as points of one line are in a geometry.
        """
        independent = self.total_variance**2 / float((self.variances**2).sum())
        fourth = (self.largest_move / self.phones) ** 2 / float(np.mean(self.variances))
        return 1 / (1 / max(1.0, independent - 1) + fourth / 2)

    def miss_rate(self, nominal: float, z: float) -> float:
        """The most that a miss of z standard errors with this nominal probability may happen.

        nominal exp(delta (z + z^3/6)): Cramer's correction of a normal tail for skewness, and a tail that may begin one step early.
        """
        return min(1.0, nominal * math.exp(min(700.0, self.step * (z + z**3 / 6))))


def _variance_per_phone(mechanism: Mechanism, truth: FloatArray) -> FloatArray:
    """n Var(f_x) at the true shares, in blocks with the true share of each block.  (k,) -> (k,)"""
    if not isinstance(mechanism, BlockedMechanism):
        own, noise = mechanism.rates.own_variance, mechanism.rates.noise_variance
        return noise + (own - noise) * truth
    error = mechanism.error
    block = np.arange(len(truth)) % error.blocks
    share = np.bincount(block, weights=truth, minlength=error.blocks)[block]
    variance: FloatArray = truth * error.own + (share - truth) * error.same + (1 - share) * error.apart
    return variance
