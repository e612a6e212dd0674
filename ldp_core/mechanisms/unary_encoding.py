"""Unary encoding: one bit for each item, each flipped by a coin of its own.

Notation
    Bit x is 1 with probability s = T1 / 2^64 for the phone's own item and r = T0 / 2^64 for any other.
    Two items change two bits: lambda = T1 (2^64 - T0) / ((2^64 - T1) T0).
symmetric (basic RAPPOR): T0 = 2^64 - T1, so T1 / T0 <= e^(epsilon/2). Source: Erlingsson, Pihur, Korolova, CCS 2014.
optimized: T1 = 2^63, so (2^64 - T0) / T0 <= e^epsilon. Source: Wang, Blocki, Li, Jha, USENIX Security 2017.
A report is the integer whose bit x (of value 2^x) is the bit of item x: k bits. It serves comparison, planning and simulation.
"""

from fractions import Fraction
from functools import cached_property
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ldp_core.errors import ReportError
from ldp_core.estimation.error import SupportRates
from ldp_core.mechanisms.support_mechanism import SupportMechanism, checked_domain_size
from ldp_core.mechanisms.tally import Tally, checked_messages
from ldp_core.privacy.epsilon import EpsilonLike, parse_epsilon
from ldp_core.privacy.threshold import coin_threshold
from ldp_core.randomness import COIN_BITS, RandomSource, coin
from ldp_core.types import BoolArray, Counts, IntArray, Reports, SupportCounts

__all__ = ["UnaryEncoding", "optimized_unary_encoding", "symmetric_unary_encoding"]

OPTIMIZED, SYMMETRIC = "optimized_unary_encoding", "symmetric_unary_encoding"

_COIN = 1 << COIN_BITS
_BITS_IN_INTEGERS = 62
"""Reports of more bits are rows of little-endian bytes."""

_BITS_AT_ONCE = 1 << 22


def _identity(counts: Counts) -> SupportCounts:
    """The tally counts the ones of every bit: these are the support counts."""
    return counts


