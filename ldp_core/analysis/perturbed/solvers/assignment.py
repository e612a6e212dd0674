"""The best one-to-one assignment of m rows to m columns."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ldp_core.analysis.errors import AnalysisError
from ldp_core.types import FloatArray

__all__ = ["Assignment"]

_SECONDS_PER_CALL = 4e-6
_SECONDS_PER_ENTRY = 8e-8


@dataclass(frozen=True)
class Assignment:
    """Permutation matrices y (m, m), flat row by row, with the greatest <y, theta>."""

    side: int
    name = "assignment"
    spread = 1.0
    rows_at_once = 256

    def __post_init__(self) -> None:
        if self.side < 2:
            raise AnalysisError(f"an assignment needs at least 2 rows, got {self.side}", code="too_few", field="theta")

    @property
    def shape(self) -> tuple[int, ...]:
        """(m, m)"""
        return (self.side, self.side)

    @property
    def seconds_per_solve(self) -> float:
        """A call, and the augmenting paths."""
        return _SECONDS_PER_CALL + _SECONDS_PER_ENTRY * self.side**2

    def admissible(self, theta: FloatArray) -> FloatArray:
        """Every theta."""
        return theta

    def solve(self, theta: FloatArray) -> FloatArray:
        """Hungarian method on each row."""
        m = self.side
        solutions = np.zeros((len(theta), m, m))
        rows = np.arange(m)
        for gains, solution in zip(theta.reshape(-1, m, m), solutions, strict=True):
            solution[rows, linear_sum_assignment(gains, maximize=True)[1]] = 1.0
        return solutions.reshape(len(theta), -1)

    def residual(self, mean: FloatArray) -> float:
        """Row sums and column sums against one."""
        square = mean.reshape(self.shape)
        return float(max(np.abs(square.sum(axis=0) - 1).max(), np.abs(square.sum(axis=1) - 1).max()))

    def probe(self, solution: FloatArray) -> FloatArray:
        """The solution itself."""
        return solution

    def two_solutions(self) -> FloatArray | None:
        """Straight and crossed, for two rows."""
        return np.array([[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]) if self.side == 2 else None
