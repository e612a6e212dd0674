"""Hybrid projective geometry response: h blocks, each a PG(t-1, q); a phone randomizes inside its own block.

Decoding costs h small transforms instead of a large one, at an error about q/(q - 1) above the optimum.
Source: Feldman, Nelson, Nguyen, Talwar, "Private Frequency Estimation via Projective Geometry", ICML 2022, section 5.
"""

import math
from fractions import Fraction
from functools import partial

import numpy as np

from ldp_core.algebra.prime_powers import prime_powers
from ldp_core.algebra.projective_space import point_count
from ldp_core.decoding import decode_cost, decoder_names, support_counts
from ldp_core.designs.blocked import BlockedDesign
from ldp_core.designs.projective import DEFAULT_REPORT_SPACE_LIMIT, ProjectiveDesign
from ldp_core.errors import DomainError, ParameterError
from ldp_core.estimation.blocked import BlockedError
from ldp_core.mechanisms.blocked_mechanism import BlockedMechanism
from ldp_core.mechanisms.design_mechanism import checked_domain_size
from ldp_core.privacy.epsilon import EpsilonLike, parse_epsilon
from ldp_core.types import Counts, SupportCounts

__all__ = ["NAME", "choose_hybrid", "hybrid_projective_geometry"]

NAME = "hybrid_projective_geometry"

_ERROR_TOLERANCE = 0.01
"""Of the choices whose error is within this share of the least, the one of least decode cost is taken."""


def hybrid_projective_geometry(
    *,
    epsilon: EpsilonLike,
    domain_size: int,
    h: int | None = None,
    q: int | None = None,
    t: int | None = None,
    report_space_limit: int = DEFAULT_REPORT_SPACE_LIMIT,
) -> BlockedMechanism:
    """Hybrid projective geometry response with h blocks over PG(t-1, q), or the best (h, q, t) when none is given.

    epsilon: exact, 0 < epsilon <= 24 · domain_size: k, 2 <= k <= h (q^t - 1)/(q - 1) · h >= 1 · q: prime power · t >= 2.
    report_space_limit bounds N when they are chosen. Raises ParameterError or one of its kinds.
    """
    k, exact = checked_domain_size(domain_size), parse_epsilon(epsilon)
    if (h is None) or (q is None) or (t is None):
        if not (h is None and q is None and t is None):
            raise ParameterError("give all of h, q and t, or none and let the best be chosen")
        h, q, t = choose_hybrid(exact, k, report_space_limit=report_space_limit)
    if h < 1:
        raise ParameterError(f"h must be at least 1, got {h}")
    design = BlockedDesign(h, ProjectiveDesign(q, t))
    return BlockedMechanism(
        NAME,
        design,
        epsilon=exact,
        domain_size=k,
        parameters={"h": h, "q": q, "t": t},
        decoders={name: partial(_block_by_block, design, q=q, t=t, decoder=name) for name in decoder_names(q, t)},
        decode_cost=h * decode_cost(q, t),
    )


def _block_by_block(design: BlockedDesign, counts: Counts, *, q: int, t: int, decoder: str) -> SupportCounts:
    rows = [support_counts(row, q=q, t=t, decoder=decoder) for row in design.by_block(counts)]
    return design.by_item(np.array(rows))


def choose_hybrid(
    epsilon: Fraction, domain_size: int, *, report_space_limit: int = DEFAULT_REPORT_SPACE_LIMIT
) -> tuple[int, int, int]:
    """The (h, q, t), h >= 2, of least worst-case total squared error; within 1 % of it, the cheapest to decode.

    For each (q, t) it looks at the h of least room for k items, and at those next to (e^epsilon + 1)/q, where h q is the ideal density.
    Raises DomainError when no choice of at most `report_space_limit` messages holds k items.

    >>> choose_hybrid(Fraction(4), 22_000)
    (2, 25, 4)
    """
    k, E = domain_size, math.exp(epsilon)
    ratio = Fraction(E)
    choices = []
    for q in prime_powers(max(2, min(math.isqrt(report_space_limit // 2), math.ceil(2 * E) + 2))):
        t = 2
        while 2 * (b := point_count(q, t)) <= report_space_limit:
            room = max(2, -(-k // b))
            for h in {room, *(max(room, math.floor((E + 1) / q) + extra) for extra in (0, 1))}:
                if h * b <= report_space_limit:
                    error = BlockedError(h, b, point_count(q, t - 1), point_count(q, t - 2), ratio)
                    choices.append((error.total_squared_error(k), h * b * q * t, h, q, t))
            t += 1
    if not choices:
        raise DomainError(
            f"no hybrid of at most {report_space_limit:,} messages holds {k:,} items; "
            "ask about fewer items, or raise report_space_limit"
        )
    best = min(error for error, *_ in choices)
    _, _, h, q, t = min((c for c in choices if c[0] <= best * (1 + _ERROR_TOLERANCE)), key=lambda c: c[1:])
    return h, q, t