class UnaryEncoding(SupportMechanism):
    """k independent bits. own_threshold: T1, other_threshold: T0, of 2^64."""

    def __init__(
        self,
        name: str,
        *,
        epsilon: Fraction,
        domain_size: int,
        own_threshold: int,
        other_threshold: int,
        threshold: int,
    ) -> None:
        k = domain_size
        super().__init__(
            name,
            epsilon=epsilon,
            domain_size=k,
            parameters={},
            threshold=threshold,
            report_space=1 << k,
            tally_size=k,
            decoders={"counting": _identity},
            decode_cost=k,
            count_cost=k,
        )
        self.own_threshold, self.other_threshold = own_threshold, other_threshold

    @cached_property
    def likelihood_ratio(self) -> Fraction:
        """lambda = T1 (2^64 - T0) / ((2^64 - T1) T0) <= e^epsilon."""
        own, other = self.own_threshold, self.other_threshold
        return Fraction(own * (_COIN - other), (_COIN - own) * other)

    @cached_property
    def rates(self) -> SupportRates:
        """s and r of the two coins, exactly."""
        return SupportRates(Fraction(self.own_threshold, _COIN), Fraction(self.other_threshold, _COIN))

    def randomize(self, value: int, source: RandomSource) -> int:
        """The k bits of a phone that holds item `value`, item 0 in the lowest: k coins, item 0 first.

        Raises ValueOutOfDomain without naming the value.
        """
        item, report = self._checked_item(value), 0
        for x in range(self.domain_size):
            threshold = self.own_threshold if x == item else self.other_threshold
            report |= int(coin(source, threshold)) << x
        return report

    def randomize_many(self, values: ArrayLike, rng: np.random.Generator) -> Reports:
        """The reports of many simulated phones; the same law as `randomize`.

        (n,) -> (n,) integers for k <= 62, else (n, ceil(k/8)) little-endian bytes.
        """
        items, _ = self._parts(values)
        step = max(1, _BITS_AT_ONCE // self.domain_size)
        parts = [self._randomize_part(items[start : start + step], rng) for start in range(0, max(len(items), 1), step)]
        return cast(Reports, np.concatenate(parts))

    def _randomize_part(self, items: IntArray, rng: np.random.Generator) -> Reports:
        draws = rng.integers(0, _COIN, size=(len(items), self.domain_size), dtype=np.uint64)
        bits = draws < np.uint64(self.other_threshold)  # (n, k)
        rows = np.arange(len(items))
        bits[rows, items] = draws[rows, items] < np.uint64(self.own_threshold)
        if self.domain_size > _BITS_IN_INTEGERS:
            return np.packbits(bits, axis=1, bitorder="little")
        messages = np.zeros(len(items), dtype=np.int64)
        for x in range(self.domain_size):
            messages |= bits[:, x].astype(np.int64) << x
        return messages

    def simulate_tally(self, item_counts: ArrayLike, rng: np.random.Generator) -> Tally:
        """The tally of a simulated fleet in which item x is held by item_counts[x] phones, without making its reports.

        Bits are independent, so each cell is a sum of two binomials: the same law as counting reports.  (k,)
        """
        held = np.asarray(item_counts, dtype=np.int64)
        n = int(held.sum())
        ones = rng.binomial(held, float(self.rates.own)) + rng.binomial(n - held, float(self.rates.other))
        return Tally(ones, n)

    def supported(self, reports: ArrayLike, item: int) -> BoolArray:
        """Which reports have the bit of the item.  (n,) -> (n,)"""
        return self._bit(self._checked_reports(reports), item)

    def tally(self, reports: ArrayLike) -> Tally:
        """Count the ones of every bit.

        reports: integers below 2^k, or for k > 62 also rows of little-endian bytes. Raises ReportError for anything else; then
        none is counted.
        """
        checked = self._checked_reports(reports)
        ones = [int(np.count_nonzero(self._bit(checked, x))) for x in range(self.domain_size)]
        return Tally(np.array(ones, dtype=np.int64), len(checked))

    def _bit(self, checked: Reports, item: int) -> BoolArray:
        bits: BoolArray = (checked >> item if checked.ndim == 1 else checked[:, item // 8] >> item % 8) & 1 == 1
        return bits

    def _checked_reports(self, reports: ArrayLike) -> Reports:
        """Reports as int64 (n,), or for k > 62 as bytes (n, ceil(k/8))."""
        k = self.domain_size
        if k <= _BITS_IN_INTEGERS:
            return checked_messages(reports, self.report_space)
        array, width = np.asarray(reports), -(-k // 8)
        if array.size == 0:
            return np.zeros((0, width), dtype=np.uint8)
        if array.ndim < 2:
            array = self._bytes_of(np.atleast_1d(np.asarray(reports, dtype=object)), width)
        if array.dtype != np.uint8 or array.shape[1:] != (width,):
            raise ReportError(
                f"reports of {k} bits are rows of {width} bytes, got shape {array.shape} of {array.dtype}"
            )
        if k % 8 and (array[:, -1] >> k % 8).any():
            raise ReportError(f"a report has more than {k} bits; no phone with this spec sends it")
        return array

    def _bytes_of(self, integers: NDArray[np.object_], width: int) -> NDArray[np.uint8]:
        for position, report in enumerate(integers):
            if not isinstance(report, int) or not 0 <= report < self.report_space:
                raise ReportError(f"the report at position {position} is no integer of {self.domain_size} bits")
        packed = b"".join(report.to_bytes(width, "little") for report in integers)
        return np.frombuffer(packed, dtype=np.uint8).reshape(len(integers), width)


def optimized_unary_encoding(*, epsilon: EpsilonLike, domain_size: int) -> UnaryEncoding:
    """Unary encoding whose own bit is a fair coin: the optimum's error for large k.

    epsilon: exact, 0 < epsilon <= 24 · domain_size: k >= 2. Raises ParameterError or one of its kinds.
    """
    k, exact = checked_domain_size(domain_size), parse_epsilon(epsilon)
    threshold = coin_threshold(exact, 1, 2)  # the largest T with T / (2^64 - T) <= e^epsilon; T0 is its complement
    return UnaryEncoding(
        OPTIMIZED,
        epsilon=exact,
        domain_size=k,
        own_threshold=_COIN // 2,
        other_threshold=_COIN - threshold,
        threshold=threshold,
    )


def symmetric_unary_encoding(*, epsilon: EpsilonLike, domain_size: int) -> UnaryEncoding:
    """Unary encoding whose bits are all flipped alike: one-time basic RAPPOR.

    epsilon: exact, 0 < epsilon <= 24 · domain_size: k >= 2. Raises ParameterError or one of its kinds.
    """
    k, exact = checked_domain_size(domain_size), parse_epsilon(epsilon)
    threshold = coin_threshold(exact / 2, 1, 2)  # the largest T with T / (2^64 - T) <= e^(epsilon/2)
    return UnaryEncoding(
        SYMMETRIC,
        epsilon=exact,
        domain_size=k,
        own_threshold=threshold,
        other_threshold=_COIN - threshold,
        threshold=threshold,
    )
