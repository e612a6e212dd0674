"""What a perturbed optimizer needs of the optimizer."""

from typing import Protocol

from ldp_core.types import FloatArray

__all__ = ["Solver"]


class Solver(Protocol):
    """argmax over a finite set of solutions y of <y, theta>, for many theta at once.

    theta and y are flat rows of d numbers; `shape` is how a person writes them.
    """

    @property
    def name(self) -> str:
        """The word that a request names it by."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of theta and of a solution; its product is d."""
        ...

    @property
    def spread(self) -> float:
        """The most that one entry of a solution can differ between two solutions."""
        ...

    @property
    def seconds_per_solve(self) -> float:
        """Rough time of one solve on one core."""
        ...

    @property
    def rows_at_once(self) -> int:
        """How many rows are solved best together."""
        ...

    def admissible(self, theta: FloatArray) -> FloatArray:
        """theta, moved to where the solver works if it is outside.  (m, d) -> (m, d)"""
        ...

    def solve(self, theta: FloatArray) -> FloatArray:
        """The best solution for each admissible theta.  (m, d) -> (m, d)"""
        ...

    def residual(self, mean: FloatArray) -> float:
        """How far a mean of solutions is from the equations that every solution satisfies.  (d,) -> >= 0"""
        ...

    def probe(self, solution: FloatArray) -> FloatArray:
        """An admissible theta that has `solution` as its best solution if it is the best of any.  (d,) -> (d,)"""
        ...

    def two_solutions(self) -> FloatArray | None:
        """Both solutions when there are exactly two, else None.  -> (2, d)"""
        ...
