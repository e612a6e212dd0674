"""What all mechanisms share in which a report supports its own item at rate s and any other at rate r.

Notation: k items, n reports · T_x: reports that support item x · s, r: support rates, `SupportRates`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike

from ldp_core.errors import DomainError, ParameterError, TallyError, ValueOutOfDomain
from ldp_core.estimation.error import SupportRates, total_squared_error
from ldp_core.estimation.estimate import Estimate, Provenance
from ldp_core.mechanisms.tally import Tally
from ldp_core.privacy.epsilon import EpsilonLike, parse_epsilon
from ldp_core.randomness import RandomSource
from ldp_core.types import BoolArray, Counts, IntArray, SupportCounts

__all__ = ["LARGEST_COLLECTED_SPACE", "SupportDecoder", "SupportMechanism", "checked_domain_size"]

SupportDecoder = Callable[[Counts], SupportCounts]

LARGEST_COLLECTED_SPACE = 1 << 32
"""A message that a collection gathers is one unsigned integer of 32 bits."""

_PHONES_AT_ONCE = 1 << 18


class SupportMechanism(ABC):
    """Validation, error and decoding; the randomizer is the subclass's.

    name: registry name · epsilon: exact loss · domain_size: k · parameters: what a phone must know besides ·
    threshold: T of 2^64 · report_space: N · tally_size: cells of a tally ·
    decoders: support counts from a tally's counts, by name, the default first ·
    decode_cost, count_cost: rough numbers of elementary operations to decode a tally and to count one report.
    Raises EpsilonError or DomainError.
    """

    def __init__(
        self,
        name: str,
        *,
        epsilon: EpsilonLike,
        domain_size: int,
        parameters: Mapping[str, int],
        threshold: int,
        report_space: int,
        tally_size: int,
        decoders: Mapping[str, SupportDecoder],
        decode_cost: int,
        count_cost: int,
    ) -> None:
        self.name = name
        self.epsilon = parse_epsilon(epsilon)
        self.domain_size = checked_domain_size(domain_size)
        self.parameters = dict(parameters)
        self.threshold = threshold
        self.report_space = report_space
        self.tally_size = tally_size
        self.decode_cost = decode_cost
        self.count_cost = count_cost
        self._decoders = dict(decoders)

    def __repr__(self) -> str:
        inner = "".join(f" {key}={value}" for key, value in self.parameters.items())
        return f"<{self.name} epsilon={self.epsilon} domain_size={self.domain_size}{inner}>"

    @property
    @abstractmethod
    def likelihood_ratio(self) -> Fraction:
        """lambda <= e^epsilon, exactly."""

    @property
    @abstractmethod
    def rates(self) -> SupportRates:
        """s and r of the shipped coins, exactly."""

    @abstractmethod
    def randomize(self, value: int, source: RandomSource) -> int:
        """The message of a phone that holds item `value`."""

    @abstractmethod
    def supported(self, reports: ArrayLike, item: int) -> BoolArray:
        """Which reports support the item.  (n,) -> (n,)"""

    @abstractmethod
    def tally(self, reports: ArrayLike) -> Tally:
        """Count reports. Raises ReportError for one that no phone sends; then none is counted."""

    @property
    def report_bits(self) -> int:
        """Bits that hold any message."""
        return (self.report_space - 1).bit_length()

    @property
    def fits_collections(self) -> bool:
        """Does a message fit the 32 bits that a collection gathers?"""
        return self.report_space <= LARGEST_COLLECTED_SPACE

    @property
    def decoders(self) -> Sequence[str]:
        """Names of the decoders, the default first."""
        return tuple(self._decoders)

    def variance(self, n: int, frequency: float) -> float:
        """Variance of one frequency estimate from n reports, the phones' data fixed: (f v1 + (1 - f) v0) / n."""
        return self.rates.variance(n, frequency)

    def total_squared_error(self) -> float:
        """n times the sum over the k items of Var(f_x): v1 + (k - 1) v0, whatever the data are."""
        return total_squared_error(self.rates, self.domain_size)

    def support_counts(self, tally: Tally, decoder: str | None = None) -> tuple[str, SupportCounts]:
        """The decoder used, the default when none is named, and T_x for every point, items first.

        Raises ParameterError for an unknown decoder and TallyError for a tally of another mechanism.
        """
        chosen = self.decoders[0] if decoder is None else decoder
        if chosen not in self._decoders:
            raise ParameterError(f"decoder must be one of {', '.join(self._decoders)}; got {chosen!r}")
        if tally.size != self.tally_size:
            raise TallyError(
                f"this mechanism has a tally of {self.tally_size} cells and was given {tally.size}; they do not belong together"
            )
        return chosen, self._decoders[chosen](tally.counts)

    def decode(self, tally: Tally, decoder: str | None = None) -> Estimate:
        """Unbiased frequencies of the k items, with errors, canaries and provenance.

        Raises ParameterError for an unknown decoder and TallyError for a tally of another mechanism or of no report.
        """
        chosen, support_counts = self.support_counts(tally, decoder)
        return Estimate.from_support_counts(
            support_counts,
            n=tally.n,
            rates=self.rates,
            domain_size=self.domain_size,
            provenance=self._provenance(chosen),
        )

    def _provenance(self, decoder: str) -> Provenance:
        return Provenance(
            mechanism=self.name,
            parameters=self.parameters,
            epsilon=self.epsilon,
            threshold=self.threshold,
            likelihood_ratio=self.likelihood_ratio,
            decoder=decoder,
        )

    def _checked_item(self, value: int) -> int:
        """The item, if phones may hold it. Raises ValueOutOfDomain without naming it."""
        if not 0 <= value < self.domain_size:
            raise ValueOutOfDomain(f"the item's index is not in 0..{self.domain_size - 1}")
        return value

    def _parts(self, values: ArrayLike) -> tuple[IntArray, list[slice]]:
        """The items of many phones, checked, and slices of them that are drawn at once."""
        items = np.asarray(values, dtype=np.int64)
        if items.ndim != 1:
            raise ParameterError(f"values must be one row of item indices, got shape {items.shape}")
        if items.size and not 0 <= items.min() <= items.max() < self.domain_size:
            raise ValueOutOfDomain(f"some item's index is not in 0..{self.domain_size - 1}")
        starts = range(0, len(items), _PHONES_AT_ONCE)
        return items, [slice(start, start + _PHONES_AT_ONCE) for start in starts]


def checked_domain_size(domain_size: int) -> int:
    """k as it is, if it is an integer of at least 2. Raises DomainError otherwise."""
    if isinstance(domain_size, bool) or not isinstance(domain_size, int | np.integer):
        raise DomainError(f"domain_size must be an integer of at least 2, got {domain_size!r}")
    if domain_size < 2:
        raise DomainError(
            f"domain_size must be at least 2, got {domain_size}. A question with one possible answer needs no privacy."
        )
    return int(domain_size)
