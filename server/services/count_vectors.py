"""Count vectors as bytes: the narrowest integers that hold them, all cells or only those in use, deflated.

A vector of few reports over many cells costs about two bytes a report, one of many reports about two bytes a cell.
"""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from ldp_core.types import Counts

__all__ = ["CountVectorError", "pack_counts", "unpack_counts"]

_HEADER = struct.Struct(
    "<BBBxIQ"
)  # version, bytes of a gap (0: every cell is there), bytes of a count, cells in use, cells
_VERSION = 1
_LEVEL = 1


class CountVectorError(ValueError):
    """Bytes that are no count vector, or one of another size."""


def pack_counts(counts: Counts) -> bytes:
    """The bytes of a vector of non-negative counts.  (cells,)"""
    used = np.flatnonzero(counts)
    gaps = np.diff(used, prepend=-1)
    gap_width, width = _width(gaps), _width(counts)
    sparse = len(used) * (gap_width + width) < len(counts) * width
    parts = [_planes(gaps, gap_width), _planes(counts[used], width)] if sparse else [_planes(counts, width)]
    header = _HEADER.pack(_VERSION, gap_width if sparse else 0, width, len(used), len(counts))
    return header + zlib.compress(b"".join(parts), _LEVEL)


def unpack_counts(packed: bytes, cells: int) -> Counts:
    """The counts again, as int64. Raises CountVectorError unless the bytes are a vector of this many cells."""
    try:
        version, gap_width, width, used, size = _HEADER.unpack_from(packed)
        raw = np.frombuffer(zlib.decompress(packed[_HEADER.size :]), dtype=np.uint8)
    except (struct.error, zlib.error) as error:
        raise CountVectorError(f"these {len(packed)} bytes are no count vector") from error
    stored = used if gap_width else size
    if version != _VERSION or size != cells or len(raw) != stored * (gap_width + width):
        raise CountVectorError(f"expected a count vector of {cells} cells, got {size} cells in version {version}")
    counts = _integers(raw[gap_width * stored :], width)
    if not gap_width:
        return counts
    spread = np.zeros(cells, dtype=np.int64)
    spread[np.cumsum(_integers(raw[: gap_width * stored], gap_width)) - 1] = counts
    return spread


def _width(values: NDArray[np.int64]) -> int:
    """1, 2, 4 or 8: the bytes that hold the largest value."""
    largest = int(values.max(initial=0))
    return next(width for width in (1, 2, 4, 8) if largest < 1 << (8 * width))


def _planes(values: NDArray[np.int64], width: int) -> bytes:
    """All lowest bytes, then all second bytes, …: upper bytes are mostly zero and deflate to nothing."""
    return values.astype(f"<u{width}").view(np.uint8).reshape(-1, width).T.tobytes()


def _integers(planes: NDArray[np.uint8], width: int) -> Counts:
    columns = np.ascontiguousarray(planes.reshape(width, -1).T)
    return columns.view(f"<u{width}").ravel().astype(np.int64)
