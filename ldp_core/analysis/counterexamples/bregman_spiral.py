"""Bregman descent whose values go to the infimum while the iterates swing for ever, in closed form.

Notation
    h(x) = -beta log x1 + sqrt(1 + (x2 - m(x1))^2), m(x1) = A sin(w log x1), beta = 1.1 A w sqrt(1 + w^2), on x1 > 0:
    convex, because x1^2 |m''| <= A w sqrt(1 + w^2) < beta · f(x) = x1, step beta
    One step: grad h(x_{k+1}) = grad h(x_k) - beta grad f. The second coordinate says that r = x2 - m(x1) never changes; the first, with
    y = 1/x1 and s = r / sqrt(1 + r^2), that y (beta + s A w cos(w log y)) grows by beta.
    r = 0: x1 = 1/(1 + k) and x2 = -A sin(w log(1 + k)), which accumulates on the whole segment {0} x [-A, A].
Theory: Bolte, Pauwels 2022 (see `ldp_core.estimation.convergence`); this function is this project's.
"""

import math
from dataclasses import dataclass

import numpy as np

from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.types import FloatArray

__all__ = ["BregmanSpiral"]

_EVERY = 4096
_NEWTON = 60


@dataclass(frozen=True)
class BregmanSpiral:
    """The reference function and the start (1, m(1) + r). A > 0 · w > 0."""

    A: float
    w: float
    r: float = 0.0

    @property
    def beta(self) -> float:
        """Weight of the barrier, and the step."""
        return 1.1 * self.A * self.w * math.sqrt(1 + self.w**2)

    @property
    def tilt(self) -> float:
        """s A w."""
        return self.r / math.sqrt(1 + self.r**2) * self.A * self.w

    def middle(self, x1: FloatArray) -> FloatArray:
        """m(x1)."""
        swing: FloatArray = self.A * np.sin(self.w * np.log(x1))
        return swing

    def gradient_of_reference(self, x: FloatArray) -> FloatArray:
        """grad h.  (n, 2) -> (n, 2)"""
        u = x[:, 1] - self.middle(x[:, 0])
        s = u / np.sqrt(1 + u**2)
        slope = self.A * self.w * np.cos(self.w * np.log(x[:, 0])) / x[:, 0]  # m'
        return np.stack([-self.beta / x[:, 0] - s * slope, s], axis=1)

    def least_scaled_curvature(self, x: FloatArray) -> FloatArray:
        """The smaller eigenvalue of D Hess h D with D = diag(x1, sqrt(1 + u^2)^(3/2)): positive where h is convex.  (n, 2) -> (n,)

        With z = w log x1:  x1^2 h_11 = beta + (x1 m')^2 / c^3 - s x1^2 m'', x1 h_12 = -x1 m' / c^3, h_22 = 1 / c^3, c = sqrt(1 + u^2).
        """
        z = self.w * np.log(x[:, 0])
        u = x[:, 1] - self.middle(x[:, 0])
        c = np.sqrt(1 + u**2)
        first = self.A * self.w * np.cos(z)  # x1 m'
        second = -self.A * self.w * (self.w * np.sin(z) + np.cos(z))  # x1^2 m''
        h11, h12 = self.beta + first**2 / c**3 - u / c * second, -first / c**1.5
        middle, half = (h11 + 1) / 2, np.hypot((h11 - 1) / 2, h12)
        least: FloatArray = middle - half
        return least

    def run(self, steps: int, progress: Progress = silent) -> FloatArray:
        """x_0…x_steps.  -> (steps + 1, 2)"""
        y = np.empty(steps + 1)
        y[0] = 1.0
        level = self.beta + self.tilt
        for k in range(steps):
            if k % _EVERY == 0:
                progress(Step(k, steps, "steps", "f", 1 / float(y[k])))
            level += self.beta
            y[k + 1] = self._solve(level, float(y[k]) + 1) if self.tilt else y[k] + 1
        x1 = 1 / y
        return np.stack([x1, self.middle(x1) + self.r], axis=1)

    def _solve(self, level: float, y: float) -> float:
        """The y with y (beta + s A w cos(w log y)) = level, by Newton's method: the left side rises with a slope between constants."""
        for _ in range(_NEWTON):
            angle = self.w * math.log(y)
            inner = self.beta + self.tilt * math.cos(angle)
            better = y - (y * inner - level) / (inner - self.tilt * self.w * math.sin(angle))
            if abs(better - y) <= 1e-15 * y:
                return better
            y = better
        return y
