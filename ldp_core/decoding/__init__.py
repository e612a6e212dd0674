"""From counts of messages to counts of support: T_x = sum of y_u over the messages u that support item x."""

from collections.abc import Callable, Mapping

import numpy as np

from ldp_core.algebra.projective_space import point_count
from ldp_core.decoding.dynamic_programming import decode_by_dynamic_programming
from ldp_core.decoding.enumeration import decode_by_enumeration
from ldp_core.decoding.singer import decode_by_singer, singer_tables
from ldp_core.errors import DecodeError, ParameterError, TallyError
from ldp_core.exact_sum import exact_sum
from ldp_core.types import Counts, FloatArray, SupportCounts

__all__ = ["DECODERS", "compile_kernels", "decode_cost", "decoder_names", "incident_sums", "support_counts"]

_SLOW = 1 << 33
"""From this many additions on (several seconds) dynamic programming is no longer the default."""

Decoder = Callable[[Counts, int, int], SupportCounts]

DECODERS: Mapping[str, Decoder] = {
    "dynamic_programming": decode_by_dynamic_programming,
    "singer": decode_by_singer,
    "enumeration": decode_by_enumeration,
}
"""Decoders of projective geometry by name. They return the same integers, bit for bit."""


def support_counts(counts: Counts, *, q: int, t: int, decoder: str = "dynamic_programming") -> SupportCounts:
    """T_x for all N points of PG(t-1, q).

    counts: y, (N,) of non-negative integers, N = (q^t - 1)/(q - 1), their sum n below 2^63 · decoder: a name in `DECODERS`.
    Returns int64 (N,). Raises ParameterError for an unknown decoder or geometry, TallyError for counts of another
    shape, and DecodeError when the decoder's own check fails: every report supports c points, so sum T = c · n.

    >>> support_counts(np.array([1, 0, 0, 0, 0, 0, 1]), q=2, t=3)
    array([0, 1, 1, 1, 1, 2, 0])
    """
    if decoder not in DECODERS:
        raise ParameterError(f"decoder must be one of {', '.join(sorted(DECODERS))}; got {decoder!r}")
    checked = _checked_counts(counts, point_count(q, t))
    result = DECODERS[decoder](checked, q, t)
    if exact_sum(result) != point_count(q, t - 1) * exact_sum(checked):
        raise DecodeError(f"decoder {decoder} lost its sum check for q = {q}, t = {t}: no result is given")
    return result


def incident_sums(values: FloatArray, *, q: int, t: int) -> FloatArray:
    """The sum of real values over the points of every hyperplane of PG(t-1, q), t >= 3, to rounding, in O(N log N).

    values: (N,). Returns (N,). It is its own transpose: also the sum over the hyperplanes through every point.

    >>> incident_sums(np.array([0.5, 0, 0, 0, 0, 0, 0.25]), q=2, t=3).round(12) + 0
    array([0.  , 0.5 , 0.25, 0.5 , 0.25, 0.75, 0.  ])
    """
    return singer_tables(q, t).incident_sums(values)


def compile_kernels() -> None:
    """Compile everything that a decode runs, so that no request waits for it. Some seconds the first time, then cached."""
    from ldp_core.decoding import _dynamic_programming_kernels, _singer_kernels

    for q in (3, 4):
        for decoder in DECODERS:
            support_counts(np.ones(point_count(q, 3), dtype=np.int64), q=q, t=3, decoder=decoder)
    _dynamic_programming_kernels.compile_threaded()
    _singer_kernels.compile_threaded()


def decoder_names(q: int, t: int) -> tuple[str, ...]:
    """The decoders of PG(t-1, q), the default first: dynamic programming unless it would take many seconds.

    >>> decoder_names(149, 4)[0], decoder_names(2971, 3)[0]
    ('dynamic_programming', 'singer')
    """
    default = "dynamic_programming" if point_count(q, t) * q * t < _SLOW else "singer"
    return (default, *(name for name in DECODERS if name != default))


def decode_cost(q: int, t: int) -> int:
    """Rough number of elementary operations of the fastest decoder: N q t additions, or a transform's 4 N log2 N."""
    size = point_count(q, t)
    return min(size * q * t, 4 * size * size.bit_length())


def _checked_counts(counts: Counts, size: int) -> Counts:
    array = np.asarray(counts)
    if array.shape != (size,):
        raise TallyError(
            f"this geometry has {size:,} messages, so counts of shape ({size},) are needed; got {array.shape}"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise TallyError(f"counts must be integers, got an array of {array.dtype}")
    array = np.ascontiguousarray(array, dtype=np.int64)
    if array.min() < 0:
        raise TallyError("counts must not be negative")
    if exact_sum(array) >= 1 << 63:
        raise TallyError("the counts add up to 2^63 or more, which support counts of 64 bits cannot hold")
    return array
