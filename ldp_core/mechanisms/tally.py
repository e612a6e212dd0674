"""Counts of reports: the mergeable state between reports and estimates."""

from dataclasses import InitVar, dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from ldp_core.errors import ReportError, TallyError
from ldp_core.exact_sum import exact_sum
from ldp_core.types import Counts, Messages

__all__ = ["Tally", "checked_messages"]


@dataclass(frozen=True, eq=False)
class Tally:
    """What n reports add up to. Tallies add up in any order and any number of pieces.

    counts: non-negative int64, one cell for each message, or for each item where reports support many of few items.
    reports: n, when a report may add to several cells or to none; left out, it is the sum of the counts.
    Raises TallyError for anything else, and for a cell above n.

    >>> Tally.of([3, 3, 0], report_space=5).merge(Tally.of([4], report_space=5)).counts
    array([1, 0, 0, 2, 1])
    """

    counts: Counts
    reports: InitVar[int | None] = None
    n: int = field(init=False)
    """The number of reports."""

    def __post_init__(self, reports: int | None) -> None:
        counts = np.asarray(self.counts)
        if counts.ndim != 1 or not np.issubdtype(counts.dtype, np.integer):
            raise TallyError(f"counts must be one row of integers, got shape {counts.shape} of {counts.dtype}")
        if counts.size and counts.min() < 0:
            raise TallyError("counts must not be negative")
        counts = counts.astype(np.int64, copy=False)
        n = exact_sum(counts) if reports is None else int(reports)
        if n < (int(counts.max()) if counts.size else 0):
            raise TallyError(f"a report adds at most 1 to a cell, so {n} reports cannot make a count of {counts.max()}")
        object.__setattr__(self, "counts", counts)
        object.__setattr__(self, "n", n)

    @classmethod
    def empty(cls, size: int) -> "Tally":
        """No reports yet."""
        return cls(np.zeros(size, dtype=np.int64))

    @classmethod
    def of(cls, messages: ArrayLike, report_space: int) -> "Tally":
        """The tally of messages, each in 0..N-1. Raises ReportError, naming the first that is not, and counts none."""
        return cls(np.bincount(checked_messages(messages, report_space), minlength=report_space))

    @property
    def size(self) -> int:
        """The number of cells."""
        return len(self.counts)

    def merge(self, other: "Tally") -> "Tally":
        """Both together. Raises TallyError for another number of cells."""
        if other.size != self.size:
            raise TallyError(f"tallies of {self.size} and {other.size} cells belong to different mechanisms")
        return Tally(self.counts + other.counts, self.n + other.n)


def checked_messages(messages: ArrayLike, report_space: int) -> Messages:
    """Messages as int64, each in 0..N-1. Raises ReportError, naming the first that is not.  -> (n,)"""
    array = np.atleast_1d(np.asarray(messages))
    if array.size == 0:
        return np.zeros(0, dtype=np.int64)
    if not np.issubdtype(array.dtype, np.integer) or array.ndim != 1:
        raise ReportError(f"messages must be one row of integers, got shape {array.shape} of {array.dtype}")
    if int(array.min()) < 0 or int(array.max()) >= report_space:
        position = int(np.argmax((array < 0) | (array >= report_space)))
        raise ReportError(
            f"message {array[position]} at position {position} is outside 0..{report_space - 1}; "
            "no phone with this spec sends it"
        )
    return array.astype(np.int64, copy=False)
