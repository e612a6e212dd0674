"""All support counts as one cyclic correlation along a Singer cycle. O(N log N), whatever e^epsilon is.

Notation
    q, t, N, c, D as in `algebra.singer_cycle` · y: counts · in cyclic order hyperplane j holds point i when i + j is in D
So T_j = sum over i of y_i [i + j in D]: a correlation of y with the indicator of D, done with two real transforms;
that of D is kept.

N is split into two coprime factors, N = A B, and position i is stored at (i mod B, i mod A). By the Chinese
remainder theorem the cyclic correlation of length N becomes a two-dimensional one of B x A, with no
twiddle factors and no padding: short transforms that stay in the cache, and a prime factor that is awkward alone is met
only along one short axis. Where N is a prime power there is one axis, zero-padded to a length that transforms fast.

Exactness. The mean is subtracted first, in integers, so rounding errors scale with the noise of the counts and not with
their size. One transform is tried where an a-priori estimate of its rounding error is not hopeless, and its result is
kept only when three checks hold: every value is close to an integer; sum T = c n; and
sum T^2 = (c - d) sum y^2 + d n^2, the identity of a symmetric design, modulo 2^64. Otherwise the counts are
split into low and high halves, whose transforms err by orders of magnitude less, under the same checks; where even those
fail, `DecodeError` is raised and no result is given.
"""

import functools
import math
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ldp_core.algebra.prime_powers import prime_factors
from ldp_core.algebra.projective_space import point_count
from ldp_core.algebra.singer_cycle import SingerCycle
from ldp_core.decoding.enumeration import decode_by_enumeration
from ldp_core.errors import DecodeError
from ldp_core.exact_sum import exact_sum
from ldp_core.types import Counts, FloatArray, SupportCounts

__all__ = ["SingerTables", "decode_by_singer", "singer_tables"]

_HOPELESS_ERROR = 16.0
"""Above this a-priori estimate, which is some fifty times the error seen, one transform is not tried."""

_CLOSE = 0.25
"""The largest distance to an integer that is accepted after a transform."""

_TRANSFORM_WORKERS = min(4, os.cpu_count() or 1)


def decode_by_singer(counts: Counts, q: int, t: int) -> SupportCounts:
    """T_x for all points x of PG(t-1, q), in canonical order.  counts: int64 (N,) -> int64 (N,)"""
    if t == 2:  # a hyperplane of a line is one point: nothing to correlate
        return decode_by_enumeration(counts, q, t)
    return singer_tables(q, t).correlate(counts)


class _NotExact(Exception):  # noqa: N818 - control flow, never seen outside
    """A transform's result cannot be trusted, and why."""


@functools.lru_cache(maxsize=4)
def singer_tables(q: int, t: int) -> "SingerTables":
    """The tables of one geometry, built on first use (0.2 s at N = 3.3 million) and kept in memory."""
    return SingerTables.build(q, t)


