"""Spread: a hash function from an optimal family, then subset selection of m of its g symbols.

As accurate as local hashing can be, with reports of about log2 k bits and an exact decode in O(k log k).
Sources: the family is this project's own (`designs.spread`); the hash-then-respond scheme is Wang, Blocki, Li, Jha, USENIX
Security 2017; a pair-wise uniform family reaches the bound of Ye & Barg 2018 at w = k m / g.
"""

import math
from collections.abc import Iterator
from fractions import Fraction

from ldp_core.designs.spread import SpreadDesign, function_count
from ldp_core.designs.spread_decoder import SpreadDecoder
from ldp_core.errors import DomainError, ParameterError
from ldp_core.estimation.error import SupportRates, total_squared_error
from ldp_core.mechanisms.design_mechanism import DesignMechanism, checked_domain_size
from ldp_core.mechanisms.support_mechanism import LARGEST_COLLECTED_SPACE
from ldp_core.privacy.epsilon import EpsilonLike, parse_epsilon

__all__ = ["DEFAULT_CELL_LIMIT", "NAME", "choose_spread", "spread"]

NAME = "spread"

DEFAULT_CELL_LIMIT = 1 << 23
"""The most cells that a chosen family may have: what a server decodes in a few seconds."""

_PRIMES = (2, 3, 5, 7, 11, 13)
_SUBSET_SIZES = (1, 3, 5, 7)
_ERROR_TOLERANCE = 0.003
"""Of the families whose error is within this share of the least, the one of least messages and decode time is chosen."""


def spread(
    *,
    epsilon: EpsilonLike,
    domain_size: int,
    p: int | None = None,
    n: int | None = None,
    c: int | None = None,
    m: int | None = None,
    cell_limit: int = DEFAULT_CELL_LIMIT,
) -> DesignMechanism:
    """Spread over F_p^n with symbols of c digits and m symbols in a report, or over the best when none is given.

    epsilon: exact, 0 < epsilon <= 24 · domain_size: k, 2 <= k <= p^n · p: prime · 1 <= c <= n · 1 <= m < p^c, 1 when p, n
    and c are given without it. cell_limit bounds the tally when they are chosen (cells of odd p weigh p^2/8). Raises ParameterError or one of its kinds.
    """
    k, exact = checked_domain_size(domain_size), parse_epsilon(epsilon)
    if p is None and n is None and c is None and m is None:
        p, n, c, m = choose_spread(exact, k, cell_limit=cell_limit)
    if p is None or n is None or c is None:
        raise ParameterError("give all of p, n and c, or none and let the best be chosen")
    design = SpreadDesign(p, n, c, 1 if m is None else m)
    decoder = SpreadDecoder(design)
    transforms = design.cells * c + design.item_count * n
    return DesignMechanism(
        NAME,
        design,
        epsilon=exact,
        domain_size=k,
        parameters={"p": p, "n": n, "c": c, "m": design.m},
        decoders={"characters": decoder.by_characters, "enumeration": decoder.by_enumeration},
        decode_cost=transforms * (p * p if p > 2 else 1),
        count_cost=design.m,
    )


def choose_spread(
    epsilon: Fraction, domain_size: int, *, cell_limit: int = DEFAULT_CELL_LIMIT
) -> tuple[int, int, int, int]:
    """The (p, n, c, m) of least total squared error over p up to 13 and m in 1, 3, 5, 7 (m = 1 for odd p), n the least with p^n >= k.

    Messages fit 32 bits. Of families within 0.3 % of the least error the one of least messages x decode weight is taken.
    Raises DomainError when no family of at most `cell_limit` cells holds k items.

    >>> choose_spread(Fraction(5), 32_768)
    (2, 15, 7, 1)
    """
    ranked = [
        (_total_error(epsilon, domain_size, *family), _messages(*family) * _decode_weight(family[0]), family)
        for family in _families(domain_size, cell_limit)
    ]
    if not ranked:
        raise DomainError(
            f"no spread family of at most {cell_limit:,} cells holds {domain_size:,} items; "
            "ask about fewer items, or raise cell_limit"
        )
    best = min(error for error, *_ in ranked)
    return min((entry for entry in ranked if entry[0] <= best * (1 + _ERROR_TOLERANCE)), key=lambda entry: entry[1:])[2]


def _families(domain_size: int, cell_limit: int) -> Iterator[tuple[int, int, int, int]]:
    for p in _PRIMES:
        n = 1
        while p**n < domain_size:
            n += 1
        for c in range(1, n + 1):
            g = p**c
            functions = function_count(p, n, c)
            for m in _SUBSET_SIZES if p == 2 else (1,):
                fits = m < g and _messages(p, n, c, m) <= LARGEST_COLLECTED_SPACE
                if fits and functions * g * _decode_weight(p) <= cell_limit:
                    yield p, n, c, m


def _messages(p: int, n: int, c: int, m: int) -> int:
    return function_count(p, n, c) * math.comb(int(p**c), m)


def _decode_weight(p: int) -> float:
    """Decode time of a cell, in cells of p = 2 (measured)."""
    return 1.0 if p == 2 else p * p / 8


def _total_error(epsilon: Fraction, domain_size: int, p: int, n: int, c: int, m: int) -> float:
    size, g = p**n, p**c
    weight = m * math.exp(epsilon)
    own = weight / (weight + g - m)
    alike = (size // g - 1) / (size - 1)  # two different items have one symbol
    joint = alike + (1 - alike) * (m - 1) / (g - 1)  # the other item's symbol is among the m, beside one's own
    apart = (1 - alike) * m / (g - 1)
    return total_squared_error(SupportRates(Fraction(own), Fraction(own * joint + (1 - own) * apart)), domain_size)
