"""The path of a descent: what is kept of it, and the three numbers without which a small gap alone may mislead."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ldp_core.analysis.lojasiewicz.exponent import TraceColumns
from ldp_core.analysis.lojasiewicz.likelihood import frank_wolfe_gap, softmax_gradient
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.types import FloatArray, Frequencies

__all__ = ["MOST_ROWS", "Path", "Point", "due_steps", "rounding", "walk"]

MOST_ROWS = 500
"""The most rows of a trace."""


@dataclass(frozen=True, eq=False)
class Point:
    """Where a descent is after t steps: p on the simplex, f(p) and its gradient.

    step, travelled: length of the last step and of the path since the point before, where points are steps apart; None where
    they are one step apart.
    """

    t: int
    p: Frequencies
    value: float
    gradient: FloatArray
    step: float | None = None
    travelled: float | None = None

    @property
    def gap(self) -> float:
        """The Frank-Wolfe certificate."""
        return frank_wolfe_gap(self.p, self.gradient)


@dataclass
class Path:
    """What is kept: the last point, at most 500 rows (t, f, gap, |v|) spaced evenly in log t, lengths, and rises of f.

    step_length: of the last step · length: of all steps · rises: steps that raised f by more than rounding · best_gap: the least seen.
    """

    due: frozenset[int]
    last: Point | None = None
    rows: list[tuple[int, float, float, float]] = field(default_factory=list)
    step_length: float = 0.0
    length: float = 0.0
    rises: int = 0
    best_gap: float = np.inf

    def add(self, point: Point) -> None:
        """One more point."""
        if self.last is not None:
            moved = float(np.linalg.norm(point.p - self.last.p)) if point.step is None else point.step
            self.step_length = moved
            self.length += moved if point.travelled is None else point.travelled
            self.rises += int(point.value > self.last.value + rounding(point.value))
        self.last = point
        self.best_gap = min(self.best_gap, point.gap)
        if point.t in self.due:
            self.keep()

    def keep(self) -> None:
        """A row for the last point, unless it has one."""
        point = self.last
        assert point is not None
        if not self.rows or self.rows[-1][0] != point.t:
            norm = float(np.linalg.norm(softmax_gradient(point.p, point.gradient)))
            self.rows.append((point.t, point.value, point.gap, norm))

    @property
    def trace(self) -> TraceColumns:
        """The rows as columns, with the length of v as that of the gradient."""
        t, f, _, norm = np.array(self.rows, dtype=np.float64).T
        return TraceColumns(t, f, norm)

    @property
    def gaps(self) -> FloatArray:
        """The certificates of the rows.  (rows,)"""
        return np.array([gap for _, _, gap, _ in self.rows])


def rounding(value: float) -> float:
    """A change of f that rounding explains."""
    return 64 * np.finfo(np.float64).eps * max(abs(value), 1.0)


def due_steps(steps: int, rows: int = MOST_ROWS) -> frozenset[int]:
    """0, `steps`, and others between, at most `rows` in all, evenly spaced in log t."""
    between = np.geomspace(1, max(steps, 1), rows - 1).round().astype(np.int64)
    return frozenset({0, *between.tolist()})


def walk(points: Iterable[Point], *, steps: int, tol_gap: float, progress: Progress = silent) -> Path:
    """Follow points until the gap is at most tol_gap or `steps` are done."""
    path = Path(due_steps(steps))
    for point in points:
        path.add(point)
        gap = point.gap
        if point.t in path.due:
            progress(Step(point.t, steps, "iterations", "gap", gap))
        if gap <= tol_gap or point.t >= steps:
            break
    path.keep()
    return path