@dataclass(frozen=True, eq=False)
class SingerTables:
    """What does not depend on the counts.

    points, hyperplanes: (B, A) int32, the canonical index of the point and of the hyperplane at each position ·
    transform: of the indicator of D, (B', A/2 + 1) complex · shape: (B', A) of the arrays that are transformed, where
    B' = B unless padded.
    """

    q: int
    t: int
    points: NDArray[np.int32]
    hyperplanes: NDArray[np.int32]
    transform: NDArray[np.complex128]
    shape: tuple[int, int]

    @classmethod
    def build(cls, q: int, t: int) -> "SingerTables":
        """Walk the cycle, lay it out in two dimensions and transform the difference set."""
        cycle = SingerCycle(q, t)
        rows, columns = _coprime_factors(cycle.size)
        padded = columns == 1
        place = _places(cycle.size, rows, columns)
        indicator = np.zeros(cycle.size)
        indicator[place[cycle.difference_set]] = 1.0
        if padded:  # wrap-around is written out: D repeated, then zeros up to a length that transforms fast
            length = _fast_length(2 * rows - 1)
            layout = np.zeros(length)
            layout[:rows] = indicator
            layout[rows : 2 * rows - 1] = indicator[:-1]
            shape, indicator = (1, length), layout
        else:
            shape = (rows, columns)
        return cls(
            q=q,
            t=t,
            points=_laid_out(cycle.points, place),
            hyperplanes=_laid_out(cycle.hyperplanes, place),
            transform=_forward(indicator.reshape(shape)),
            shape=shape,
        )

    def correlate(self, counts: Counts) -> SupportCounts:
        """T from y, both in canonical order. Raises DecodeError when no transform passes its checks."""
        try:
            return self._checked(counts, self._transformed(counts))
        except _NotExact:
            try:
                return self._checked(counts, self._in_halves(counts))
            except _NotExact as failure:
                raise DecodeError(
                    f"the transform of q = {self.q}, t = {self.t} {failure}: no result is given; "
                    "decode these counts by dynamic programming"
                ) from None

    def incident_sums(self, values: FloatArray) -> FloatArray:
        """The sum of real values over the points of every hyperplane, to rounding.  (N,) -> (N,)

        Point x lies on hyperplane y where y lies on x, so this is also the sum over the hyperplanes through every point.
        """
        work = np.zeros(self.shape)
        work.ravel()[: values.size] = values[self.points.ravel()]
        result = np.empty(values.size)
        result[self.hyperplanes.ravel()] = self._correlated(_forward(work)).ravel()[: values.size]
        return result

    def _correlated(self, spectrum: NDArray[np.complex128]) -> FloatArray:
        """The cyclic correlation with D of the array that has this spectrum, which is overwritten.  -> (B', A)"""
        np.conjugate(spectrum, out=spectrum)
        spectrum *= self.transform
        return _backward(spectrum, self.shape)

    def _transformed(self, counts: Counts) -> SupportCounts:
        """T by one forward and one backward transform, rounded."""
        from ldp_core.decoding import _singer_kernels as kernels

        mean = exact_sum(counts) // len(counts)
        work = np.zeros(self.shape)
        norm = math.sqrt(kernels.gather(counts, self.points, mean, work.ravel()))
        if self._error_estimate(norm) > _HOPELESS_ERROR:
            raise _NotExact("would round too coarsely")
        spectrum = _forward(work)
        del work
        values = self._correlated(spectrum)
        del spectrum
        result = np.empty(self.points.size, dtype=np.int64)
        offset = point_count(self.q, self.t - 1) * mean
        furthest = kernels.scatter(values.ravel(), self.hyperplanes, offset, result)
        if not furthest <= _CLOSE:
            raise _NotExact(f"came out {furthest:.3f} from an integer")
        return result

    def _in_halves(self, counts: Counts) -> SupportCounts:
        """T of counts too large for one transform, as low + 2^bits · high."""
        bits = max(1, int(counts.max()).bit_length() // 2)
        low = self._transformed(counts & ((1 << bits) - 1))
        low += self._transformed(counts >> bits) << bits
        return low

    def _error_estimate(self, norm: float) -> float:
        """The usual a-priori estimate of a correlation's rounding error: 12 log2(L) u |y| |D|, u = 2^-53."""
        length = self.shape[0] * self.shape[1]
        return 12 * math.log2(length) * 2.0**-53 * norm * math.sqrt(point_count(self.q, self.t - 1))

    def _checked(self, counts: Counts, result: SupportCounts) -> SupportCounts:
        c, d = point_count(self.q, self.t - 1), point_count(self.q, self.t - 2)
        n = exact_sum(counts)
        squares = (c - d) * _wrapped_square_sum(counts) + d * n * n
        if exact_sum(result) != c * n or (squares - _wrapped_square_sum(result)) % (1 << 64):
            raise _NotExact("lost its sum checks")
        return result


def _coprime_factors(size: int) -> tuple[int, int]:
    """B, A coprime with B A = size, B the power of the largest prime: the awkward factor has the strided axis alone."""
    prime = prime_factors(size)[-1]
    rows = prime
    while size % (rows * prime) == 0:
        rows *= prime
    return rows, size // rows


def _places(size: int, rows: int, columns: int) -> NDArray[np.int32]:
    """Where position i of the cycle is stored: (i mod B) A + i mod A.  -> (N,)"""
    i = np.arange(size, dtype=np.int32)
    place = i % rows
    place *= columns
    i %= columns
    place += i
    return place


def _laid_out(values: NDArray[np.int32], place: NDArray[np.int32]) -> NDArray[np.int32]:
    layout = np.empty_like(values)
    layout[place] = values
    return layout


def _fast_length(length: int) -> int:
    from scipy.fft import next_fast_len

    return int(next_fast_len(length, real=True))


def _forward(values: FloatArray) -> NDArray[np.complex128]:
    from scipy.fft import fft, rfft

    # axis by axis and in place: rfft2 and irfft2 copy in between, which costs time and memory
    spectrum = rfft(values, axis=1, overwrite_x=True, workers=_TRANSFORM_WORKERS)
    transformed: NDArray[np.complex128] = fft(spectrum, axis=0, overwrite_x=True, workers=_TRANSFORM_WORKERS)
    return transformed


def _backward(spectrum: NDArray[np.complex128], shape: tuple[int, int]) -> FloatArray:
    from scipy.fft import ifft, irfft

    spectrum = ifft(spectrum, axis=0, overwrite_x=True, workers=_TRANSFORM_WORKERS)
    values: FloatArray = irfft(spectrum, shape[1], axis=1, overwrite_x=True, workers=_TRANSFORM_WORKERS)
    return values


def _wrapped_square_sum(values: NDArray[np.int64]) -> int:
    unsigned = values.view(np.uint64)
    return int(np.dot(unsigned, unsigned))
