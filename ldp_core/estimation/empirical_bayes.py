"""Empirical Bayes: shrink each estimate by what all estimates together say about how frequencies are spread.

Notation
    f_hat: unbiased estimate of one item · sd(f) = sqrt((v + w f) / n): its standard deviation at frequency f
    g: a distribution of frequencies on a grid of f >= 0 · unit: sd(0), the noise of an item nobody holds
The nonparametric maximum likelihood g (Kiefer & Wolfowitz 1956) is found by expectation maximisation on binned
estimates; every item's estimate is then replaced by its posterior mean under g. Estimates far above the noise need
no prior and are left alone. Error falls most where most items are rare, which is the usual case; single heavy items
do not gain, and intervals must always come from the raw estimates.
"""

from typing import NamedTuple

import numpy as np

from ldp_core.estimation.convergence import Convergence, diagnose_convergence
from ldp_core.estimation.norm_sub import norm_sub
from ldp_core.types import FloatArray, Frequencies

__all__ = ["FrequencyPrior", "empirical_bayes", "fit_frequency_prior", "mixture_weights"]

_GRID_END = 12.0  # units
_GRID_STEP = 0.1
_LEFT_ALONE = 9.0  # estimates above this many units keep their value
_BIN = 0.05
_LOWEST = -8.0  # estimates further below zero than this share the lowest bin
_ITERATIONS = 2_000
_ENOUGH = 1e-10  # an iteration that raises the mean log likelihood by less ends the fit


class FrequencyPrior(NamedTuple):
    """A distribution of frequencies: `weights[i]` at `grid[i]`, both (m,), and the posterior mean at binned estimates.

    convergence: how the fit ended; its gap bounds the mean log likelihood above what was reached.
    """

    grid: FloatArray
    weights: FloatArray
    centres: FloatArray
    posterior_means: FloatArray
    convergence: Convergence


def fit_frequency_prior(frequencies: Frequencies, *, noise: float, slope: float, n: int) -> FrequencyPrior:
    """The maximum likelihood g from estimates below nine units.

    frequencies: (k,) unbiased · Var(f_hat) = (noise + slope f) / n.
    """
    unit = float(np.sqrt(noise / n))
    edges = np.arange(_LOWEST, _LEFT_ALONE + _BIN, _BIN)
    centres = (edges[:-1] + edges[1:]) / 2 * unit
    scaled = frequencies / unit
    counts, _ = np.histogram(np.maximum(scaled[scaled <= _LEFT_ALONE], _LOWEST), bins=edges)
    seen = counts > 0
    grid = np.arange(0.0, _GRID_END + _GRID_STEP / 2, _GRID_STEP) * unit  # (m,)
    density = _normal_density(centres, grid, np.sqrt(np.maximum(noise + slope * grid, 0.05 * noise) / n))
    weights, convergence = mixture_weights(density[seen], counts[seen])
    posterior = density * weights
    means = (posterior @ grid) / np.maximum(posterior.sum(axis=1), 1e-300)
    return FrequencyPrior(grid, weights, centres, means, convergence)


def _normal_density(x: FloatArray, means: FloatArray, deviations: FloatArray) -> FloatArray:
    """Up to a common factor.  (b,), (m,), (m,) -> (b, m)"""
    z = (x[:, None] - means) / deviations
    density: FloatArray = np.exp(-0.5 * z**2) / (deviations / deviations[0])
    return density


def mixture_weights(density: FloatArray, counts: FloatArray) -> tuple[FloatArray, Convergence]:
    """Maximum likelihood mixture weights by expectation maximisation.  (b, m), (b,) -> (m,)

    With g_j = sum_i shares_i density_ij / mixture_i a step is w <- w g. The log likelihood is concave and g its gradient with w . g = 1, so
    what is missing to the largest is at most max g - 1 (Lindsay 1983).
    """
    weights = np.full(density.shape[1], 1 / density.shape[1])
    if not counts.size:
        return weights, diagnose_convergence([0.0], [], gap=0.0)
    shares = counts / counts.sum()
    losses: list[float] = []
    steps: list[float] = []
    for _ in range(_ITERATIONS):
        mixture = np.maximum(density @ weights, 1e-300)
        losses.append(-float(shares @ np.log(mixture)))
        if len(losses) > 1 and losses[-2] - losses[-1] < _ENOUGH:
            break
        moved = weights * (density.T @ (shares / mixture))
        steps.append(float(np.linalg.norm(moved - weights)))
        weights = moved
    slopes = density.T @ (shares / np.maximum(density @ weights, 1e-300))
    return weights, diagnose_convergence(losses, steps, gap=max(0.0, float(slopes.max()) - 1))


def empirical_bayes(frequencies: Frequencies, *, noise: float, slope: float, n: int) -> tuple[Frequencies, Convergence]:
    """Posterior means under the fitted prior, then norm-sub, with how the fit of the prior ended.  (k,) -> (k,), non-negative, sum 1

    frequencies: unbiased estimates · Var(f_hat) = (noise + slope f) / n.
    """
    prior = fit_frequency_prior(frequencies, noise=noise, slope=slope, n=n)
    unit = float(np.sqrt(noise / n))
    shrunk = np.interp(frequencies, prior.centres, prior.posterior_means)
    return norm_sub(np.where(frequencies > _LEFT_ALONE * unit, frequencies, shrunk)), prior.convergence
