"""The nearest correlation matrix in the Frobenius norm, by Newton's method on the dual.

min 1/2|X - G|^2 over positive semidefinite X with unit diagonal has the dual  min theta(y) = 1/2|(G + Diag y)_+|^2 - sum y, where A_+ keeps the
positive eigenvalues of A. theta is convex and once differentiable, with gradient diag((G + Diag y)_+) - 1, and its generalised Hessian is

    h -> diag(V (W o (V' Diag(h) V)) V'),  A = V Diag(l) V',  W_ij = (max(l_i, 0) - max(l_j, 0))/(l_i - l_j).

Newton with conjugate gradients converges quadratically (Qi and Sun 2006; Borsdorf and Higham 2010 for the diagonal preconditioner).
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from ldp_core.analysis.progress import Progress, Step
from ldp_core.analysis.semidefinite.unit_rows import retract, row_dots
from ldp_core.types import FloatArray

__all__ = ["Nearest", "nearest_correlation"]

_MOST_STEPS = 100
_MOST_INNER = 200
_SUFFICIENT = 1e-4
_ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class Nearest:
    """U: (n, r), unit rows, X = UU' · y: (n,), dual · steps: Newton steps · residual: |diag((G + Diag y)_+) - 1|."""

    U: FloatArray
    y: FloatArray
    steps: int
    residual: float


class _Dual:
    """theta, its gradient and its generalised Hessian at y."""

    def __init__(self, G: FloatArray, y: FloatArray) -> None:
        self.y = y
        self.values, self.V = eigh(G + np.diag(y), driver="evd", check_finite=False)
        positive = np.maximum(self.values, 0.0)
        self.theta = float(0.5 * positive @ positive - y.sum())
        self.factor: FloatArray = self.V[:, self.values > 0] * np.sqrt(self.values[self.values > 0])
        self.gradient: FloatArray = row_dots(self.factor, self.factor) - 1
        self.W = _divided_differences(self.values, positive)

    def hessian(self, h: FloatArray) -> FloatArray:
        inner = self.W * ((self.V.T * h) @ self.V)
        return row_dots(self.V @ inner, self.V)

    def diagonal(self) -> FloatArray:
        """Diagonal of the Hessian: sum_kl W_kl V_ik^2 V_il^2, kept away from zero."""
        squares = self.V**2
        return np.maximum(row_dots(squares @ self.W, squares), 1e-8)


def _divided_differences(values: FloatArray, positive: FloatArray) -> FloatArray:
    """(f(l_i) - f(l_j))/(l_i - l_j) for f(l) = max(l, 0), and f' where the two are equal; all within 0..1."""
    gaps = values[:, None] - values
    equal = np.abs(gaps) <= 1e-14 * max(1.0, float(np.abs(values).max()))
    slopes = np.broadcast_to((values > 0).astype(np.float64), gaps.shape)
    divided = np.where(equal, slopes, (positive[:, None] - positive) / np.where(equal, 1.0, gaps))
    W: FloatArray = np.clip(divided, 0.0, 1.0)
    return W


def nearest_correlation(G: FloatArray, tolerance: float, progress: Progress) -> Nearest:
    """The nearest correlation matrix to a symmetric G.

    tolerance: of the residual, relative to sqrt n. Stops earlier only where rounding leaves no descent.
    """
    n = len(G)
    goal = tolerance * np.sqrt(n)
    at = _Dual(G, 1 - G.diagonal())
    steps = 0
    for steps in range(_MOST_STEPS + 1):
        residual = float(np.linalg.norm(at.gradient))
        progress(Step(steps, _MOST_STEPS, "Newton steps", "residual", residual))
        if residual <= goal or steps == _MOST_STEPS:
            break
        following = _line_search(G, at, _newton_direction(at, residual))
        if following is None:
            break
        at = following
    return Nearest(_unit_factor(at), at.y, steps, float(np.linalg.norm(at.gradient)))


def _unit_factor(at: _Dual) -> FloatArray:
    """Rows of the factor of (G + Diag y)_+ brought to length one; X = UU' is feasible then, whatever the residual."""
    if at.factor.shape[1] == 0:
        return np.ones((len(at.y), 1))
    lengths = row_dots(at.factor, at.factor)
    empty = lengths <= 0
    factor = at.factor.copy()
    factor[empty, 0] = 1.0
    return retract(factor)


def _newton_direction(at: _Dual, residual: float) -> FloatArray:
    """-(V + eps I)^-1 gradient by conjugate gradients with the diagonal as preconditioner."""
    shift = min(1e-3, 0.1 * residual)
    goal = residual * min(0.1, residual)
    scale = at.diagonal() + shift
    step = np.zeros_like(at.y)
    r = -at.gradient
    z = r / scale
    d, rz = z, float(r @ z)
    for _ in range(_MOST_INNER):
        Hd = at.hessian(d) + shift * d
        length = rz / float(d @ Hd)
        step, r = step + length * d, r - length * Hd
        if float(np.linalg.norm(r)) <= goal:
            break
        z = r / scale
        rz, before = float(r @ z), rz
        d = z + (rz / before) * d
    return step


def _line_search(G: FloatArray, at: _Dual, direction: FloatArray) -> _Dual | None:
    """Armijo backtracking; None where no descent is left beyond rounding."""
    slope = float(at.gradient @ direction)
    rounding = _ROUNDING * max(1.0, abs(at.theta))
    length = 1.0
    for _ in range(30):
        trial = _Dual(G, at.y + length * direction)
        descends = trial.theta <= at.theta + _SUFFICIENT * length * slope
        # near the solution the decrease is below rounding, and the residual tells
        settles = abs(slope) <= rounding and np.linalg.norm(trial.gradient) < np.linalg.norm(at.gradient)
        if descends or settles:
            return trial
        length /= 2
    return None
