"""Hard-margin classifiers of a Hilbert space, by the nearest point of a polytope to the origin.

The largest margin of a unit-norm f with margins y_i f(x_i) is gamma, gamma^2 = min over the simplex of p' G p with
G_ij = y_i y_j k(x_i, x_j); f = sum_i p_i y_i k(x_i, .) / gamma attains it. Any p gives bounds on both sides:
min_i (G p)_i / sqrt(p' G p) <= gamma <= sqrt(p' G p).

Method: a primal-dual interior point iteration (Mehrotra 1992), one Cholesky factorization each.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ldp_core.types import FloatArray

__all__ = ["HilbertMargin", "arc_cosine_kernel", "largest_margin"]

_MAX_ITERATIONS = 80
_NO_MARGIN = 1e-7
_RIDGE = 1e-13
"""Keeps the factorization alive where points repeat; it changes a step a little and the bounds not at all."""


@dataclass(frozen=True, eq=False)
class HilbertMargin:
    """lower <= gamma <= upper · p: (n,) dual weights, sum 1 · scale: largest |f(x)| of a unit-norm f at a point."""

    lower: float
    upper: float
    p: FloatArray
    scale: float

    @property
    def separable(self) -> bool:
        """Was a classifier found whose margin is more than rounding?"""
        return self.lower > _NO_MARGIN * self.scale


def arc_cosine_kernel(X: FloatArray, Z: FloatArray) -> FloatArray:
    """k(x, z) = E[(a.x)_+ (a.z)_+] for a ~ N(0, I): |x| |z| (sin t + (pi - t) cos t) / (2 pi), t the angle.

    (n, D), (m, D) -> (n, m). Source: Cho, Saul 2009, degree 1.
    """
    lengths = np.outer(np.linalg.norm(X, axis=1), np.linalg.norm(Z, axis=1))
    inner = X @ Z.T
    cosine = np.clip(np.divide(inner, lengths, out=np.zeros_like(inner), where=lengths > 0), -1, 1)
    angle = np.arccos(cosine)
    return np.asarray(lengths * (np.sqrt(1 - cosine * cosine) + (np.pi - angle) * cosine) / (2 * np.pi))


def largest_margin(G: FloatArray, *, tolerance: float, watch: Callable[[float], None]) -> HilbertMargin:
    """The margin and its dual weights. G: (n, n) positive semidefinite · tolerance: of upper / lower - 1, aimed at.

    watch gets the current upper bound at each iteration, and may raise to stop.
    """
    n = len(G)
    scale = float(np.max(np.diag(G))) or 1.0
    G = G / scale
    p = np.full(n, 1 / n)
    value = G @ p
    # multiplier and slacks of the starting point: G p - multiplier - s = 0 with s > 0
    multiplier = float(value.min()) - 1.0
    s = value - multiplier
    best = _bounds(G, p, scale)
    for _ in range(_MAX_ITERATIONS):
        watch(best.upper)
        if best.separable and best.upper - best.lower <= tolerance * best.upper:
            break
        if best.upper <= _NO_MARGIN * best.scale:
            break
        p, s, multiplier, mu = _step(G, p, s, multiplier)
        found = _bounds(G, p, scale)
        best = HilbertMargin(max(best.lower, found.lower), min(best.upper, found.upper), found.p, best.scale)
        if mu < 1e-17:
            break
    return best


def _bounds(G: FloatArray, p: FloatArray, scale: float) -> HilbertMargin:
    p = p / p.sum()
    value = G @ p
    norm, unit = float(np.sqrt(max(float(p @ value), 0.0))), float(np.sqrt(scale))
    lower = float(value.min()) / norm if norm > 0 else 0.0
    return HilbertMargin(lower * unit, norm * unit, p, unit)


def _step(
    G: FloatArray, p: FloatArray, s: FloatArray, multiplier: float
) -> tuple[FloatArray, FloatArray, float, float]:
    """One predictor-corrector step towards G p - multiplier - s = 0, sum p = 1, p s = 0."""
    n = len(p)
    matrix = G + np.diag(s / p + _RIDGE)
    factor = cho_factor(matrix, check_finite=False)
    by_one = cho_solve(factor, np.ones(n), check_finite=False)
    dual, primal = multiplier + s - G @ p, 1 - float(p.sum())

    def direction(target: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        # s dp + p ds = target, eliminated: (G + S/P) dp = dual + target / p + dm
        free = cho_solve(factor, dual + target / p, check_finite=False)
        change = (primal - float(free.sum())) / float(by_one.sum())
        dp = free + change * by_one
        return dp, (target - s * dp) / p, change

    mu = float(p @ s) / n
    dp, ds, _ = direction(-p * s)
    reach = min(_longest(p, dp), _longest(s, ds))
    ahead = float((p + reach * dp) @ (s + reach * ds)) / n
    dp, ds, dm = direction((ahead / mu) ** 3 * mu - p * s - dp * ds)
    reach = 0.995 * min(_longest(p, dp), _longest(s, ds))
    p, s = p + reach * dp, s + reach * ds
    return p, s, multiplier + reach * dm, float(p @ s) / n


def _longest(x: FloatArray, dx: FloatArray) -> float:
    """The longest step, at most 1, that keeps x + step dx >= 0."""
    falling = dx < 0
    return min(1.0, float(np.min(-x[falling] / dx[falling]))) if falling.any() else 1.0
