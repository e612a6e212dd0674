"""Randomized response: the phone's own item with probability T / 2^64, else a uniform other one.

Source: Warner 1965 for two items; "k-ary" or "generalized" for more, Kairouz, Bonawitz, Ramage, ICML 2016.
"""

from ldp_core.designs.singleton import SingletonDesign
from ldp_core.mechanisms.design_mechanism import DesignMechanism, checked_domain_size
from ldp_core.privacy.epsilon import EpsilonLike
from ldp_core.types import Counts, SupportCounts

__all__ = ["NAME", "randomized_response"]

NAME = "randomized_response"


def _identity(counts: Counts) -> SupportCounts:
    """A report supports the item that it names, so support counts are the counts."""
    return counts


def randomized_response(*, epsilon: EpsilonLike, domain_size: int) -> DesignMechanism:
    """Randomized response over k items: N = k messages.

    epsilon: exact, 0 < epsilon <= 24 · domain_size: k >= 2. The best choice for k up to about e^epsilon + 2.
    Raises ParameterError or one of its kinds.
    """
    k = checked_domain_size(domain_size)
    return DesignMechanism(
        NAME,
        SingletonDesign(k),
        epsilon=epsilon,
        domain_size=k,
        parameters={},
        decoders={"counting": _identity},
        decode_cost=k,
    )
