"""Descents on functions whose behaviour is known: powers, x^2 + 3 sin^2 x, separable logistic regression, least squares without a gap."""

import numpy as np
from scipy.special import expit

from ldp_core.types import FloatArray

Trace = tuple[FloatArray, FloatArray, FloatArray]
"""t, f, |g|."""


def power_descent(p: int, steps: int) -> Trace:
    """Gradient descent on |x|^p / p with step 0.5/(p - 1) from 1."""
    x, eta, xs = 1.0, 0.5 / (p - 1), np.empty(steps + 1)
    for t in range(steps + 1):
        xs[t] = x
        x -= eta * x ** (p - 1)
    return np.arange(steps + 1.0), xs**p / p, xs ** (p - 1)


def hilly(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """x^2 + 3 sin^2 x and its derivative."""
    return x**2 + 3 * np.sin(x) ** 2, 2 * x + 3 * np.sin(2 * x)


class SeparableLogistic:
    """Mean logistic loss of points in R^5 that the first axis separates with margin at least 0.3."""

    def __init__(self, points: int = 40, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(points, 5))
        labels = np.sign(X[:, 0])
        X[:, 0] += 0.3 * labels
        self.signed = X * labels[:, None]
        self.points = points
        self.margin = self._margin()
        self.step = 4 / float(np.linalg.eigvalsh(self.signed.T @ self.signed / points)[-1])  # 1/L

    def _margin(self) -> float:
        """The largest g with signed w >= g for some unit w: 1/|w| of the shortest w with signed w >= 1."""
        from scipy.optimize import minimize

        constraint = {"type": "ineq", "fun": lambda w: self.signed @ w - 1, "jac": lambda _: self.signed}
        start = np.eye(5)[0] / (self.signed[:, 0].min())
        best = minimize(lambda w: w @ w / 2, start, jac=lambda w: w, constraints=constraint, method="SLSQP", tol=1e-14)
        return float((self.signed @ best.x).min() / np.linalg.norm(best.x))

    def descend(self, steps: int) -> Trace:
        """Gradient descent from 0 with step 1/L."""
        w, f, norm = np.zeros(5), np.empty(steps + 1), np.empty(steps + 1)
        for t in range(steps + 1):
            z = self.signed @ w
            gradient = -(expit(-z) @ self.signed) / self.points
            f[t], norm[t] = np.mean(np.logaddexp(0, -z)), np.linalg.norm(gradient)
            w -= self.step * gradient
        return np.arange(steps + 1.0), f, norm


def gapless_flow(times: FloatArray) -> tuple[FloatArray, FloatArray, float]:
    """|r|^2 and (sum l r^2)^(1/2) along dr/dt = -l r, and E for s = 1; l_i = i^-2, r_i = l_i^(1/2) i^-0.6, 2000 modes."""
    i = np.arange(1, 2001.0)
    rates, first = i**-2, i**-1 * i**-0.6
    residuals = first * np.exp(-np.outer(times, rates))
    return (residuals**2).sum(axis=1), np.sqrt((rates * residuals**2).sum(axis=1)), float((first**2 / rates).sum())
