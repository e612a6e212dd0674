"""Second-order points of an objective on unit rows, by a Riemannian trust region.

Absil, Baker and Gallivan 2007; the model is minimised by truncated conjugate gradients (Steihaug 1983, Toint 1981), and the retraction
divides rows by their length. Directions of negative curvature are followed to the edge of the region, so a saddle is left.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ldp_core.analysis.semidefinite.objectives import Local, Objective
from ldp_core.analysis.semidefinite.unit_rows import retract, row_dots, to_tangent
from ldp_core.types import FloatArray

__all__ = ["Iterate", "Watch", "minimise"]

Watch = Callable[[int, float], None]
"""Told the iteration and the gradient norm."""

_ACCEPT = 0.1
_KAPPA, _THETA = 0.1, 1.0
"""The inner residual falls below |r0| min(kappa, |r0|^theta): quadratic convergence near a nondegenerate minimum."""

_ROUNDING = 100 * float(np.finfo(np.float64).eps)
"""Decreases below this share of |value| are rounding."""

_FLAT = 1e-12
"""Curvature within this of zero is rounding, for objectives whose Hessian has norm about one."""

_SMALLEST_RADIUS = 1e-14


@dataclass(frozen=True, eq=False)
class Iterate:
    """Where the descent stopped: factor, value, gradient norm, and outer iterations taken."""

    U: FloatArray
    value: float
    gradient_norm: float
    iterations: int


class _Point:
    """Gradient and Hessian at U: y = rowsum(MU o U), gradient 2(MU - yU), Hessian D -> 2 P(second(D) - yD)."""

    def __init__(self, objective: Objective, U: FloatArray) -> None:
        self.U = U
        self.local: Local = objective.at(U)
        self.value = self.local.value
        self.y = row_dots(self.local.slope_rows, U)[:, None]
        self.gradient: FloatArray = 2 * (self.local.slope_rows - self.y * U)

    def hessian(self, D: FloatArray) -> FloatArray:
        return 2 * to_tangent(self.U, self.local.second(D) - self.y * D)

    def preconditioner(self) -> Callable[[FloatArray], FloatArray]:
        apply = self.local.preconditioner()
        return (lambda V: V) if apply is None else (lambda V: to_tangent(self.U, apply(V)))


def minimise(
    objective: Objective, U: FloatArray, gradient_tolerance: float, most_iterations: int, watch: Watch
) -> Iterate:
    """Descend from U until the gradient norm is at most the tolerance, or rounding leaves no descent.

    The objective should be scaled so that its Hessian has norm about one.
    """
    widest = math.sqrt(U.size)
    radius = widest / 8
    point = _Point(objective, U)
    for iteration in range(most_iterations + 1):
        norm = float(np.linalg.norm(point.gradient))
        watch(iteration, norm)
        if norm <= gradient_tolerance or iteration == most_iterations or radius < _SMALLEST_RADIUS:
            break
        step, decrease, on_edge = _model_minimum(point, norm, radius)
        trial = _Point(objective, retract(point.U + step))
        ratio = _ratio(point, trial, decrease)
        if ratio < 0.25:
            radius /= 4 if ratio > 0 else 16
        elif ratio > 0.75 and on_edge:
            radius = min(2 * radius, widest)
        if ratio > _ACCEPT:
            point = trial
    return Iterate(point.U, point.value, norm, iteration)


def _ratio(point: _Point, trial: _Point, decrease: float) -> float:
    """Achieved decrease over the decrease that the model promises; where rounding hides both, the gradient norm decides."""
    if decrease > _ROUNDING * abs(point.value):
        return (point.value - trial.value) / decrease
    return 1.0 if np.linalg.norm(trial.gradient) < np.linalg.norm(point.gradient) else 0.0


def _model_minimum(point: _Point, norm: float, radius: float) -> tuple[FloatArray, float, bool]:
    """Step, decrease that the quadratic model promises, and whether the step ends on the edge of the region.

    Lengths are in the norm |D|_K of the preconditioner's inverse K, which is the ordinary one where there is none.
    """
    precondition = point.preconditioner()
    step = np.zeros_like(point.U)
    curved = np.zeros_like(point.U)  # Hessian of the step
    residual, z = point.gradient, precondition(point.gradient)
    direction = -z
    rz = float(np.vdot(residual, z))
    d2, sd, s2 = rz, 0.0, 0.0
    goal = norm * min(_KAPPA, norm**_THETA)
    on_edge = False
    for _ in range(point.U.size):
        Hd = point.hessian(direction)
        curvature = float(np.vdot(direction, Hd))
        if s2 > 0 and abs(curvature) <= _FLAT * d2:
            break
        length = rz / curvature if curvature > 0 else math.inf
        if curvature <= 0 or s2 + 2 * length * sd + length**2 * d2 >= radius**2:
            length = (-sd + math.sqrt(sd**2 + d2 * (radius**2 - s2))) / d2
            on_edge = True
        step, curved = step + length * direction, curved + length * Hd
        if on_edge:
            break
        s2, sd_next = s2 + 2 * length * sd + length**2 * d2, sd + length * d2
        residual = residual + length * Hd
        if float(np.linalg.norm(residual)) <= goal:
            break
        z = precondition(residual)
        rz_next = float(np.vdot(residual, z))
        beta = rz_next / rz
        direction = beta * direction - z
        # <s, d> and |d|^2 in the norm by recurrence, since the residual is orthogonal to the earlier directions
        sd, d2, rz = beta * sd_next, rz_next + beta**2 * d2, rz_next
    decrease = -float(np.vdot(step, point.gradient)) - 0.5 * float(np.vdot(step, curved))
    return step, decrease, on_edge
