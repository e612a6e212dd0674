"""Exact expected ranks under noise: no sampling is ever needed, because ranks count pairs.

Notation: X_i = theta_i + xi_i · rank_i = 1 + #{j : X_j < X_i} · c_ij = Pr[X_i > X_j] · E rank_i = 1 + sum_{j != i} c_ij
    normal with covariance S: c_ij = Phi((theta_i - theta_j) / sd_ij), sd_ij^2 = S_ii + S_jj - 2 S_ij
    Gumbel of scale s: X_i - X_j is logistic, c_ij = 1 / (1 + exp(-(theta_i - theta_j) / s))
The greatest <y, X> over permutations y of 1..d is sum_i X_i + sum_{i < j} max(X_i, X_j).
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, ndtr

from ldp_core.analysis.perturbed.independent import ClosedForm
from ldp_core.analysis.perturbed.noise import EULER
from ldp_core.types import FloatArray

__all__ = ["gumbel_rank_law", "normal_rank_law"]


class _Pairs(NamedTuple):
    wins: FloatArray  # (d, d) c_ij
    slopes: FloatArray  # (d, d) density of X_i - X_j at 0
    larger: FloatArray  # (d, d) E max(X_i, X_j)


def _law(theta: FloatArray, mean: float, pairs: _Pairs) -> ClosedForm:
    wins, slopes, larger = (array.copy() for array in pairs)
    for array in (wins, slopes, larger):
        np.fill_diagonal(array, 0.0)
    value = float((theta + mean).sum() + larger.sum() / 2)
    return ClosedForm(1 + wins.sum(axis=1), value, np.diag(slopes.sum(axis=1)) - slopes)


def normal_rank_law(theta: FloatArray, covariance: FloatArray) -> ClosedForm:
    """Expected ranks, value and Jacobian for xi ~ N(0, covariance).  (d,), (d, d)

    E max(X, Y) = theta_x c + theta_y (1 - c) + sd phi(gap / sd)  (Clark 1961).
    """
    gap = theta[:, None] - theta[None, :]
    variances = np.diag(covariance)
    sd = np.sqrt(np.maximum(variances[:, None] + variances[None, :] - 2 * covariance, 0))
    np.fill_diagonal(sd, 1.0)
    sd = np.maximum(sd, 1e-300)
    z = gap / sd
    wins = ndtr(z)
    bell = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    larger = theta[:, None] * wins + theta[None, :] * (1 - wins) + sd * bell
    return _law(theta, 0.0, _Pairs(wins, bell / sd, larger))


def gumbel_rank_law(theta: FloatArray, scale: float) -> ClosedForm:
    """Expected ranks, value and Jacobian for independent Gumbel noise.  (d,)

    E max(X_i, X_j) = scale log(exp(theta_i / scale) + exp(theta_j / scale)) + scale * 0.5772.
    """
    wins = expit((theta[:, None] - theta[None, :]) / scale)
    larger = scale * np.logaddexp(theta[:, None] / scale, theta[None, :] / scale) + scale * EULER
    return _law(theta, scale * EULER, _Pairs(wins, wins * (1 - wins) / scale, larger))
