"""A batch of reports as packed bytes: 40 bytes of header, then 4 bytes for each message. `docs/wire.md` draws it.

One content has one encoding: every byte is fixed by the content, and whatever differs in any byte is refused or is another
content. Messages are read where they lie, without a Python integer for each.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ldp_core.errors import BatchError

__all__ = ["HEADER_BYTES", "PACKED_MEDIA_TYPE", "ReportBatch", "first_outside"]

PACKED_MEDIA_TYPE = "application/vnd.fanoplane.reports"

_MAGIC = b"FANO"
_VERSION = 1
_HAS_COHORT = 1
_HEADER = struct.Struct("<4sBBH8sI16sI")
HEADER_BYTES = _HEADER.size
_PREFIX_BYTES, _KEY_BYTES = 8, 16
_MOST = (1 << 32) - 1
_MOST_COHORT = (1 << 16) - 1


@dataclass(frozen=True, eq=False)
class ReportBatch:
    """Reports made under one spec in one window, with the key that makes a retry count once.

    spec_prefix: the first 8 bytes of the spec's digest · window: its index, seconds since 1970 over the window's length,
    0..2^32 - 1 · key: 16 random bytes · messages: uint32, (n,), at least one · cohort: index of the declared cohort, or None.
    Raises BatchError for anything that cannot be packed.

    >>> batch = ReportBatch(bytes(8), 20_000, bytes(16), np.array([3, 1, 2]))
    >>> len(batch.pack()), ReportBatch.parse(batch.pack()).messages.tolist()
    (52, [3, 1, 2])
    """

    spec_prefix: bytes
    window: int
    key: bytes
    messages: NDArray[np.uint32]
    cohort: int | None = None

    def __post_init__(self) -> None:
        if len(self.spec_prefix) != _PREFIX_BYTES or len(self.key) != _KEY_BYTES:
            raise BatchError(
                f"a batch has 8 bytes of its spec's digest and a key of 16, got {len(self.spec_prefix)} and {len(self.key)}"
            )
        if not 0 <= self.window <= _MOST:
            raise BatchError(f"a window index lies in 0..{_MOST}, got {self.window}")
        if self.cohort is not None and not 0 <= self.cohort <= _MOST_COHORT:
            raise BatchError(f"a cohort index lies in 0..{_MOST_COHORT}, got {self.cohort}")
        object.__setattr__(self, "messages", _checked(self.messages))

    def pack(self) -> bytes:
        """The bytes of this batch."""
        flags, cohort = (0, 0) if self.cohort is None else (_HAS_COHORT, self.cohort)
        header = _HEADER.pack(
            _MAGIC, _VERSION, flags, cohort, self.spec_prefix, self.window, self.key, len(self.messages)
        )
        return header + self.messages.astype("<u4", copy=False).tobytes()

    @classmethod
    def parse(cls, raw: bytes) -> "ReportBatch":
        """Read packed bytes. The messages are a view of `raw`.

        Raises BatchError, "malformed" or "empty", unless the bytes are exactly what `pack` writes.
        """
        if len(raw) < HEADER_BYTES:
            raise BatchError(f"a packed batch begins with {HEADER_BYTES} bytes of header, got {len(raw)} bytes in all")
        magic, version, flags, cohort, prefix, window, key, count = _HEADER.unpack_from(raw)
        _check_header(magic, version, flags, cohort)
        if count == 0:
            raise BatchError("a batch holds at least one message, and this one states 0", "empty")
        if len(raw) != HEADER_BYTES + 4 * count:
            raise BatchError(
                f"a batch of {count} messages has {HEADER_BYTES + 4 * count} bytes, got {len(raw)}; "
                "it was cut, or something follows it"
            )
        messages = np.frombuffer(raw, dtype="<u4", offset=HEADER_BYTES)
        return cls(prefix, window, key, messages, cohort if flags else None)

    def check(self, *, report_space: int, reports_per_batch: int) -> None:
        """Raises BatchError, "too-many" or "message-out-of-range", unless phones with such a spec can have sent this."""
        if len(self.messages) > reports_per_batch:
            raise BatchError(f"a batch holds at most {reports_per_batch} reports, got {len(self.messages)}", "too-many")
        position = first_outside(self.messages, report_space)
        if position is not None:
            raise BatchError(
                f"the message at position {position} is outside 0..{report_space - 1}", "message-out-of-range", position
            )


def _check_header(magic: bytes, version: int, flags: int, cohort: int) -> None:
    if magic != _MAGIC:
        raise BatchError(f"a packed batch begins with {_MAGIC!r}, got {magic!r}")
    if version != _VERSION:
        raise BatchError(f"version {_VERSION} of packed batches is read here, got {version}")
    if flags & ~_HAS_COHORT:
        raise BatchError(f"the flags may be 0 or {_HAS_COHORT} (a cohort is stated), got {flags}")
    if cohort and not flags:
        raise BatchError(f"the flags say that no cohort is stated, and one is: {cohort}")


def _checked(messages: ArrayLike) -> NDArray[np.uint32]:
    array = np.asarray(messages)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise BatchError(f"messages must be one row of integers, got shape {array.shape} of {array.dtype}")
    if array.size == 0:
        raise BatchError("a batch holds at least one message", "empty")
    if array.dtype.itemsize > 4 or np.issubdtype(array.dtype, np.signedinteger):
        outside = (array < 0) | (array > _MOST)
        if outside.any():
            position = int(np.argmax(outside))
            raise BatchError(
                f"the message at position {position} does not fit 32 bits", "message-out-of-range", position
            )
    return array.astype(np.uint32, copy=False)


def first_outside(messages: NDArray[np.uint32], report_space: int) -> int | None:
    """The position of the first message that is not below `report_space`, or None.  (n,)"""
    if messages.size == 0 or int(messages.max()) < report_space:
        return None
    return int(np.argmax(messages >= report_space))
