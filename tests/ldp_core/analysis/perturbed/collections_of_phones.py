"""Simulated collections, drawn from the exact law of messages instead of phone by phone."""

import numpy as np

from ldp_core.estimation.estimate import Estimate
from ldp_core.mechanisms.design_mechanism import DesignMechanism
from ldp_core.mechanisms.registry import create
from ldp_core.mechanisms.tally import Tally


def zipf(k: int, exponent: float) -> np.ndarray:
    """Frequencies proportional to 1 / place^exponent; 0 is uniform."""
    weights = 1 / np.arange(1, k + 1) ** exponent
    return weights / weights.sum()


def geometry(k: int, epsilon: float, q: int, t: int) -> DesignMechanism:
    """Projective geometry response of a given size."""
    mechanism = create("projective_geometry", epsilon=str(epsilon), domain_size=k, q=q, t=t)
    assert isinstance(mechanism, DesignMechanism)
    return mechanism


def message_law(mechanism: DesignMechanism) -> np.ndarray:
    """Probability of each message for each item.  (k, N)"""
    k, N = mechanism.domain_size, mechanism.report_space
    own, c = float(mechanism.rates.own), mechanism.design.block_size
    law = np.full((k, N), (1 - own) / (N - c))
    for item in range(k):
        law[item, mechanism.supports(item)] = own / c
    return law


class Phones:
    """Collections of n phones whose items are drawn from `frequencies`."""

    def __init__(self, mechanism: DesignMechanism, frequencies: np.ndarray, n: int) -> None:
        self.mechanism, self.n = mechanism, n
        self._messages = frequencies @ message_law(mechanism)

    def tally(self, rng: np.random.Generator) -> Tally:
        """What one collection counts."""
        return Tally(rng.multinomial(self.n, self._messages / self._messages.sum()))

    def estimate(self, rng: np.random.Generator) -> Estimate:
        """What one collection estimates."""
        return self.mechanism.decode(self.tally(rng))
