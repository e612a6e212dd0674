"""Monte Carlo estimates of a perturbed optimizer: mean, value, Jacobian and vector-Jacobian product, with their errors.

Notation
    theta: input, (d,) · xi: displacement, S(xi): its score · y*(theta): best solution · y0 = y*(theta) without noise
    mean y = E y*(theta + xi) · value F = E <y*(theta + xi), theta + xi>, whose gradient is the mean
    J = E[(y*(theta + xi) - y0) S'] (the Hessian of F; y0 is a control variate because E S = 0) · c'J for a cotangent c
Berthet et al. 2020, "Learning with Differentiable Perturbed Optimizers", section 3.
"""

from dataclasses import dataclass

import numpy as np

from ldp_core.analysis.perturbed.noise import Noise
from ldp_core.analysis.perturbed.solvers import Solver
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.types import FloatArray

__all__ = ["Moments", "PerturbedSample", "sample"]

_LEAST_SAMPLES = 100


class Moments:
    """Running mean and standard error of an array, from sums of deviations and of their squares."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.count = 0
        self._sum = np.zeros(shape)
        self._squares = np.zeros(shape)

    def add(self, total: FloatArray, squares: FloatArray, count: int) -> None:
        """Take in the sum and the sum of squares of `count` more draws."""
        self._sum += total
        self._squares += squares
        self.count += count

    @property
    def mean(self) -> FloatArray:
        """Mean of the draws."""
        return self._sum / self.count

    @property
    def standard_error(self) -> FloatArray:
        """Standard error of the mean."""
        variance = np.maximum(self._squares / self.count - self.mean**2, 0) / max(self.count - 1, 1)
        error: FloatArray = np.sqrt(variance)
        return error


@dataclass(frozen=True)
class PerturbedSample:
    """What `samples` draws say. A standard error of zero means that no draw differed, not certainty.

    jacobian[i, j]: derivative of mean[i] by theta[j] · distinct: different solutions seen ·
    clipped: share of perturbed entries that were moved to where the solver works.
    """

    hard: FloatArray  # (d,)
    mean: FloatArray  # (d,)
    mean_se: FloatArray  # (d,)
    value: float
    value_se: float
    jacobian: FloatArray | None  # (d, d)
    jacobian_se: FloatArray | None  # (d, d)
    vjp: FloatArray | None  # (d,)
    vjp_se: FloatArray | None  # (d,)
    samples: int
    distinct: int
    clipped: float


class _Collector:
    """Everything that is summed over draws."""

    def __init__(
        self, solver: Solver, theta: FloatArray, jacobian: bool, cotangent: FloatArray | None, control: bool
    ) -> None:
        self.solver, self.theta, self.cotangent = solver, theta, cotangent
        d = len(theta)
        self.hard = solver.solve(solver.admissible(theta[None]))[0]
        self.centre = self.hard if control else np.zeros(d)
        self.hard_value = float(self.hard @ theta)
        self.mean, self.value = Moments((d,)), Moments(())
        self.jacobian = Moments((d, d)) if jacobian else None
        self.vjp = Moments((d,)) if cotangent is not None else None
        self.weights = np.random.default_rng(0).integers(0, 2**64, d, dtype=np.uint64)
        self.seen: set[int] = set()
        self.clipped = 0

    def take(self, xi: FloatArray, score: FloatArray) -> None:
        """Solve for these displacements and add up."""
        wanted = self.theta + xi
        used = self.solver.admissible(wanted)
        self.clipped += 0 if used is wanted else int(np.count_nonzero(used != wanted))
        solutions = self.solver.solve(used)
        rows = len(solutions)
        gain = np.einsum("ij,ij->i", solutions, used) - self.hard_value
        self.value.add(gain.sum(), (gain**2).sum(), rows)
        self.seen.update(np.unique(solutions.astype(np.uint64) @ self.weights).tolist())
        moved = solutions - self.hard
        self.mean.add(moved.sum(axis=0), (moved**2).sum(axis=0), rows)
        centred = solutions - self.centre
        if self.jacobian is not None:
            self.jacobian.add(centred.T @ score, (centred**2).T @ score**2, rows)
        if self.vjp is not None and self.cotangent is not None:
            products = (centred @ self.cotangent)[:, None] * score
            self.vjp.add(products.sum(axis=0), (products**2).sum(axis=0), rows)

    def result(self) -> PerturbedSample:
        """The estimates so far."""
        return PerturbedSample(
            hard=self.hard,
            mean=self.hard + self.mean.mean,
            mean_se=self.mean.standard_error,
            value=self.hard_value + float(self.value.mean),
            value_se=float(self.value.standard_error),
            jacobian=None if self.jacobian is None else self.jacobian.mean,
            jacobian_se=None if self.jacobian is None else self.jacobian.standard_error,
            vjp=None if self.vjp is None else self.vjp.mean,
            vjp_se=None if self.vjp is None else self.vjp.standard_error,
            samples=self.mean.count,
            distinct=len(self.seen),
            clipped=self.clipped / (self.mean.count * len(self.theta)),
        )


def sample(
    solver: Solver,
    theta: FloatArray,
    noise: Noise,
    *,
    samples: int,
    rng: np.random.Generator,
    jacobian: bool = False,
    cotangent: FloatArray | None = None,
    control_variate: bool = True,
    target_se: float | None = None,
    progress: Progress = silent,
) -> PerturbedSample:
    """Draw and solve `samples` times, or until every standard error of the mean is at most target_se.

    theta: (d,) · cotangent: (d,) or None. Memory is a few arrays of rows_at_once * d, and of d * d with the Jacobian.
    """
    collector = _Collector(solver, theta, jacobian, cotangent, control_variate)
    done = 0
    while done < samples:
        rows = min(solver.rows_at_once, samples - done)
        collector.take(*noise.draw(rng, rows, len(theta)))
        done += rows
        worst = float(collector.mean.standard_error.max())
        progress(Step(done, samples, "samples", "max_se", worst))
        if target_se is not None and done >= _LEAST_SAMPLES and 0 < worst <= target_se:
            break
    return collector.result()
