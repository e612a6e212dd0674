"""A block design with one integer: the mechanism that most mechanisms here are.

Notation: N choices, item x supported by the c choices S_x · T: coin threshold · s = T / 2^64.
A phone holding x sends the message of a uniform member of S_x with probability s, else of a uniform non-member.
"""

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ldp_core.designs.base import BlockDesign
from ldp_core.errors import DomainError, ValueOutOfDomain
from ldp_core.estimation.error import SupportRates
from ldp_core.mechanisms.support_mechanism import SupportDecoder, SupportMechanism, checked_domain_size
from ldp_core.mechanisms.tally import Tally, checked_messages
from ldp_core.privacy.epsilon import EpsilonLike, parse_epsilon
from ldp_core.privacy.threshold import coin_threshold, threshold_ratio
from ldp_core.randomness import COIN_BITS, RandomSource, coin, uniform_below
from ldp_core.types import BoolArray, IntArray, Messages

__all__ = ["DesignMechanism", "SupportDecoder", "checked_domain_size"]


class DesignMechanism(SupportMechanism):
    """A block design with a biased coin.

    name: registry name · epsilon: exact loss · domain_size: k <= items of the design · parameters: what names the design ·
    decoders: support-count functions by name, the default first · decode_cost, count_cost: rough numbers of operations.
    Raises EpsilonError, DomainError or ParameterError when they do not fit.
    """

    def __init__(
        self,
        name: str,
        design: BlockDesign,
        *,
        epsilon: EpsilonLike,
        domain_size: int,
        parameters: Mapping[str, int],
        decoders: Mapping[str, SupportDecoder],
        decode_cost: int,
        count_cost: int = 1,
    ) -> None:
        k, exact = checked_domain_size(domain_size), parse_epsilon(epsilon)
        if k > design.item_count:
            raise DomainError(
                f"this design holds {design.item_count:,} items and domain_size is {k:,}; choose a larger one"
            )
        self.design = design
        super().__init__(
            name,
            epsilon=exact,
            domain_size=k,
            parameters=parameters,
            threshold=coin_threshold(exact, design.block_size, design.choices),
            report_space=design.size,
            tally_size=design.cells,
            decoders=decoders,
            decode_cost=decode_cost,
            count_cost=count_cost,
        )

    @cached_property
    def likelihood_ratio(self) -> Fraction:
        """lambda = T (N - c) / ((2^64 - T) c) <= e^epsilon."""
        return threshold_ratio(self.threshold, self.design.block_size, self.design.choices)

    @cached_property
    def rates(self) -> SupportRates:
        """s and r of the shipped coin, exactly."""
        return SupportRates.of_design(
            Fraction(self.threshold, 1 << COIN_BITS),
            size=self.design.choices,
            block_size=self.design.block_size,
            pair_intersection=self.design.pair_intersection,
        )

    def randomize(self, value: int, source: RandomSource) -> int:
        """The message of a phone that holds item `value`, 0 <= value < k.

        Draws one 64-bit coin, then one uniform index. Raises ValueOutOfDomain without naming the value.
        """
        design, item = self.design, self._checked_item(value)
        if coin(source, self.threshold):
            return design.member(item, uniform_below(source, design.block_size))
        return design.non_member(item, uniform_below(source, design.choices - design.block_size))

    def randomize_many(self, values: ArrayLike, rng: np.random.Generator) -> Messages:
        """The messages of many simulated phones; the same law as `randomize`.  (n,) -> (n,)"""
        items, parts = self._parts(values)
        messages = np.empty(len(items), dtype=np.int64)
        for part in parts:
            messages[part] = self._randomize_part(items[part], rng)
        return messages

    def _randomize_part(self, items: IntArray, rng: np.random.Generator) -> Messages:
        design = self.design
        draws = rng.integers(0, 1 << COIN_BITS, size=len(items), dtype=np.uint64)
        heads = draws < np.uint64(self.threshold)
        members = int(np.count_nonzero(heads))
        return self._responses(
            items,
            heads,
            rng.integers(0, design.block_size, members),
            rng.integers(0, design.choices - design.block_size, len(items) - members),
        )

    def _responses(self, items: IntArray, heads: BoolArray, members: IntArray, others: IntArray) -> Messages:
        """The members numbered `members` for the items where `heads`, the non-members numbered `others` for the rest."""
        messages = np.empty(len(items), dtype=np.int64)
        messages[heads] = self.design.members(items[heads], members)
        messages[~heads] = self.design.non_members(items[~heads], others)
        return messages

    def supports(self, item: int) -> IntArray:
        """S_x: the messages that support an item, sorted."""
        if not 0 <= item < self.design.item_count:
            raise ValueOutOfDomain(f"the item's index is not in 0..{self.design.item_count - 1}")
        return self.design.block(item)

    def supported(self, reports: ArrayLike, item: int) -> BoolArray:
        """Which messages support the item.  (n,) -> (n,)"""
        return self.design.supported(checked_messages(reports, self.report_space), item)

    def tally(self, reports: ArrayLike) -> Tally:
        """Count messages. Raises ReportError for one outside 0..N-1; then none is counted."""
        messages = checked_messages(reports, self.report_space)
        return Tally(self.design.fold(messages), len(messages))
