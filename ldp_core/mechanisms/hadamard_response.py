"""Hadamard response: a block for the item, and inside it the messages that agree with the item's row of a Hadamard matrix.

Source: Acharya, Sun, Zhang, "Hadamard response: estimating distributions privately, efficiently, and with little
communication", AISTATS 2019.
"""

import math
from fractions import Fraction
from functools import partial

from ldp_core.designs.base import support_counts_by_enumeration
from ldp_core.designs.blocked import BlockedDesign
from ldp_core.designs.hadamard import HadamardDesign
from ldp_core.designs.walsh_hadamard import walsh_hadamard
from ldp_core.errors import ParameterError
from ldp_core.estimation.blocked import BlockedError
from ldp_core.mechanisms.blocked_mechanism import BlockedMechanism
from ldp_core.mechanisms.design_mechanism import checked_domain_size
from ldp_core.privacy.epsilon import EpsilonLike, parse_epsilon
from ldp_core.types import Counts, SupportCounts

__all__ = ["NAME", "hadamard_response"]

NAME = "hadamard_response"


def hadamard_response(*, epsilon: EpsilonLike, domain_size: int, blocks: int | None = None) -> BlockedMechanism:
    """Hadamard response with B blocks of b messages, b the least power of two with B (b - 1) >= k.

    epsilon: exact, 0 < epsilon <= 24 · domain_size: k >= 2 · blocks: B, a power of two; the one of least error, about e^epsilon / 2,
    when left out. Raises ParameterError or one of its kinds.
    """
    k, exact = checked_domain_size(domain_size), parse_epsilon(epsilon)
    if blocks is None:
        blocks = _best_blocks(exact, k)
    if blocks < 1 or blocks & (blocks - 1):
        raise ParameterError(f"blocks must be a power of two, got {blocks}")
    design = BlockedDesign(blocks, HadamardDesign(_block_length(blocks, k)))
    return BlockedMechanism(
        NAME,
        design,
        epsilon=exact,
        domain_size=k,
        parameters={"blocks": blocks},
        decoders={
            "walsh_hadamard": partial(_by_transform, design),
            "enumeration": partial(support_counts_by_enumeration, design),
        },
        decode_cost=design.size * design.block_messages.bit_length(),
    )


def _by_transform(design: BlockedDesign, counts: Counts) -> SupportCounts:
    """T_x = (G + W_x) / 2: members count +1 and the block's other messages -1 in row x of the transform."""
    rows = walsh_hadamard(design.by_block(counts))
    return design.by_item((rows[:, :1] + rows[:, 1:]) >> 1)


def _block_length(blocks: int, domain_size: int) -> int:
    """The least power of two b >= 4 with blocks · (b - 1) >= k."""
    return max(4, 1 << (-(-domain_size // blocks)).bit_length())


def _best_blocks(epsilon: Fraction, domain_size: int) -> int:
    """The power of two of least worst-case error, no more than there are items."""
    ratio = Fraction(math.exp(epsilon))

    def error(blocks: int) -> float:
        b = _block_length(blocks, domain_size)
        return BlockedError(blocks, b, b // 2, b // 4, ratio).total_squared_error(domain_size)

    return min((1 << i for i in range(domain_size.bit_length())), key=error)
