"""Bounds on D_t = f - min f that follow from how the gradient bounds D from above, and the rates that they predict.

    power       |g|^2 >= 2 mu D^alpha, f L-smooth, step eta <= 1/L:         D_{t+1} <= D_t - eta mu D_t^alpha
    noisy_pl    alpha = 1, gradients with noise of variance s^2, step
                (2t + 1) / (2 mu (t + 1)^2):                                E D_t <= L s^2 / (2 mu^2 t)
    separable   logistic loss of N points that a unit vector separates with
                margin g: |grad f| >= (g/N)(1 - e^(-N f)), step eta <= 1/L: u = N D, u_{t+1} <= u_t - (eta/2)(g^2/N)(1 - e^(-u_t))^2
    source      least squares flow, F = |r|^2 = sum r_i^2 with eigenvalues
                l_i and E = sum l_i^-s r_i^2 at the start:                  F(t) <= (F_0^(-1/s) + 2t / (s E^(1/s)))^(-s)
The first and third bound one step by D - (eta/2)|g|^2. The last has no spectral gap: E never grows, and Hoelder's inequality gives
sum l_i r_i^2 >= F^(1 + 1/s) / E^(1/s), which is the power condition with alpha = 1 + 1/s for dF/dt = -2 sum l_i r_i^2.
Sources: Polyak 1963; Karimi, Nutini, Schmidt 2016, for alpha = 1 and noisy_pl. The rest follows from the lines above.
"""

import math
from collections.abc import Callable

import numpy as np

from ldp_core.types import FloatArray

__all__ = [
    "gradient_descent_rate",
    "noisy_bound",
    "noisy_step",
    "power_bound",
    "separable_bound",
    "source_bound",
    "stochastic_rate",
]


def gradient_descent_rate(alpha: float) -> float | None:
    """The power of t that D falls like, -1/(alpha - 1). None where alpha <= 1: geometric or faster.

    >>> gradient_descent_rate(1.5), gradient_descent_rate(1.0)
    (-2.0, None)
    """
    return -1 / (alpha - 1) if alpha > 1 else None


def stochastic_rate(alpha: float) -> float:
    """The power of t that the mean of D falls like with steps t^(-alpha/(2 alpha - 1)): -1/(2 alpha - 1), -1 where alpha <= 1.

    >>> stochastic_rate(1.0), round(stochastic_rate(2.0), 4)
    (-1.0, -0.3333)
    """
    return -1 / (2 * max(alpha, 1.0) - 1)


def power_bound(times: FloatArray, *, first: float, alpha: float, mu: float, step: float) -> FloatArray:
    """The bound at whole times, D_0 = first at time 0; alpha >= 1.  (m,) -> (m,)

    >>> power_bound(np.array([0.0, 1, 2]), first=8.0, alpha=1.0, mu=0.5, step=1.0)
    array([8., 4., 2.])
    """
    # u - eta mu u^alpha falls beyond `peak`, where it must not be used as a bound for smaller u
    peak = (step * mu * alpha) ** (-1 / (alpha - 1)) if alpha > 1 else math.inf

    def after(u: float) -> float:
        u = min(u, peak)
        return max(u - step * mu * float(u**alpha), 0.0)

    return _iterated(times, first, after)


def separable_bound(times: FloatArray, *, first: float, margin: float, points: int, step: float) -> FloatArray:
    """The bound on f at whole times, f_0 = first.  (m,) -> (m,)"""
    pull = step / 2 * margin**2 / points
    return _iterated(times, points * first, lambda u: max(u - pull * (1 - math.exp(-u)) ** 2, 0.0)) / points


def _iterated(times: FloatArray, first: float, after: Callable[[float], float]) -> FloatArray:
    """`after` applied floor(t) times for every t of increasing times."""
    values, u, done = np.empty(len(times)), first, 0
    for i, t in enumerate(times):
        while done < int(t):
            u = after(u)
            done += 1
        values[i] = u
    return values


def noisy_step(t: int, mu: float) -> float:
    """The step of `noisy_bound` at time t."""
    return (2 * t + 1) / (2 * mu * (t + 1) ** 2)


def noisy_bound(times: FloatArray, *, mu: float, smoothness: float, variance: float) -> FloatArray:
    """L s^2 / (2 mu^2 t); infinite at 0.  (m,) -> (m,)"""
    with np.errstate(divide="ignore"):
        bound: FloatArray = smoothness * variance / (2 * mu**2 * times)
    return bound


def source_bound(times: FloatArray, *, first: float, order: float, energy: float) -> FloatArray:
    """(F_0^(-1/s) + 2t / (s E^(1/s)))^(-s), s = order, E = energy.  (m,) -> (m,)"""
    s = order
    bound: FloatArray = (first ** (-1 / s) + 2 * times / (s * energy ** (1 / s))) ** -s
    return bound
