"""Mechanisms ranked by their exact error, for one epsilon and one domain size.

The measure is n times the sum of the variances of all k estimates, the phones' data fixed, divided by the least value
that any epsilon-LDP mechanism can have (Ye & Barg 2018): 1 is optimal, 2 needs twice the phones.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ldp_core.errors import DomainError, ParameterError
from ldp_core.estimation.error import optimal_total_squared_error
from ldp_core.mechanisms import Mechanism, create, list_mechanisms
from ldp_core.mechanisms.design_mechanism import checked_domain_size
from ldp_core.privacy.epsilon import EpsilonLike, parse_epsilon

__all__ = ["RankedMechanism", "rank_mechanisms", "recommend", "recommended"]

_AS_GOOD = 0.002
"""Of the mechanisms whose error is within this share of the least, the one that decodes fastest is recommended."""

_SLOWEST_DECODE = 1 << 32
"""A mechanism whose decode takes more elementary operations than this (many seconds) is not recommended."""


@dataclass(frozen=True)
class RankedMechanism:
    """A mechanism and how its error compares.

    total_squared_error: n times the sum over the items of Var(f_x) · over_optimum: that over the least possible, at least 1.
    usable: can a collection take it, which needs a message of at most 32 bits and a decode of a few seconds?
    """

    mechanism: Mechanism
    total_squared_error: float
    over_optimum: float
    usable: bool


def rank_mechanisms(
    epsilon: EpsilonLike, domain_size: int, names: Sequence[str] | None = None
) -> tuple[RankedMechanism, ...]:
    """All mechanisms (or those named) that can hold the domain, least error first.

    epsilon: exact, positive · domain_size: k >= 2. Those that cannot be built for k, as subset selection for
    large k, are left out. Raises EpsilonError, DomainError, or ParameterError for an unknown name.

    >>> [entry.mechanism.name for entry in rank_mechanisms(1, 3)][:2]
    ['randomized_response', 'subset_selection']
    """
    exact, k = parse_epsilon(epsilon), checked_domain_size(domain_size)
    chosen = list_mechanisms() if names is None else tuple(names)
    unknown = set(chosen) - set(list_mechanisms())
    if unknown:
        raise ParameterError(f"mechanisms are {', '.join(list_mechanisms())}; got {', '.join(sorted(unknown))}")
    optimum = optimal_total_squared_error(exact, k)
    ranked = []
    for name in chosen:
        try:
            mechanism = create(name, epsilon=exact, domain_size=k)
        except DomainError:
            continue
        error = mechanism.total_squared_error()
        usable = mechanism.fits_collections and mechanism.decode_cost <= _SLOWEST_DECODE
        ranked.append(RankedMechanism(mechanism, error, error / optimum, usable))
    return tuple(sorted(ranked, key=lambda entry: (entry.total_squared_error, entry.mechanism.decode_cost)))


def recommend(epsilon: EpsilonLike, domain_size: int) -> RankedMechanism:
    """The usable mechanism of least error; of those within 0.2 % of it, the one whose decode is cheapest.

    Raises DomainError when no collection can hold the domain.
    """
    return recommended(rank_mechanisms(epsilon, domain_size), domain_size)


def recommended(ranking: Sequence[RankedMechanism], domain_size: int) -> RankedMechanism:
    """The entry of a ranking that `recommend` takes."""
    usable = [entry for entry in ranking if entry.usable]
    if not usable:
        raise DomainError(f"no mechanism holds {domain_size:,} items in messages of 32 bits; ask about fewer items")
    enough = usable[0].total_squared_error * (1 + _AS_GOOD)
    return min(
        (entry for entry in usable if entry.total_squared_error <= enough),
        key=lambda entry: entry.mechanism.decode_cost,
    )
