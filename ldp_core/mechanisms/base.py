"""The one interface of every mechanism."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from ldp_core.estimation.error import SupportRates
from ldp_core.estimation.estimate import Estimate
from ldp_core.mechanisms.tally import Tally
from ldp_core.randomness import RandomSource
from ldp_core.types import BoolArray, Reports

__all__ = ["Mechanism"]


class Mechanism(Protocol):
    """An epsilon-LDP randomizer of one of k items, with the decoder that undoes it in aggregate.

    A report is one integer 0..N-1. Where N exceeds 2^62, many reports are rows of little-endian bytes, one row each.
    All that a server must keep is the tally of reports: its counts and their number n.
    """

    @property
    def name(self) -> str:
        """The name in the registry."""
        ...

    @property
    def epsilon(self) -> Fraction:
        """The privacy loss that was asked for, exactly."""
        ...

    @property
    def domain_size(self) -> int:
        """k, the number of items."""
        ...

    @property
    def report_space(self) -> int:
        """N, the number of messages."""
        ...

    @property
    def report_bits(self) -> int:
        """Bits that hold any message: ceil(log2 N)."""
        ...

    @property
    def fits_collections(self) -> bool:
        """Does a message fit the 32 bits that a collection gathers?"""
        ...

    @property
    def tally_size(self) -> int:
        """Cells of a tally: N where messages are counted, k where each report is counted for the items it supports."""
        ...

    @property
    def decode_cost(self) -> int:
        """Rough number of elementary operations from a tally to support counts, by the fastest decoder."""
        ...

    @property
    def count_cost(self) -> int:
        """Rough number of elementary operations to add one report to a tally."""
        ...

    @property
    def threshold(self) -> int:
        """The coin threshold T of 2^64."""
        ...

    @property
    def likelihood_ratio(self) -> Fraction:
        """lambda <= e^epsilon: the largest ratio of any message's probability under two items, exactly."""
        ...

    @property
    def rates(self) -> SupportRates:
        """How often a report supports its own item, and a given other one (of its block, where items live in blocks)."""
        ...

    @property
    def parameters(self) -> Mapping[str, int]:
        """What, besides epsilon and domain_size, a phone must know."""
        ...

    @property
    def decoders(self) -> Sequence[str]:
        """Names of the decoders, the default first. They agree bit for bit."""
        ...

    def variance(self, n: int, frequency: float) -> float:
        """Variance of one frequency estimate from n reports, the phones' data fixed; the worst case where data matter."""
        ...

    def total_squared_error(self) -> float:
        """n times the sum over the k items of the variance, the phones' data fixed; the worst case where data matter."""
        ...

    def randomize(self, value: int, source: RandomSource) -> int:
        """The message of a phone that holds item `value`."""
        ...

    def randomize_many(self, values: ArrayLike, rng: np.random.Generator) -> Reports:
        """The reports of many simulated phones; the same law as `randomize`.  (n,) -> (n,)"""
        ...

    def supported(self, reports: ArrayLike, item: int) -> BoolArray:
        """Which reports support the item.  (n,) -> bool (n,)"""
        ...

    def tally(self, reports: ArrayLike) -> Tally:
        """Count messages. Raises ReportError for one that no phone sends."""
        ...

    def decode(self, tally: Tally, decoder: str | None = None) -> Estimate:
        """Unbiased frequencies with their errors; the default decoder when none is named."""
        ...
