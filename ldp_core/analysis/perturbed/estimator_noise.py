"""The sampling noise of a collection's estimate, as a perturbation of the true frequencies.

Notation
    n reports, P points of the design · s, r: support rates · v_x = n Var(f_x) over the phones' coins
    u: the item of a phone · 1_x: does its report support x
A phone that reports anything adds Cov(1_x, 1_y | u) to the covariance of the support counts of x and y:
    kappa_1 where u is x or y · kappa_0 where u is neither, on average over such pairs
Where every message supports equally many points, the sum over y of Cov(1_x, 1_y | u) is 0, which gives
    kappa_1 = -s (1 - s) / (P - 1) and kappa_0 = -(r (1 - r) + kappa_1) / (P - 2).
Elsewhere (unary encodings, local hashing, Hadamard response) both are 0: unary bits are independent, and the others are
pairwise uncorrelated up to how triples of sets meet; in blocks the shared block total is left out. Together: Cov(f_x, f_y) = (c_0 + c_1 (f_x + f_y)) / n.
Phones are taken to be drawn from a larger population, which adds (diag f - f f') / n.

Differences f_x - f_y are what ranks depend on. A term c_0 + c_1 (f_x + f_y) in the covariance of every pair leaves them with
the variances of independent noise: Var(f_x - f_y) = e_x + e_y with e_x = (v_x - c_0 - 2 c_1 f_x + f_x) / n, up to
(f_x - f_y)^2 / n from the population term, which is left out: the variances are never too small.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ldp_core.analysis.errors import AnalysisError
from ldp_core.estimation.blocked import BlockedEstimate
from ldp_core.estimation.estimate import Estimate
from ldp_core.mechanisms.design_mechanism import DesignMechanism
from ldp_core.mechanisms.tally import Tally
from ldp_core.types import FloatArray

__all__ = ["LARGEST_EXACT", "EstimatorNoise", "report_covariance"]

LARGEST_EXACT = 2_000_000
"""Items times messages up to which `report_covariance` is offered."""


@dataclass(frozen=True)
class EstimatorNoise:
    """The noise of one estimate: coins of the phones, and the choice of phones from a population."""

    estimate: Estimate

    @cached_property
    def plausible(self) -> FloatArray:
        """Frequencies clipped to 0..1, for variances.  (k,)"""
        return np.clip(self.estimate.frequencies, 0, 1)

    @cached_property
    def pair_terms(self) -> tuple[float, float]:
        """c_0 and c_1."""
        estimate, points = self.estimate, len(self.estimate.support_counts)
        if isinstance(estimate, BlockedEstimate) or estimate.total != 1:
            return 0.0, 0.0
        s, r = float(estimate.rates.own), float(estimate.rates.other)
        one = -s * (1 - s) / (points - 1)
        none = -(r * (1 - r) + one) / (points - 2) if points > 2 else one
        gap = float(estimate.rates.gap) ** 2
        return none / gap, (one - none) / gap

    def rank_variances(self, frequencies: FloatArray | None = None) -> FloatArray:
        """e, the variances of independent noise that ranks items alike.  (k,), at the estimated frequencies or those given"""
        f = self.plausible if frequencies is None else frequencies
        c0, c1 = self.pair_terms
        own = self.estimate.noise_variance + self.estimate.slope * f
        variances: FloatArray = (own - c0 - 2 * c1 * f + f) / self.estimate.n
        return variances

    def covariance(self) -> FloatArray:
        """Of the k estimates, phones drawn from a population.  (k, k)"""
        f = self.plausible
        c0, c1 = self.pair_terms
        matrix = c0 + c1 * (f[:, None] + f[None, :]) - np.outer(f, f)
        own = self.estimate.noise_variance + self.estimate.slope * f + f * (1 - f)
        np.fill_diagonal(matrix, own)
        covariance: FloatArray = matrix / self.estimate.n
        return covariance


def report_covariance(mechanism: DesignMechanism, tally: Tally) -> FloatArray:
    """The covariance of the estimates when reports are drawn anew with the frequencies in the tally.  (k, k)

    With A (k, N) the supports of each message divided by s - r, and pi the share of each message:
    (A diag(pi) A' - (A pi)(A pi)') / n. It knows how triples of sets meet, which `EstimatorNoise` averages.
    Raises AnalysisError `too_large` when k N exceeds LARGEST_EXACT or the tally does not count messages.
    """
    k, messages = mechanism.domain_size, mechanism.report_space
    if k * messages > LARGEST_EXACT or tally.size != messages:
        raise AnalysisError(
            f"the exact covariance needs a tally of messages and at most {LARGEST_EXACT:,} items times messages, "
            f"got {k:,} times {messages:,}",
            code="too_large",
            field="covariance",
        )
    share = tally.counts / tally.n
    every = np.arange(messages)
    supports = np.array([mechanism.supported(every, item) for item in range(k)], dtype=np.float64)
    supports /= float(mechanism.rates.gap)
    mean = supports @ share
    covariance: FloatArray = ((supports * share) @ supports.T - np.outer(mean, mean)) / tally.n
    return covariance
