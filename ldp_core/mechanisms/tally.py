"""Counts of messages: the mergeable state between reports and estimates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ldp_core.errors import ReportError, TallyError
from ldp_core.exact_sum import exact_sum
from ldp_core.types import Counts

__all__ = ["Tally"]


@dataclass(frozen=True, eq=False)
class Tally:
    """How often each of the N messages was received. Tallies add up in any order and any number of pieces.

    counts: (N,) non-negative int64. Raises TallyError otherwise.

    >>> Tally.of([3, 3, 0], report_space=5).merge(Tally.of([4], report_space=5)).counts
    array([1, 0, 0, 2, 1])
    """

    counts: Counts

    def __post_init__(self) -> None:
        counts = np.asarray(self.counts)
        if counts.ndim != 1 or not np.issubdtype(counts.dtype, np.integer):
            raise TallyError(f"counts must be one row of integers, got shape {counts.shape} of {counts.dtype}")
        if counts.size and counts.min() < 0:
            raise TallyError("counts must not be negative")
        object.__setattr__(self, "counts", counts.astype(np.int64, copy=False))

    @classmethod
    def empty(cls, report_space: int) -> "Tally":
        """No reports yet."""
        return cls(np.zeros(report_space, dtype=np.int64))

    @classmethod
    def of(cls, messages: ArrayLike, report_space: int) -> "Tally":
        """The tally of messages, each in 0..N-1. Raises ReportError, naming the first that is not, and counts none."""
        array = np.atleast_1d(np.asarray(messages))
        if array.size == 0:
            return cls.empty(report_space)
        if not np.issubdtype(array.dtype, np.integer) or array.ndim != 1:
            raise ReportError(f"messages must be one row of integers, got shape {array.shape} of {array.dtype}")
        outside = (array < 0) | (array >= report_space)
        if outside.any():
            position = int(np.argmax(outside))
            raise ReportError(
                f"message {array[position]} at position {position} is outside 0..{report_space - 1}; "
                "no phone with this spec sends it"
            )
        return cls(np.bincount(array.astype(np.int64, copy=False), minlength=report_space))

    @property
    def n(self) -> int:
        """The number of reports."""
        return exact_sum(self.counts)

    @property
    def report_space(self) -> int:
        """N, the number of messages."""
        return len(self.counts)

    def merge(self, other: "Tally") -> "Tally":
        """Both together. Raises TallyError for another report space."""
        if other.report_space != self.report_space:
            raise TallyError(
                f"tallies of {self.report_space} and {other.report_space} messages belong to different mechanisms"
            )
        return Tally(self.counts + other.counts)
