"""Draws of the true frequencies given the estimates, under two priors.

flat   every frequency equally plausible: f_hat + noise. Right where the signal is strong; badly over-confident where it is
       weak, because the largest of many estimates is then the luckiest.
npmle  frequencies are spread as the estimates together make most likely (Kiefer & Wolfowitz 1956): each item's posterior
       is proportional to g(f) N(f_hat; f, sd(f)^2) on a grid. An estimate more than nine deviations above zero needs no
       prior and keeps its flat posterior.
"""

from typing import Protocol

import numpy as np

from ldp_core.analysis.perturbed.estimator_noise import EstimatorNoise
from ldp_core.estimation.empirical_bayes import fit_frequency_prior
from ldp_core.types import BoolArray, FloatArray, IntArray

__all__ = ["FlatPosterior", "FrequencyPosterior", "GridPosterior"]

_NEEDS_NO_PRIOR = 9.0  # deviations, as in the fit


class FrequencyPosterior(Protocol):
    """A law of the k true frequencies given their estimates."""

    def draw(self, rng: np.random.Generator, rows: int) -> FloatArray:
        """(rows, k)"""
        ...


class FlatPosterior:
    """N(frequencies, S) with S the variances (k,) of independent noise, or a covariance (k, k)."""

    def __init__(self, frequencies: FloatArray, spread: FloatArray) -> None:
        self._frequencies = frequencies
        self._root = np.sqrt(spread) if spread.ndim == 1 else _root(spread)

    def draw(self, rng: np.random.Generator, rows: int, items: BoolArray | None = None) -> FloatArray:
        """Of all items, or of those marked.  (rows, k) or (rows, marked)"""
        frequencies = self._frequencies if items is None else self._frequencies[items]
        return frequencies + self.noise(rng, rows, items)

    def noise(self, rng: np.random.Generator, rows: int, items: BoolArray | None = None) -> FloatArray:
        """Draws of N(0, S).  (rows, k) or (rows, marked)"""
        root = self._root if items is None else self._root[items]
        z = rng.standard_normal((rows, root.shape[-1]))
        return z * root if root.ndim == 1 else z @ root.T


def _root(covariance: FloatArray) -> FloatArray:
    """R with R R' = covariance, rounding below zero taken as zero.  (k, k)"""
    values, vectors = np.linalg.eigh(covariance)
    root: FloatArray = vectors * np.sqrt(np.maximum(values, 0))
    return root


class GridPosterior:
    """Independent posteriors on a common grid, spread evenly within its cells so that ties break at random."""

    def __init__(self, noise: EstimatorNoise, flat: FlatPosterior) -> None:
        estimate = noise.estimate
        base = float(np.mean(estimate.noise_variance))
        prior = fit_frequency_prior(estimate.frequencies, noise=base, slope=estimate.slope, n=estimate.n)
        self._flat, self._grid = flat, prior.grid
        self.prior_fit = prior.convergence
        self._step = float(prior.grid[1] - prior.grid[0])
        self.heavy: BoolArray = estimate.frequencies > _NEEDS_NO_PRIOR * np.sqrt(base / estimate.n)  # (k,)
        estimates = estimate.frequencies[~self.heavy]
        likelihood = _log_density(estimates, prior.grid, noise, np.flatnonzero(~self.heavy))
        cumulative = np.cumsum(_posteriors(likelihood, prior.weights), axis=1)
        cumulative /= cumulative[:, -1:]  # (light items, m)
        self._shelves = (cumulative + np.arange(len(cumulative))[:, None]).ravel()  # sorted, one unit for each item

    def draw(self, rng: np.random.Generator, rows: int) -> FloatArray:
        """(rows, k)"""
        light = int((~self.heavy).sum())
        cells = self._cells(rng.random((light, rows))).T
        frequencies = np.empty((rows, len(self.heavy)))
        frequencies[:, self.heavy] = self._flat.draw(rng, rows, self.heavy)
        frequencies[:, ~self.heavy] = self._grid[cells] + self._step * (rng.random((rows, light)) - 0.5)
        return frequencies

    def _cells(self, uniform: FloatArray) -> IntArray:
        """The first cell of each item whose cumulative probability exceeds each uniform.  (light items, rows)"""
        m, item = len(self._grid), np.arange(len(uniform))[:, None]
        found = np.searchsorted(self._shelves, uniform + item, side="right")
        cells: IntArray = np.minimum(found - m * item, m - 1)
        return cells


def _posteriors(log_likelihood: FloatArray, weights: FloatArray) -> FloatArray:
    """Each item's posterior, up to a factor, under the prior that the others make.  (b, m), (m,) -> (b, m)

    The most likely g is the mean of all posteriors under it. Taking an item's own posterior out and one spread evenly over
    the grid in gives the prior that knows nothing of that item; otherwise a lucky estimate vouches for itself.
    """
    if len(log_likelihood) == 0:
        return log_likelihood
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    posterior = likelihood * weights
    posterior /= np.maximum(posterior.sum(axis=1, keepdims=True), 1e-300)
    others = posterior.sum(axis=0) - posterior + 1 / len(weights)
    weighed: FloatArray = likelihood * np.maximum(others, 0)
    return weighed


def _log_density(estimates: FloatArray, grid: FloatArray, noise: EstimatorNoise, items: IntArray) -> FloatArray:
    """log N(f_hat; f, sd(f)^2) up to a constant.  (b,), (m,) -> (b, m)"""
    at = noise.estimate
    own = (
        at.noise_variance[items]
        if isinstance(at.noise_variance, np.ndarray)
        else np.full(len(items), at.noise_variance)
    )
    variances = np.maximum(own[:, None] + at.slope * grid, 0.05 * own[:, None]) / at.n
    density: FloatArray = -0.5 * (estimates[:, None] - grid) ** 2 / variances - 0.5 * np.log(variances)
    return density
