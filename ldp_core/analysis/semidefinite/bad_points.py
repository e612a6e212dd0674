"""Second-order points that are not optimal: where a factor of too few columns gets stuck, built by hand.

Each family is C = base + t lift, with a factor U that is critical for every t: y = rowsum(CU o U), (C - Diag y)U = 0. The optimum lies at X = 11'.

Pentagon (n = 5, p = 2): U = (cos 2 pi i/5, sin 2 pi i/5), C circulant with eigenvalue 0 on constants, 1 on frequency 1, t on frequency 2.
U has value 5, the optimum is 0, and the Hessian at U has eigenvalues 0, t - 2 twice, t - 1 twice.

Drawn (any n >= 2p): unit rows U and weights d > 0 with U'd = 0; base = DU(U'DU)^-1 U'D with D = Diag(d), lift = P, the projector away from the span of
1 and U. Then CU = DU, so y = d, U is critical and has value sum d against the optimum 0. For t large the Hessian is positive, rotations apart, if only
rotations move U within that span, that is if (w, B) -> diag(Uw' + UBU'), B symmetric, is injective: the smallest singular value is the margin. It has
p(p + 1)/2 + p unknowns and n equations. This is the construction behind Waldspurger and Waters 2020 with the weights left free.

Doubled (n = 2p): C = [[M, M], [M, M]], M with diagonal 1 and -1/(p - 3/2) elsewhere, U = [I; -I] with value 0, optimum -4p/(2p - 3)
(O'Carroll, Srinivas and Vijayaraghavan 2022). No t; not generic, and at a rank far above the guarantee.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from ldp_core.analysis.semidefinite.unit_rows import random_rows, row_dots
from ldp_core.types import FloatArray

__all__ = ["BadFamily", "doubled", "drawn", "pentagon", "secant_margin"]

_BALANCED_DRAWS = 40
_MOST_DRAWS = 400
_LEAST_WEIGHT = 0.05
"""The smallest weight d over their mean: below it a draw is thrown away, for U would be close to having no such weights."""


@dataclass(frozen=True, eq=False)
class BadFamily:
    """base, lift: (n, n) · U: (n, p) · optimum: min <base + t lift, X>, which is reached at X = 11'."""

    base: FloatArray
    lift: FloatArray
    U: FloatArray
    optimum: float

    def cost(self, t: float) -> FloatArray:
        """C = base + t lift.  (n, n)"""
        C: FloatArray = self.base + t * self.lift
        return C

    @property
    def y(self) -> FloatArray:
        """Multipliers of U, whatever t is, for lift U = 0.  (n,)"""
        return row_dots(self.base @ self.U, self.U)

    @property
    def value(self) -> float:
        """<C, UU'>."""
        return float(self.y.sum())


def pentagon() -> BadFamily:
    """The regular pentagon, a strict minimum up to rotation exactly where t > 2."""
    angles = 2 * np.pi * np.arange(5) / 5
    difference = angles[:, None] - angles
    U = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return BadFamily(0.4 * np.cos(difference), 0.4 * np.cos(2 * difference), U, 0.0)


def doubled(p: int) -> BadFamily:
    """Every axis and its opposite, p >= 2."""
    M = np.full((p, p), -1 / (p - 1.5))
    np.fill_diagonal(M, 1.0)
    C = np.block([[M, M], [M, M]])
    return BadFamily(C, np.zeros_like(C), np.vstack([np.eye(p), -np.eye(p)]), -4 * p / (2 * p - 3))


def drawn(n: int, p: int, seed: int) -> BadFamily | None:
    """Of forty balanced draws the one with the largest margin; None where no draw had weights d > 0 with U'd = 0."""
    rng = np.random.default_rng(seed)
    balanced: list[tuple[float, FloatArray, FloatArray]] = []
    for _ in range(_MOST_DRAWS):
        U = random_rows(n, p, rng)
        d = _balancing_weights(U)
        if d is not None:
            balanced.append((secant_margin(U), U, d))
        if len(balanced) == _BALANCED_DRAWS:
            break
    if not balanced:
        return None
    _, U, d = max(balanced, key=lambda draw: draw[0])
    DU = d[:, None] * U
    base = DU @ np.linalg.solve(U.T @ DU, DU.T)
    span, _ = np.linalg.qr(np.hstack([np.ones((n, 1)), U]))
    return BadFamily((base + base.T) / 2, np.eye(n) - span @ span.T, U, 0.0)


def secant_margin(U: FloatArray) -> float:
    """Smallest singular value of (w, B) -> diag(Uw' + UBU'), w in R^p, B symmetric with the Frobenius norm; 0 where n is too small."""
    n, p = U.shape
    i, j = np.triu_indices(p)
    quadratic = U[:, i] * U[:, j] * np.where(i == j, 1.0, np.sqrt(2.0))
    if n < p + len(i):
        return 0.0
    return float(np.linalg.svd(np.hstack([U, quadratic]), compute_uv=False)[-1])


def _balancing_weights(U: FloatArray) -> FloatArray | None:
    """Weights of mean one with U'd = 0, the smallest as large as it can be; None where that is too small."""
    n, p = U.shape
    # unknowns (d, m): maximise m with d_i >= m
    found = linprog(
        np.r_[np.zeros(n), -1.0],
        A_ub=np.hstack([-np.eye(n), np.ones((n, 1))]),
        b_ub=np.zeros(n),
        A_eq=np.vstack([np.hstack([U.T, np.zeros((p, 1))]), np.r_[np.ones(n), 0.0]]),
        b_eq=np.r_[np.zeros(p), float(n)],
        bounds=[(0, None)] * (n + 1),
    )
    if not found.success or found.x[-1] < _LEAST_WEIGHT:
        return None
    d = found.x[:n]
    # the linear program balances to about 1e-9; the nearest exact balance is one projection away
    balanced: FloatArray = d - U @ np.linalg.solve(U.T @ U, U.T @ d)
    return balanced
