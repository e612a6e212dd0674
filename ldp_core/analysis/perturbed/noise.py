"""The noises that perturb an optimizer's input.

Notation
    xi = s Z: displacement added to theta, (rows, d) · -log density of xi: nu(xi / s) + constant
    score: gradient of -log density at xi, so that d/dtheta E[g(theta + xi)] = E[g(theta + xi) score']
Berthet et al. 2020, "Learning with Differentiable Perturbed Optimizers", Prop. 3.1.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from ldp_core.analysis.errors import AnalysisError
from ldp_core.types import FloatArray

__all__ = ["EULER", "CovarianceNoise", "GumbelNoise", "Noise", "NormalNoise"]

EULER = 0.5772156649015329
"""Mean of a standard Gumbel variable."""

_ROUNDING = 1e-9  # eigenvalues above -_ROUNDING times the largest count as zero


class Noise(Protocol):
    """A law of displacements with a density."""

    @property
    def kind(self) -> str:
        """gumbel, normal or covariance."""
        ...

    @property
    def mean(self) -> float:
        """Mean of each displacement."""
        ...

    def draw(self, rng: np.random.Generator, rows: int, size: int) -> tuple[FloatArray, FloatArray]:
        """Displacements and their scores, both (rows, size)."""
        ...

    def contrast_variance(self, direction: FloatArray) -> float:
        """Variance of <direction, xi>."""
        ...


def _checked_scale(sigma: float) -> float:
    if not 0 < sigma < np.inf:
        raise AnalysisError(f"sigma must be a positive number, got {sigma!r}", code="sigma_not_positive", field="noise")
    return float(sigma)


@dataclass(frozen=True)
class GumbelNoise:
    """Independent sigma * Gumbel(0, 1), mean sigma * 0.5772 (not centred); score (1 - exp(-xi/sigma)) / sigma."""

    sigma: float
    kind = "gumbel"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", _checked_scale(self.sigma))

    @property
    def mean(self) -> float:
        """Euler's constant times sigma."""
        return self.sigma * EULER

    def draw(self, rng: np.random.Generator, rows: int, size: int) -> tuple[FloatArray, FloatArray]:
        """If X is standard exponential then -log X is Gumbel, and its score is 1 - X."""
        exponential = rng.standard_exponential((rows, size))
        np.maximum(exponential, np.finfo(np.float64).tiny, out=exponential)
        return -self.sigma * np.log(exponential), (1 - exponential) / self.sigma

    def contrast_variance(self, direction: FloatArray) -> float:
        """sigma^2 pi^2 / 6 |direction|^2."""
        return float(self.sigma**2 * np.pi**2 / 6 * (direction @ direction))


@dataclass(frozen=True)
class NormalNoise:
    """Independent N(0, sigma^2); score xi / sigma^2."""

    sigma: float
    kind = "normal"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", _checked_scale(self.sigma))

    @property
    def mean(self) -> float:
        """Zero."""
        return 0.0

    def draw(self, rng: np.random.Generator, rows: int, size: int) -> tuple[FloatArray, FloatArray]:
        """Normal displacements and xi / sigma^2."""
        z = rng.standard_normal((rows, size))
        return self.sigma * z, z / self.sigma

    def contrast_variance(self, direction: FloatArray) -> float:
        """sigma^2 |direction|^2."""
        return float(self.sigma**2 * (direction @ direction))


@dataclass(frozen=True, eq=False)
class CovarianceNoise:
    """N(0, matrix), matrix (d, d) symmetric and positive semi-definite; score matrix^{-1} xi.

    Raises AnalysisError `covariance_not_symmetric` or `covariance_not_psd`.
    """

    matrix: FloatArray
    kind = "covariance"

    def __post_init__(self) -> None:
        matrix = np.asarray(self.matrix, dtype=np.float64)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not np.isfinite(matrix).all():
            raise AnalysisError(
                f"the covariance must be a finite square matrix, got shape {matrix.shape}",
                code="covariance_not_square",
                field="noise",
            )
        if np.abs(matrix - matrix.T).max() > 1e-9 * max(np.abs(matrix).max(), 1e-300):
            raise AnalysisError("the covariance must be symmetric", code="covariance_not_symmetric", field="noise")
        object.__setattr__(self, "matrix", (matrix + matrix.T) / 2)
        values = self._eigen[0]
        if not values[-1] > 0 or values[0] < -_ROUNDING * values[-1]:
            raise AnalysisError(
                f"the covariance must be positive semi-definite and not zero; its eigenvalues go from {values[0]:.3g} to "
                f"{values[-1]:.3g}",
                code="covariance_not_psd",
                field="noise",
            )

    @cached_property
    def _eigen(self) -> tuple[FloatArray, FloatArray]:
        values, vectors = np.linalg.eigh(self.matrix)
        return values, vectors

    @property
    def mean(self) -> float:
        """Zero."""
        return 0.0

    @property
    def has_density(self) -> bool:
        """Is the matrix invertible, as derivatives need?"""
        values = self._eigen[0]
        return bool(values[0] > _ROUNDING * values[-1])

    def draw(self, rng: np.random.Generator, rows: int, size: int) -> tuple[FloatArray, FloatArray]:  # noqa: ARG002 - the matrix says it
        """With matrix = Q diag(l) Q' and standard normal z: xi = Q sqrt(l) z and score = Q z / sqrt(l).

        Without a density the score is that within the range of the matrix.
        """
        values, vectors = self._eigen
        kept = values > _ROUNDING * values[-1]
        roots, basis = np.sqrt(values[kept]), vectors[:, kept]
        z = rng.standard_normal((rows, int(kept.sum())))
        return (z * roots) @ basis.T, (z / roots) @ basis.T

    def contrast_variance(self, direction: FloatArray) -> float:
        """direction' matrix direction."""
        return float(direction @ self.matrix @ direction)
