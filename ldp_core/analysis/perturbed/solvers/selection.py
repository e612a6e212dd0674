"""Optimizers that sort: the largest entry, the k largest, and the ranks."""

from dataclasses import dataclass

import numpy as np

from ldp_core.analysis.errors import AnalysisError
from ldp_core.types import FloatArray

__all__ = ["Argmax", "Ranks", "TopK"]

_SECONDS_PER_ENTRY = 6e-8  # noise included
_SECONDS_PER_ROW = 3e-7
_RANK_SECONDS_PER_ENTRY = 1.2e-7
_ENTRIES_AT_ONCE = 250_000


@dataclass(frozen=True)
class TopK:
    """Marks the k largest of d entries: y in {0, 1}^d with sum k. 1 <= k < d."""

    size: int
    k: int
    name = "topk"
    spread = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.k < self.size:
            raise AnalysisError(
                f"k must be at least 1 and below the number of entries {self.size}, got {self.k}",
                code="k_out_of_range",
                field="k",
            )

    @property
    def shape(self) -> tuple[int, ...]:
        """(d,)"""
        return (self.size,)

    @property
    def seconds_per_solve(self) -> float:
        """Linear in d."""
        return _SECONDS_PER_ROW + _SECONDS_PER_ENTRY * self.size

    @property
    def rows_at_once(self) -> int:
        """What fits a processor's cache."""
        return max(1, _ENTRIES_AT_ONCE // self.size)

    def admissible(self, theta: FloatArray) -> FloatArray:
        """Every theta."""
        return theta

    def solve(self, theta: FloatArray) -> FloatArray:
        """One at the k largest entries of each row."""
        solutions = np.zeros_like(theta)
        if self.k == 1:
            solutions[np.arange(len(theta)), theta.argmax(axis=1)] = 1.0
        else:
            best = np.argpartition(theta, self.size - self.k, axis=1)[:, self.size - self.k :]
            np.put_along_axis(solutions, best, 1.0, axis=1)
        return solutions

    def residual(self, mean: FloatArray) -> float:
        """The sum against k."""
        return float(abs(mean.sum() - self.k))

    def probe(self, solution: FloatArray) -> FloatArray:
        """The solution itself."""
        return solution

    def two_solutions(self) -> FloatArray | None:
        """Which of two entries, if there are only two."""
        return np.eye(2) if self.size == 2 else None


class Argmax(TopK):
    """Marks the largest of d >= 2 entries: y is a unit vector."""

    name = "argmax"

    def __init__(self, size: int) -> None:
        if size < 2:
            raise AnalysisError(f"argmax needs at least two entries, got {size}", code="too_few", field="theta")
        super().__init__(size, 1)


@dataclass(frozen=True)
class Ranks:
    """Ranks of d entries from 1 (least) to d (greatest): the permutation y of 1..d with the greatest <y, theta>."""

    size: int
    name = "rank"

    def __post_init__(self) -> None:
        if self.size < 2:
            raise AnalysisError(f"ranks need at least two entries, got {self.size}", code="too_few", field="theta")

    @property
    def shape(self) -> tuple[int, ...]:
        """(d,)"""
        return (self.size,)

    @property
    def spread(self) -> float:
        """d - 1"""
        return self.size - 1.0

    @property
    def seconds_per_solve(self) -> float:
        """Nearly linear in d."""
        return _SECONDS_PER_ROW + _RANK_SECONDS_PER_ENTRY * self.size

    @property
    def rows_at_once(self) -> int:
        """What fits a processor's cache."""
        return max(1, _ENTRIES_AT_ONCE // self.size)

    def admissible(self, theta: FloatArray) -> FloatArray:
        """Every theta."""
        return theta

    def solve(self, theta: FloatArray) -> FloatArray:
        """Place in increasing order; equal entries in the order of their positions."""
        order = np.argsort(theta, axis=1, kind="stable")
        solutions = np.empty_like(theta)
        np.put_along_axis(solutions, order, np.arange(1.0, self.size + 1)[None, :], axis=1)
        return solutions

    def residual(self, mean: FloatArray) -> float:
        """The sum against d (d + 1) / 2, relative to it."""
        return float(abs(mean.sum() / (self.size * (self.size + 1) / 2) - 1))

    def probe(self, solution: FloatArray) -> FloatArray:
        """The solution itself."""
        return solution

    def two_solutions(self) -> FloatArray | None:
        """Both orders, if there are only two entries."""
        return np.array([[1.0, 2.0], [2.0, 1.0]]) if self.size == 2 else None
