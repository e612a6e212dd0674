"""The population risk of erf attention in single-location regression, exactly.

Model: L tokens in R^d. A hidden position J0, uniform, holds X_J0 ~ N(D k*, g^2 I) with D = sqrt(d/2); every other token is N(0, I).
The outcome is Y = <X_J0, v*> + noise. The predictor T(X) = sum_l erf(lambda <X_l, k>) <X_l, v> has unit vectors k and v, and
k*, v* are orthonormal. Source: Marion, Berthier, Biau, Boyer 2024, arXiv 2410.01537, Theorem 1.

Notation
    kappa = <k,k*> · nu = <v,v*> · theta = <v,k*> · eta = <k,v*> · rho = <k,v>: the risk depends on these five alone
    l = lambda · g = gamma · s1 = 1 + 2 l^2 g^2 · s2 = 1 + 4 l^2 g^2 · u = l D kappa / sqrt(s1)
    e0, e1, e2, e3: erf and its derivatives at u
"""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import erf, owens_t

from ldp_core.types import FloatArray

__all__ = ["Overlaps", "PopulationRisk", "best_lambda", "erf_square_mean", "linear_best_excess", "oracle_floor"]

_TWO_OVER_ROOT_PI = 2 / math.sqrt(math.pi)


def erf_square_mean(t: FloatArray | float, g: float) -> FloatArray:
    """zeta(t, g) = E[erf(t + g G)^2] for a standard normal G, by Owen's T function.

    zeta(t, g) = 1 - 8 T(sqrt(2) t / sqrt(1 + 2 g^2), 1 / sqrt(1 + 4 g^2)). t: any shape · g >= 0.

    >>> round(float(erf_square_mean(0.5, 0.5)), 12)
    0.352725772359
    """
    return np.asarray(
        1 - 8 * owens_t(math.sqrt(2) * np.abs(t) / math.sqrt(1 + 2 * g * g), 1 / math.sqrt(1 + 4 * g * g))
    )


@dataclass(frozen=True)
class Overlaps:
    """The five inner products of one predictor or of several at once: numbers or arrays of one shape."""

    kappa: FloatArray
    nu: FloatArray
    theta: FloatArray
    eta: FloatArray
    rho: FloatArray


