"""Stochastic gradient descent in single-location regression, followed through five inner products in law.

A step sees a batch of fresh rows. Its gradients are sums of tokens, grad_k = sum c_bl X_bl and grad_v = sum e_bl X_bl with
c_bl = 2/B r_b lambda erf'(lambda <X_bl,k>) <X_bl,v>,  e_bl = 2/B r_b erf(lambda <X_bl,k>),  r_b = T(X_b) - Y_b.
All that c and e depend on are the tokens' coordinates in the span of k*, v*, k, v. What tokens have outside of it is independent of
that and Gaussian in d - 4 dimensions, so the two gradients' parts there, given c and e, have a Wishart matrix of inner products with scale
sum_bl s_l^2 (c, e)(c, e)', s the spread of a token. Four coordinates of each token and one 2 x 2 matrix say as much of a step as B L d numbers would.

Notation: as in `model` and `reduction`; B: rows of a batch. The located token is token 0: a sum over tokens does not know their order.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import erf

from ldp_core.analysis.single_location.model import Overlaps
from ldp_core.types import FloatArray

__all__ = ["LEAST_DIMENSION", "BatchModel", "stochastic_step"]

LEAST_DIMENSION = 6
"""Two dimensions outside the span, in which two gradients need not be parallel."""

_PARALLEL = 1e-12


@dataclass(frozen=True)
class BatchModel:
    """d: token dimension, 6 at least · L: tokens · gamma: spread of the located one · noise: deviation of the outcome's own noise · batch: B."""

    d: int
    L: int
    gamma: float
    noise: float
    batch: int


def stochastic_step(model: BatchModel, lam: float, at: Overlaps, alpha: float, rng: np.random.Generator) -> Overlaps:
    """Overlaps after k <- normalise(k - alpha (I - kk') grad_k) and the same for v, on one fresh batch each.  (runs,) each -> same"""
    k, v = _coordinates(at)
    by_k, by_v, outside = _gradients(model, lam, k, v, rng)
    k = k - alpha * (by_k - np.sum(k * by_k, axis=1, keepdims=True) * k)
    v = v - alpha * (by_v - np.sum(v * by_v, axis=1, keepdims=True) * v)
    square = alpha * alpha
    length_k = np.sqrt(np.sum(k * k, axis=1) + square * outside[0])
    length_v = np.sqrt(np.sum(v * v, axis=1) + square * outside[2])
    rho = (np.sum(k * v, axis=1) + square * outside[1]) / (length_k * length_v)
    return Overlaps(
        kappa=k[:, 0] / length_k, eta=k[:, 1] / length_k, theta=v[:, 0] / length_v, nu=v[:, 1] / length_v, rho=rho
    )


def _coordinates(at: Overlaps) -> tuple[FloatArray, FloatArray]:
    """k and v in an orthonormal basis that begins with k*, v* and the rest of k.  -> (runs, 4), (runs, 4)"""
    rest_k = np.sqrt(np.maximum(1 - at.kappa**2 - at.eta**2, 0))
    along = at.rho - at.kappa * at.theta - at.eta * at.nu
    third = np.divide(along, rest_k, out=np.zeros_like(along), where=rest_k > _PARALLEL)
    fourth = np.sqrt(np.maximum(1 - at.theta**2 - at.nu**2 - third**2, 0))
    zero = np.zeros_like(rest_k)
    return np.stack([at.kappa, at.eta, rest_k, zero], axis=1), np.stack([at.theta, at.nu, third, fourth], axis=1)


def _gradients(
    model: BatchModel, lam: float, k: FloatArray, v: FloatArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Both gradients inside the span, (runs, 4) each, and |k's|^2, product and |v's|^2 of their parts outside, (3, runs)."""
    runs, B, L = len(k), model.batch, model.L
    X = rng.standard_normal((runs, B * L, 4))
    located = X[:, ::L]  # the first token of each row, a view
    located *= model.gamma
    located[:, :, 0] += math.sqrt(model.d / 2)
    to_k, to_v = np.matmul(X, k[:, :, None])[:, :, 0], np.matmul(X, v[:, :, None])[:, :, 0]  # (runs, B L)
    attention = erf(lam * to_k)
    slope = (2 * lam / math.sqrt(math.pi)) * np.exp(-((lam * to_k) ** 2)) * to_v
    outcome = located[:, :, 1] + model.noise * rng.standard_normal((runs, B))
    residual = (2 / B) * ((attention * to_v).reshape(runs, B, L).sum(axis=2) - outcome)
    weights = np.stack([slope, attention], axis=1) * np.repeat(residual, L, axis=1)[:, None]  # (runs, 2, B L): c, e
    inside = np.matmul(weights, X)  # (runs, 2, 4)
    weights[:, :, ::L] *= model.gamma
    return inside[:, 0], inside[:, 1], _wishart(np.matmul(weights, weights.transpose(0, 2, 1)), model.d - 4, rng)


def _wishart(scale: FloatArray, freedom: int, rng: np.random.Generator) -> FloatArray:
    """The entries 11, 12, 22 of Wishart matrices, by Bartlett's decomposition.  (runs, 2, 2) -> (3, runs)"""
    first = np.sqrt(scale[:, 0, 0])
    across = np.divide(scale[:, 0, 1], first, out=np.zeros_like(first), where=first > 0)
    rest = np.sqrt(np.maximum(scale[:, 1, 1] - across**2, 0))
    length = np.sqrt(rng.chisquare(freedom, len(scale)))
    along = across * length + rest * rng.standard_normal(len(scale))
    beside = rest**2 * rng.chisquare(freedom - 1, len(scale))
    return np.stack([(first * length) ** 2, first * length * along, along**2 + beside])
