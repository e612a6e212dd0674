"""Minimise over X by descending at one rank, proving the result, and leaving a bad point through one more column.

A second-order point that is not optimal has a unit vector z with z'Sz < 0. With a zero column appended to U, the direction (0, z) descends from it
(Burer and Monteiro 2003; Boumal 2015 names the scheme after its steps).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ldp_core.analysis.progress import Progress, Step
from ldp_core.analysis.semidefinite.certificate import Certificate, certify
from ldp_core.analysis.semidefinite.objectives import Objective
from ldp_core.analysis.semidefinite.trust_region import Iterate, minimise
from ldp_core.analysis.semidefinite.unit_rows import numerical_rank, principal_columns, retract
from ldp_core.types import FloatArray

__all__ = ["Climb", "Stop", "climb"]

_MOST_ITERATIONS = 500
_MOST_STOPS = 60


@dataclass(frozen=True, eq=False)
class Stop:
    """A point where the descent at one rank ended, and what it proves."""

    at: Iterate
    certificate: Certificate
    certified: bool

    @property
    def p(self) -> int:
        """Columns of the factor."""
        return int(self.at.U.shape[1])

    @property
    def rank(self) -> int:
        """Numerical rank of the factor."""
        return numerical_rank(self.at.U)


@dataclass(frozen=True, eq=False)
class Climb:
    """All stops of one climb, the last one being the answer."""

    stops: tuple[Stop, ...]

    @property
    def last(self) -> Stop:
        """The lowest point."""
        return self.stops[-1]

    def spurious(self, tolerance: float) -> int:
        """Stops that are critical (gradient norm within the tolerance) and whose S has an eigenvalue below minus the tolerance."""
        critical = [stop for stop in self.stops if stop.at.gradient_norm <= tolerance]
        return sum(stop.certificate.lambda_min < -tolerance for stop in critical)


def climb(objective: Objective, U: FloatArray, most_columns: int, tolerance: float, progress: Progress) -> Climb:
    """Descend from U with the columns that it has, then with more, up to `most_columns`, until the gap is at most n times the tolerance.

    The objective should be scaled so that its slope has absolute row sums of about one.
    """
    stops: list[Stop] = []
    start: FloatArray | None = U
    while start is not None:
        at = minimise(objective, start, 0.01 * tolerance, _MOST_ITERATIONS, _watch(start.shape[1], progress))
        certificate = certify(objective, at.U)
        certified = certificate.gap <= objective.size * tolerance
        stops.append(Stop(at, certificate, certified))
        progress(Step(at.iterations, _MOST_ITERATIONS, _unit(at.U.shape[1]), "gap", certificate.gap))
        done = certified or certificate.lambda_min >= -tolerance / 2 or len(stops) == _MOST_STOPS
        start = None if done else _escape(objective, at, certificate, most_columns)
    return Climb(tuple(stops))


def _watch(p: int, progress: Progress) -> Callable[[int, float], None]:
    return lambda iteration, norm: progress(Step(iteration, _MOST_ITERATIONS, _unit(p), "gradient norm", norm))


def _unit(p: int) -> str:
    return f"iterations at rank {p}"


def _escape(objective: Objective, at: Iterate, certificate: Certificate, most_columns: int) -> FloatArray | None:
    """A lower point along (0, z sqrt n), in a column that U does not use; None where there is no such column or no descent."""
    base = _with_free_column(at.U, most_columns)
    if base is None:
        return None
    n = len(base)
    direction = np.zeros_like(base)
    direction[:, -1] = certificate.direction * math.sqrt(n)
    length = 1.0
    for _ in range(40):
        trial = retract(base + length * direction)
        # to second order the descent is length^2 n |lambda|
        if objective.at(trial).value < at.value + 0.1 * length**2 * n * certificate.lambda_min:
            return trial
        length /= 2
    return None


def _with_free_column(U: FloatArray, most_columns: int) -> FloatArray | None:
    """U rotated so that its last column is zero, with one column more where every column is needed."""
    p, rank = U.shape[1], numerical_rank(U)
    if rank == p == most_columns:
        return None
    columns = p if rank < p else p + 1
    base = principal_columns(U, rank)
    return np.hstack([base, np.zeros((len(U), columns - rank))])
