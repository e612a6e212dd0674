"""One attention head with a linear read-out, fitted by variable projection.

Predictor: f(X) = b + <w, sum_l s_l X_l>, where the weights s of a row's tokens are softmax_l(lambda <X_l, u>) or
erf(lambda <X_l, u>) and |u| = 1. For a given direction u the best w and b solve a ridge regression, so only u is searched;
by the envelope theorem the derivative with respect to u may treat w and b as constants.

Notation: X: (n, L, d) tokens · y: (n,) · u: (d,) · lam = lambda · P: (n, d) pooled tokens · w: (d,) · b: number.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize
from scipy.special import erf

from ldp_core.types import FloatArray

__all__ = ["ATTENTIONS", "AttentionFit", "attention_weights", "fit_direction", "predict", "profile_loss"]

ATTENTIONS = ("softmax", "erf")

_MAX_ITERATIONS = 60


@dataclass(frozen=True)
class AttentionFit:
    """A fitted head. attention: softmax or erf · lam: lambda · u: (d,) unit direction · w: (d,) read-out · intercept: b.

    loss: ridge objective at the end · evaluations: of the objective.
    """

    attention: str
    lam: float
    u: FloatArray
    w: FloatArray
    intercept: float
    loss: float
    evaluations: int


def attention_weights(X: FloatArray, u: FloatArray, lam: float, attention: str) -> FloatArray:
    """Weight of each token.  (n, L, d), (d,) -> (n, L). Softmax weights are positive with sum 1, erf weights lie in -1..1."""
    scores = lam * (X @ u)
    if attention == "erf":
        return np.asarray(erf(scores))
    scores -= scores.max(axis=1, keepdims=True)
    weights = np.exp(scores)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _pool(X: FloatArray, weights: FloatArray) -> FloatArray:
    return np.asarray((weights[:, None, :] @ X)[:, 0, :])


def predict(fit: AttentionFit, X: FloatArray) -> FloatArray:
    """f(X) of each row.  (n, L, d) -> (n,)"""
    weights = attention_weights(X, fit.u, fit.lam, fit.attention)
    return np.asarray(fit.intercept + np.einsum("nl,nl->n", weights, X @ fit.w))


def _readout(P: FloatArray, y: FloatArray, ridge: float) -> tuple[FloatArray, float]:
    """w, b that minimise mean((y - P w - b)^2) + ridge |w|^2."""
    centre, y_mean = P.mean(axis=0), float(y.mean())
    gram = P.T @ P / len(y) - np.outer(centre, centre)
    gram[np.diag_indices_from(gram)] += ridge
    w = cho_solve(cho_factor(gram, check_finite=False), P.T @ y / len(y) - centre * y_mean, check_finite=False)
    return w, y_mean - float(centre @ w)


def profile_loss(
    X: FloatArray, y: FloatArray, u: FloatArray, lam: float, attention: str, ridge: float
) -> tuple[float, FloatArray, FloatArray, float]:
    """min over w, b of mean((y - f)^2) + ridge |w|^2, its gradient with respect to u, and the w and b that attain it.

    ridge > 0 keeps the solution unique.
    """
    weights = attention_weights(X, u, lam, attention)
    w, b = _readout(_pool(X, weights), y, ridge)
    values = X @ w  # (n, L)
    pooled = np.einsum("nl,nl->n", weights, values)
    residual = y - pooled - b
    if attention == "softmax":
        slope = weights * (values - pooled[:, None])
    else:
        slope = 2 / np.sqrt(np.pi) * np.exp(-np.square(lam * (X @ u))) * values
    by_score = (-2 * lam / len(y)) * residual[:, None] * slope
    gradient = by_score.ravel() @ X.reshape(-1, X.shape[2])
    return float(residual @ residual) / len(y) + ridge * float(w @ w), gradient, w, b


def fit_direction(
    X: FloatArray,
    y: FloatArray,
    start: FloatArray,
    *,
    lam: float,
    attention: str,
    ridge: float,
    watch: Callable[[], None],
) -> AttentionFit:
    """Search the direction by L-BFGS-B from `start`, at most 60 iterations.

    X: (n, L, d) · y: (n,) · start: (d,), not zero. watch is called before each evaluation and may raise to stop.
    The objective is taken at z / |z|, so the search is free of constraints and its gradient is tangent to the sphere.
    """

    def objective(z: FloatArray) -> tuple[float, FloatArray]:
        watch()
        length = float(np.linalg.norm(z))
        u = z / length
        loss, gradient, _, _ = profile_loss(X, y, u, lam, attention, ridge)
        return loss, (gradient - (gradient @ u) * u) / length

    found = minimize(
        objective, start / np.linalg.norm(start), jac=True, method="L-BFGS-B", options={"maxiter": _MAX_ITERATIONS}
    )
    u = found.x / np.linalg.norm(found.x)
    loss, _, w, b = profile_loss(X, y, u, lam, attention, ridge)
    return AttentionFit(attention, lam, u, w, b, loss, int(found.nfev) + 1)