class PopulationRisk:
    """Excess risk (risk minus the variance of the noise) and its derivatives, at one lambda.

    d >= 2: token dimension · L >= 1: tokens · gamma > 0 · lam > 0: the inverse temperature lambda.
    """

    def __init__(self, d: int, L: int, gamma: float, lam: float) -> None:
        self.d, self.L, self.gamma, self.lam = d, L, gamma, lam
        self._D = math.sqrt(d / 2)
        lg2 = (lam * gamma) ** 2
        self._s1, self._s2 = 1 + 2 * lg2, 1 + 4 * lg2
        self._u_per_kappa = lam * self._D / math.sqrt(self._s1)

    @cached_property
    def _others(self) -> tuple[float, float, float]:
        """What the L - 1 noise tokens add: constant, factor of rho^2, and factor of rho E[S]."""
        lam, m = self.lam, self.L - 1
        spread = 1 + 2 * lam * lam
        one_token = 8 * lam**2 / (math.pi * math.sqrt(1 + 4 * lam**2) * spread)
        pairs = 4 * lam**2 * (m - 1) / (math.pi * spread)
        mean_slope = 2 * lam / math.sqrt(math.pi * spread)  # C = E[d erf(lambda G) / dG]
        return m * float(erf_square_mean(0.0, lam)), m * (one_token + pairs), 2 * m * mean_slope

    def excess(self, at: Overlaps) -> FloatArray:
        """g^2 - 2 E[cS] + E[S^2] plus the noise tokens' part.  (any shape) -> same"""
        lam, g, D, s1, s2 = self.lam, self.gamma, self._D, self._s1, self._s2
        root1, root2 = math.sqrt(s1), math.sqrt(s2)
        kappa, nu, theta, eta, rho = at.kappa, at.nu, at.theta, at.eta, at.rho
        u = self._u_per_kappa * kappa
        e0 = erf(u)
        e1 = _TWO_OVER_ROOT_PI * np.exp(-u * u)
        e2 = -2 * u * e1
        w = lam * math.sqrt(self.d) * kappa / root2
        lg = lam * g * g
        mean_cs = g * g * nu * e0 + lg * D * eta * theta * e1 / root1 + lg * lg * eta * rho * e2 / s1
        mean_s2 = (D * D * theta**2 + g * g) * erf_square_mean(lam * D * kappa, lam * g)
        mean_s2 = mean_s2 + 4 * lg * D / root1 * (theta * rho - lam * lg * rho**2 * kappa / s1) * erf(u / root2) * e1
        mean_s2 = mean_s2 + 4 * lg * lg * rho**2 / (math.sqrt(math.pi) * s1 * root2) * _TWO_OVER_ROOT_PI * np.exp(
            -w * w
        )
        mean_s = D * theta * e0 + lg * rho * e1 / root1
        constant, of_rho2, of_rho_s = self._others
        result = g * g - 2 * mean_cs + mean_s2 + constant + of_rho2 * rho**2 + of_rho_s * rho * mean_s
        return np.asarray(result)

    def gradient(self, at: Overlaps) -> Overlaps:
        """Partial derivatives of the excess with respect to the five inner products.  (any shape) -> five of the same"""
        lam, g, D, s1, s2 = self.lam, self.gamma, self._D, self._s1, self._s2
        root1, root2 = math.sqrt(s1), math.sqrt(s2)
        kappa, nu, theta, eta, rho = at.kappa, at.nu, at.theta, at.eta, at.rho
        c, lg, g2 = self._u_per_kappa, lam * g * g, g * g
        u = c * kappa
        e0 = erf(u)
        e1 = _TWO_OVER_ROOT_PI * np.exp(-u * u)
        e2 = -2 * u * e1
        e3 = (4 * u * u - 2) * e1
        near = erf(u / root2)
        near_slope = _TWO_OVER_ROOT_PI * np.exp(-u * u / s2) / root2  # d near / du
        w_per_kappa = lam * math.sqrt(self.d) / root2
        w = w_per_kappa * kappa
        peak = 4 * lg * lg / (math.sqrt(math.pi) * s1 * root2) * _TWO_OVER_ROOT_PI * np.exp(-w * w)
        cross = 4 * lg * D / root1
        twist = lam * lg / s1
        mixed = theta * rho - twist * rho**2 * kappa
        # d zeta(lam D kappa, lam g) / d kappa = lam D * 2 E[erf erf'] = 2 c erf'(u) erf(u / sqrt(s2))
        d_kappa = -2 * c * (g2 * nu * e1 + lg * D * eta * theta * e2 / root1 + lg * lg * eta * rho * e3 / s1)
        d_kappa = d_kappa + (D * D * theta**2 + g2) * 2 * c * e1 * near
        d_kappa = d_kappa + cross * (-twist * rho**2 * near * e1 + mixed * c * (near * e2 + e1 * near_slope))
        d_kappa = d_kappa - peak * rho**2 * 2 * w * w_per_kappa
        _, of_rho2, of_rho_s = self._others
        d_kappa = d_kappa + of_rho_s * rho * c * (D * theta * e1 + lg * rho * e2 / root1)
        d_nu = -2 * g2 * e0
        d_eta = -2 * (lg * D * theta * e1 / root1 + lg * lg * rho * e2 / s1)
        d_theta = -2 * lg * D * eta * e1 / root1 + 2 * D * D * theta * erf_square_mean(lam * D * kappa, lam * g)
        d_theta = d_theta + cross * rho * near * e1 + of_rho_s * rho * D * e0
        d_rho = -2 * lg * lg * eta * e2 / s1 + cross * (theta - 2 * twist * rho * kappa) * near * e1
        d_rho = d_rho + 2 * peak * rho + 2 * of_rho2 * rho
        d_rho = d_rho + of_rho_s * (D * theta * e0 + 2 * lg * rho * e1 / root1)
        return Overlaps(kappa=d_kappa, nu=d_nu, theta=d_theta, eta=d_eta, rho=d_rho)


def oracle_floor(d: int, L: int, gamma: float, lam: float) -> float:
    """F(lambda): the excess at the oracle point k = k*, v = v*. The least that recovery can reach at this lambda.

    >>> round(oracle_floor(400, 10, 0.5**0.5, 0.1), 10)
    0.113498083
    """
    one, zero = np.float64(1.0), np.float64(0.0)
    at = Overlaps(
        kappa=np.asarray(one), nu=np.asarray(one), theta=np.asarray(zero), eta=np.asarray(zero), rho=np.asarray(zero)
    )
    return float(PopulationRisk(d, L, gamma, lam).excess(at))


def linear_best_excess(L: int, gamma: float) -> float:
    """Excess of the best linear regressor of Y on all L d coordinates: g^2 - g^4 / (g^2 + L - 1). Proposition 3.

    >>> round(linear_best_excess(10, 0.5**0.5), 10)
    0.4736842105
    """
    g2 = gamma * gamma
    return g2 - g2 * g2 / (g2 + L - 1)


def best_lambda(d: int, L: int, gamma: float) -> tuple[float, float]:
    """The fixed lambda whose oracle excess is least, in 1e-6 … 1e4, and that excess.

    >>> [round(value, 3) for value in best_lambda(400, 10, 0.5**0.5)]
    [0.064, 0.067]
    """
    grid = np.linspace(math.log(1e-6), math.log(1e4), 93)
    values = [oracle_floor(d, L, gamma, math.exp(x)) for x in grid]
    lowest = int(np.argmin(values))
    bounds = (grid[max(lowest - 1, 0)], grid[min(lowest + 1, len(grid) - 1)])
    found = minimize_scalar(lambda x: oracle_floor(d, L, gamma, math.exp(x)), bounds=bounds, method="bounded")
    return math.exp(float(found.x)), float(found.fun)
