"""The quadratic on which exact line search is as slow as it ever is on functions of that conditioning, in exact fractions.

f(x) = (mu x1^2 + L x2^2) / 2 from (1/mu, 1/L): every step multiplies x by (L - mu)/(L + mu) and turns the sign of x2, so values fall by
the square of that, the worst case of the class (de Klerk, Glineur, Taylor 2017). It zigzags as the square's path does, and converges.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ldp_core.types import FloatArray

__all__ = ["WorstQuadratic"]


@dataclass(frozen=True)
class WorstQuadratic:
    """0 < mu < L, exactly."""

    mu: Fraction
    L: Fraction

    @property
    def rate(self) -> Fraction:
        """((L - mu)/(L + mu))^2, by which values fall in each step."""
        return ((self.L - self.mu) / (self.L + self.mu)) ** 2

    @property
    def start(self) -> FloatArray:
        """(1/mu, 1/L)."""
        return np.array([float(1 / self.mu), float(1 / self.L)])

    def certificate(self) -> Mapping[str, bool]:
        """One exact step from the start, in fractions: f(x - t g) is least at t = g'g / g'Hg."""
        weights, x = (self.mu, self.L), (1 / self.mu, 1 / self.L)
        g = tuple(weight * z for weight, z in zip(weights, x, strict=True))
        t = sum(z * z for z in g) / sum(weight * z * z for weight, z in zip(weights, g, strict=True))
        y = tuple(z - t * slope for z, slope in zip(x, g, strict=True))
        factor = (self.L - self.mu) / (self.L + self.mu)
        values = [sum(weight * z * z for weight, z in zip(weights, point, strict=True)) for point in (x, y)]
        return {
            "step_reflects_and_shrinks": y == (factor * x[0], -factor * x[1]),
            "value_falls_by_worst_rate": values[1] == self.rate * values[0],
        }

    def value(self, x: FloatArray) -> float:
        """f(x).  (2,)"""
        return 0.5 * float(self._weights @ x**2)

    def gradient(self, x: FloatArray) -> FloatArray:
        """grad f(x).  (2,) -> (2,)"""
        gradient: FloatArray = self._weights * x
        return gradient

    @property
    def _weights(self) -> FloatArray:
        return np.array([float(self.mu), float(self.L)])
