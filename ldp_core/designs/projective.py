"""Points and hyperplanes of PG(t-1, q) as a symmetric block design: item x is supported by the points on hyperplane x.

Source: Feldman, Nelson, Nguyen, Talwar, "Private Frequency Estimation via Projective Geometry", ICML 2022.
"""

import math
from fractions import Fraction
from functools import lru_cache

from ldp_core.algebra.prime_powers import factor_prime_power, prime_powers
from ldp_core.algebra.projective_space import ProjectiveSpace, point_count
from ldp_core.designs.base import UnitDesign
from ldp_core.errors import DomainError, FieldError
from ldp_core.estimation.error import SupportRates, total_squared_error
from ldp_core.types import IntArray

__all__ = ["DEFAULT_REPORT_SPACE_LIMIT", "ProjectiveDesign", "choose_projective_design"]

DEFAULT_REPORT_SPACE_LIMIT = 1 << 24
"""The most messages a chosen design may have: what a server decodes in about a second."""

_PRICE_OF_MESSAGES = 0.003
"""Twice as many messages, and so twice the decode, must lower the error by 0.2 % = 2^0.003 - 1 to be chosen."""


class ProjectiveDesign(UnitDesign):
    """The symmetric design of PG(t-1, q): N = (q^t - 1)/(q - 1), c = (q^(t-1) - 1)/(q - 1), d = (q^(t-2) - 1)/(q - 1).

    >>> design = ProjectiveDesign(149, 3)
    >>> design.size, design.block_size, design.pair_intersection
    (22351, 150, 1)
    """

    def __init__(self, q: int, t: int) -> None:
        self.space = ProjectiveSpace(q, t)
        self.q, self.t = q, t
        self.size = self.item_count = self.space.size
        self.block_size = self.space.hyperplane_size
        self.pair_intersection = self.space.pair_intersection
        self.member = self.space.member
        self.non_member = self.space.non_member
        self.members = self.space.members
        self.non_members = self.space.non_members

    def __repr__(self) -> str:
        return f"ProjectiveDesign(q={self.q}, t={self.t})"

    def block(self, item: int) -> IntArray:
        """The points on hyperplane `item`, sorted.  -> (c,)"""
        return self.space.hyperplane(item)


def choose_projective_design(
    epsilon: Fraction, domain_size: int, *, report_space_limit: int = DEFAULT_REPORT_SPACE_LIMIT
) -> tuple[int, int]:
    """The (q, t) of least total squared error over all prime powers q and all t with k <= N <= the limit.

    Errors are compared as error · N^0.003, so that a larger design is taken only where it pays. For t = 2, where q may
    be any prime power from k - 1 on, only those next to k and to e^epsilon + 1 are looked at: the
    error grows in both directions from there.

    epsilon: exact, positive · domain_size: k >= 2.
    Raises DomainError when no design of at most `report_space_limit` messages holds k items.

    >>> choose_projective_design(Fraction(5), 22_000), choose_projective_design(Fraction(1), 22_000)
    ((149, 3), (4, 9))
    """
    found = _least_error(epsilon, domain_size, report_space_limit)
    if found is None:
        raise DomainError(
            f"no projective geometry of at most {report_space_limit:,} messages holds {domain_size:,} items; "
            "ask about fewer items, or raise report_space_limit"
        )
    return found


@lru_cache(maxsize=256)  # the candidates' errors are exact fractions, and one collection asks several times
def _least_error(epsilon: Fraction, k: int, limit: int) -> tuple[int, int] | None:
    candidates = [
        (_total_error(epsilon, q, t, k) * point_count(q, t) ** _PRICE_OF_MESSAGES, q, t)
        for q, t in _feasible(epsilon, k, limit)
    ]
    return min(candidates)[1:] if candidates else None


def _feasible(epsilon: Fraction, k: int, limit: int) -> list[tuple[int, int]]:
    pairs = []
    for q in prime_powers(math.isqrt(limit)):
        t = 3
        while point_count(q, t) <= limit:
            if point_count(q, t) >= k:
                pairs.append((q, t))
            t += 1
    return pairs + [(q, 2) for q in _prime_powers_near(epsilon, k, limit)]


def _prime_powers_near(epsilon: Fraction, k: int, limit: int) -> list[int]:
    """The prime powers next to k - 1 and to e^epsilon + 1 that serve as q for t = 2."""
    middle = min(math.ceil(math.exp(epsilon)) + 1, limit)
    near = []
    for start, step in ((max(k - 1, 2), 1), (max(k - 1, middle), 1), (middle, -1)):
        q = start
        while k - 1 <= q <= limit - 1 and q >= 2:
            if _is_prime_power(q):
                near.append(q)
                break
            q += step
    return near


def _is_prime_power(q: int) -> bool:
    try:
        factor_prime_power(q)
    except FieldError:
        return False
    return True


def _total_error(epsilon: Fraction, q: int, t: int, k: int) -> float:
    size, block, common = (point_count(q, length) for length in (t, t - 1, t - 2))
    weight = math.exp(epsilon) * block
    rates = SupportRates.of_design(
        Fraction(weight / (size - block + weight)), size=size, block_size=block, pair_intersection=common
    )
    return total_squared_error(rates, k)
