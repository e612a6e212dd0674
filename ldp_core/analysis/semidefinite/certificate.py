"""A lower bound of min <C, X> over positive semidefinite X with unit diagonal, that rounding cannot make wrong.

For every y, with S = C - Diag(y) and any l <= lambda_min(S):  <C, X> = sum y + <S, X> >= sum y + n l, since X has trace n.
So y need not be accurate, only l must be safe. Let u = 2^-53 and g_n = nu/(1 - nu).

1. T = fl(S - l0 I) differs from S - l0 I only on the diagonal, where two roundings make at most 2u (|S_ii| + |T_ii|) together.
2. Take any matrix L, here a computed Cholesky factor of T. LL' is exactly positive semidefinite, whatever rounding did to L.
3. The computed product P = fl(LL') is off by at most g_n |L||L'| in each entry, in whatever order its sums are taken (Higham 2002,
   eq. 3.13), and R = fl(T - P) by u|R|.

Hence lambda_min(S) >= l0 - |T - LL'|_2 - 2u max(|S_ii| + |T_ii|), and a symmetric matrix has no norm above its largest absolute row sum:

    l = l0 - (1 + 2u) max_i (sum_j |R_ij| + g_n (|L|(|L'|1))_i + 2u (|S_ii| + |T_ii|)),

where the bracket itself is computed from non-negative numbers with relative error at most g_{4n}; it is enlarged by twice that. Nothing is assumed
of the eigenvalue routine or of the Cholesky routine, only that matrix products are ordinary sums of products.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cholesky, eigh

from ldp_core.analysis.semidefinite.objectives import Objective
from ldp_core.analysis.semidefinite.unit_rows import row_dots
from ldp_core.types import FloatArray

__all__ = ["Certificate", "certify", "certify_with", "eigenvalue_floor", "lower_bound", "residual_norm", "sum_rounding"]

_U = 2.0**-53


@dataclass(frozen=True, eq=False)
class Certificate:
    """What a point X and its multipliers y prove about min phi.

    gap: no less than phi(X) - min phi · bound: no more than min <M, Y> over all feasible Y · lambda_min, direction: the smallest eigenvalue of S = M - Diag(y) as computed, and its unit vector ·
    eigenvalue_floor: no more than the true smallest eigenvalue.
    """

    y: FloatArray
    lambda_min: float
    direction: FloatArray  # (n,)
    eigenvalue_floor: float
    bound: float
    gap: float


def certify(objective: Objective, U: FloatArray) -> Certificate:
    """Bound how far phi(UU') is above its minimum, with the multipliers y = diag(MX) of U."""
    return certify_with(objective, U, row_dots(objective.slope(U) @ U, U))


def certify_with(objective: Objective, U: FloatArray, y: FloatArray) -> Certificate:
    """Bound how far phi(UU') is above its minimum, with any multipliers.

    phi is convex, so phi(Y) >= phi(X) + <M, Y - X> for all feasible Y, and gap = <M, X> - (sum y + n l). Errors of the computed M count twice,
    since no entry of Y - X is above 2.
    """
    M = objective.slope(U)
    S = M - np.diag(y)
    lowest, vector = eigh(S, subset_by_index=[0, 0])
    floor = eigenvalue_floor(S, float(lowest[0]))
    bound = lower_bound(y, floor)
    inner = float(row_dots(M @ U, U).sum()) + sum_rounding(M, U.shape[1]) + 2 * objective.slope_error(U)
    return Certificate(y, float(lowest[0]), vector[:, 0], floor, bound, inner - bound)


def lower_bound(y: FloatArray, floor: float) -> float:
    """sum y + n l, rounded down."""
    n = len(y)
    product = math.nextafter(n * floor, -math.inf)
    return math.nextafter(math.fsum([*y.tolist(), product]), -math.inf)


def eigenvalue_floor(S: FloatArray, guess: float) -> float:
    """A number that the smallest eigenvalue of S is not below; close to `guess` where that is a good guess.

    One rounding of each diagonal entry of S is counted.
    """
    n = len(S)
    # the Cholesky routine needs a little room: its own backward error is about n u trace
    room = 4 * (n + 2) * _U * max(float(np.abs(S.diagonal()).max()), abs(guess), float(np.finfo(np.float64).tiny))
    while True:
        shift = guess - room
        T = S - shift * np.eye(n)
        try:
            L = cholesky(T, lower=True, check_finite=False)
        except LinAlgError:
            room *= 4
            continue
        return math.nextafter(shift - residual_norm(S, T, L), -math.inf)


def residual_norm(S: FloatArray, T: FloatArray, L: FloatArray) -> float:
    """No less than the largest absolute row sum of S - shift I - LL'."""
    n = len(S)
    size = np.abs(L)
    g = n * _U / (1 - n * _U)
    products = g * (size @ (size.T @ np.ones(n)))
    residual = np.abs(T - L @ L.T).sum(axis=1)
    diagonal = 2 * _U * (np.abs(S.diagonal()) + np.abs(T.diagonal()))
    return float((residual + products + diagonal).max()) * (1 + 16 * (n + 4) * _U)


def sum_rounding(M: FloatArray, p: int) -> float:
    """No less than the error of a computed <M, UU'>, U of n unit rows in p dimensions, against that of the exactly normalised rows.

    Each |u_i . u_j| <= 1; normalising moves it by (p + 4)u, the two products and the outer sum by g of their lengths.
    """
    n = len(M)
    return 4 * (2 * n + 2 * p + 8) * _U * float(np.abs(M).sum())
