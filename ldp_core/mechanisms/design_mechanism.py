"""A block design with one integer: the mechanism that most mechanisms here are.

Notation: N messages, item x supported by the c messages S_x · T: coin threshold · s = T / 2^64.
A phone holding x sends a uniform member of S_x with probability s, else a uniform non-member.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from ldp_core.designs.base import BlockDesign
from ldp_core.errors import DomainError, ParameterError, TallyError, ValueOutOfDomain
from ldp_core.estimation.error import SupportRates
from ldp_core.estimation.estimate import Estimate, Provenance
from ldp_core.mechanisms.tally import Tally
from ldp_core.privacy.epsilon import EpsilonLike, parse_epsilon
from ldp_core.privacy.threshold import coin_threshold, threshold_ratio
from ldp_core.randomness import COIN_BITS, RandomSource, coin, uniform_below
from ldp_core.types import Counts, IntArray, Messages, SupportCounts

__all__ = ["DesignMechanism", "SupportDecoder", "checked_domain_size"]

SupportDecoder = Callable[[Counts], SupportCounts]

_PHONES_AT_ONCE = 1 << 18


class DesignMechanism:
    """A symmetric block design with a biased coin.

    name: registry name · epsilon: exact loss · domain_size: k <= items of the design · parameters: what names the design ·
    decoders: support-count functions by name, the default first.
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
    ) -> None:
        self.name = name
        self.design = design
        self.epsilon = parse_epsilon(epsilon)
        self.domain_size = checked_domain_size(domain_size)
        if self.domain_size > design.item_count:
            raise DomainError(
                f"this design holds {design.item_count:,} items and domain_size is {domain_size:,}; choose a larger one"
            )
        self.parameters = dict(parameters)
        self.threshold = coin_threshold(self.epsilon, design.block_size, design.size)
        self._decoders = dict(decoders)

    def __repr__(self) -> str:
        inner = ", ".join(f"{key}={value}" for key, value in self.parameters.items())
        return f"<{self.name} epsilon={self.epsilon} domain_size={self.domain_size} {inner}>"

    @property
    def report_space(self) -> int:
        """N, the number of messages."""
        return self.design.size

    @property
    def report_bits(self) -> int:
        """Bits that hold any message."""
        return (self.report_space - 1).bit_length()

    @property
    def decoders(self) -> Sequence[str]:
        """Names of the decoders, the default first."""
        return tuple(self._decoders)

    @cached_property
    def likelihood_ratio(self) -> Fraction:
        """lambda = T (N - c) / ((2^64 - T) c) <= e^epsilon."""
        return threshold_ratio(self.threshold, self.design.block_size, self.design.size)

    @cached_property
    def rates(self) -> SupportRates:
        """s and r of the shipped coin, exactly."""
        return SupportRates.of_design(
            Fraction(self.threshold, 1 << COIN_BITS),
            size=self.design.size,
            block_size=self.design.block_size,
            pair_intersection=self.design.pair_intersection,
        )

    def variance(self, n: int, frequency: float) -> float:
        """Variance of one frequency estimate from n reports, the phones' data fixed: (f v1 + (1 - f) v0) / n."""
        return self.rates.variance(n, frequency)

    def randomize(self, value: int, source: RandomSource) -> int:
        """The message of a phone that holds item `value`, 0 <= value < k.

        Draws one 64-bit coin, then one uniform index. Raises ValueOutOfDomain without naming the value.
        """
        design = self.design
        if not 0 <= value < self.domain_size:
            raise ValueOutOfDomain(f"the item's index is not in 0..{self.domain_size - 1}")
        if coin(source, self.threshold):
            return design.member(value, uniform_below(source, design.block_size))
        return design.non_member(value, uniform_below(source, design.size - design.block_size))

    def randomize_many(self, values: ArrayLike, rng: np.random.Generator) -> Messages:
        """The messages of many simulated phones; the same law as `randomize`.  (n,) -> (n,)"""
        items = np.asarray(values, dtype=np.int64)
        if items.ndim != 1:
            raise ParameterError(f"values must be one row of item indices, got shape {items.shape}")
        if items.size and not 0 <= items.min() <= items.max() < self.domain_size:
            raise ValueOutOfDomain(f"some item's index is not in 0..{self.domain_size - 1}")
        messages = np.empty(len(items), dtype=np.int64)
        for start in range(0, len(items), _PHONES_AT_ONCE):
            part = slice(start, start + _PHONES_AT_ONCE)
            messages[part] = self._randomize_part(items[part], rng)
        return messages

    def _randomize_part(self, items: IntArray, rng: np.random.Generator) -> Messages:
        design = self.design
        draws = rng.integers(0, 1 << COIN_BITS, size=len(items), dtype=np.uint64)
        heads = draws < np.uint64(self.threshold)
        messages = np.empty(len(items), dtype=np.int64)
        inside, outside = items[heads], items[~heads]
        messages[heads] = design.members(inside, rng.integers(0, design.block_size, len(inside)))
        messages[~heads] = design.non_members(outside, rng.integers(0, design.size - design.block_size, len(outside)))
        return messages

    def supports(self, item: int) -> IntArray:
        """S_x: the messages that support an item, sorted.  -> (c,)"""
        if not 0 <= item < self.design.item_count:
            raise ValueOutOfDomain(f"the item's index is not in 0..{self.design.item_count - 1}")
        return self.design.block(item)

    def tally(self, reports: ArrayLike) -> Tally:
        """Count messages. Raises ReportError for one outside 0..N-1; then none is counted."""
        return Tally.of(reports, self.report_space)

    def decode(self, tally: Tally, decoder: str | None = None) -> Estimate:
        """Unbiased frequencies of the k items, with errors, canaries and provenance.

        Raises ParameterError for an unknown decoder and TallyError for a tally of another mechanism or of no report.
        """
        chosen = self.decoders[0] if decoder is None else decoder
        if chosen not in self._decoders:
            raise ParameterError(f"decoder must be one of {', '.join(self._decoders)}; got {chosen!r}")
        if tally.report_space != self.report_space:
            raise TallyError(
                f"this mechanism has {self.report_space} messages and the tally {tally.report_space}; they do not belong together"
            )
        return Estimate.from_support_counts(
            self._decoders[chosen](tally.counts),
            n=tally.n,
            rates=self.rates,
            domain_size=self.domain_size,
            provenance=Provenance(
                mechanism=self.name,
                parameters=self.parameters,
                epsilon=self.epsilon,
                threshold=self.threshold,
                likelihood_ratio=self.likelihood_ratio,
                decoder=chosen,
            ),
        )


def checked_domain_size(domain_size: int) -> int:
    """k as it is, if it is an integer of at least 2. Raises DomainError otherwise."""
    if isinstance(domain_size, bool) or not isinstance(domain_size, int | np.integer):
        raise DomainError(f"domain_size must be an integer of at least 2, got {domain_size!r}")
    if domain_size < 2:
        raise DomainError(
            f"domain_size must be at least 2, got {domain_size}. A question with one possible answer needs no privacy."
        )
    return int(domain_size)
