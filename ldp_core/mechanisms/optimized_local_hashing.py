"""Optimized local hashing: hash the item to g symbols with a function of one's own, answer by randomized response among them.

Its reports carry a hash function and do not fit a collection's 32 bits; it is here to compare with, to plan and to simulate.
Source: Wang, Blocki, Li, Jha, "Locally differentially private protocols for frequency estimation", USENIX Security 2017.
"""

import math
from fractions import Fraction

from ldp_core.algebra.prime_powers import is_prime
from ldp_core.designs.affine_hash import AffineHashDesign
from ldp_core.errors import ParameterError
from ldp_core.estimation.error import SupportRates, total_squared_error
from ldp_core.mechanisms.design_mechanism import DesignMechanism, checked_domain_size
from ldp_core.privacy.epsilon import EpsilonLike, parse_epsilon
from ldp_core.types import Counts, SupportCounts

__all__ = ["NAME", "best_symbol_count", "largest_prime", "optimized_local_hashing"]

NAME = "optimized_local_hashing"

_MOST_SYMBOLS = 1 << 12


def _identity(counts: Counts) -> SupportCounts:
    """The tally counts the reports that support each item: these are the support counts."""
    return counts


def optimized_local_hashing(
    *, epsilon: EpsilonLike, domain_size: int, g: int | None = None, prime: int | None = None
) -> DesignMechanism:
    """Local hashing with the affine functions of `AffineHashDesign`.

    epsilon: exact, 0 < epsilon <= 24 · domain_size: k >= 2 · g: symbols, the best near e^epsilon + 1 up to 4,096 when left
    out · prime: P, the largest with P^2 g <= 2^62 when left out. Raises ParameterError or one of its kinds.
    """
    k, exact = checked_domain_size(domain_size), parse_epsilon(epsilon)
    g = best_symbol_count(exact, k) if g is None else g
    if g < 2:
        raise ParameterError(f"a hash needs at least 2 symbols, got g = {g}")
    design = AffineHashDesign(k, g, largest_prime(math.isqrt((1 << 62) // g)) if prime is None else prime)
    return DesignMechanism(
        NAME,
        design,
        epsilon=exact,
        domain_size=k,
        parameters={"g": g, "prime": design.prime},
        decoders={"counting": _identity},
        decode_cost=k,
        count_cost=k,
    )


def best_symbol_count(epsilon: Fraction, domain_size: int) -> int:
    """The g in 2..4096 of least total squared error, e^epsilon + 1 or somewhat less.

    >>> best_symbol_count(Fraction(1), 1000), best_symbol_count(Fraction(4), 1000)
    (4, 54)
    """
    ideal = min(math.ceil(math.exp(epsilon)) + 1, _MOST_SYMBOLS)  # for large k; the item's own variance asks for fewer
    return min(range(max(2, ideal // 2), max(2, ideal) + 1), key=lambda g: _total_error(epsilon, domain_size, g))


def _total_error(epsilon: Fraction, k: int, g: int) -> float:
    E = math.exp(epsilon)
    return total_squared_error(SupportRates(Fraction(E / (E + g - 1)), Fraction(1, g)), k)


def largest_prime(limit: int) -> int:
    """The largest prime up to a limit of at least 2.

    >>> largest_prime(100)
    97
    """
    while not is_prime(limit):
        limit -= 1
    return limit
