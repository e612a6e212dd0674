"""Sign vectors from a factor, and proof that one is the best of all 2^n.

The n signs s have X = ss', which is feasible, so min <C, X> <= min s'Cs.
"""

from dataclasses import dataclass

import numpy as np

from ldp_core.analysis.semidefinite.certificate import eigenvalue_floor, lower_bound, sum_rounding
from ldp_core.types import FloatArray

__all__ = ["SignCertificate", "best_signs", "certify_signs", "round_factor", "smallest_step"]

_ZERO = 1e-6
"""The smallest eigenvalue, zero for an optimum, may be this share of the second below zero for a proof to be tried."""


@dataclass(frozen=True, eq=False)
class SignCertificate:
    """What a sign vector proves about itself.

    value: s'Cs · y: s o Cs · rounding: no less than its error · bound: no more than the s'Cs of any signs · unique: whether every other s,
    up to -s, has a larger value.
    """

    value: float
    rounding: float
    y: FloatArray  # (n,)
    bound: float
    unique: bool


def round_factor(C: FloatArray, U: FloatArray, draws: int, rng: np.random.Generator) -> FloatArray:
    """The best of the signs of U g for so many Gaussian g, and of U's main axis (Goemans and Williamson 1995).  (n,)"""
    _, _, axes = np.linalg.svd(U, full_matrices=False)
    directions = np.hstack([axes[:1].T, rng.standard_normal((U.shape[1], draws))])
    return best_signs(C, np.where(U @ directions >= 0, 1.0, -1.0))


def best_signs(C: FloatArray, candidates: FloatArray) -> FloatArray:
    """The column with the least s'Cs, its first entry made positive.  (n, m) -> (n,)"""
    values = np.einsum("im,im->m", candidates, C @ candidates)
    column = candidates[:, int(np.argmin(values))]
    best: FloatArray = column * column[0]
    return best


def certify_signs(C: FloatArray, s: FloatArray) -> SignCertificate:
    """Bound all other signs by S = C - Diag(y), y = s o Cs, for which Ss = 0.

    For signs t:  t'Ct = sum y + t'St, and sum y = s'Cs. With k > 0 and m <= lambda_min(S + (k/n)ss'):
    t'St >= nm - k(s't)^2/n >= nm - k(n - 2)^2/n for every t but s and -s. If that is positive beyond rounding, s is the only optimum.
    k = lambda_2(S) makes m = k where S has no negative eigenvalue.
    """
    n = len(s)
    y = s * (C @ s)
    S = C - np.diag(y)
    eigenvalues = np.linalg.eigvalsh(S)
    rounding = sum_rounding(C, 1)
    bound = lower_bound(y, eigenvalue_floor(S, float(eigenvalues[0])))
    k = float(eigenvalues[1])
    unique = False
    if eigenvalues[0] > -_ZERO * k:
        lifted = S + (k / n) * np.outer(s, s)
        # two roundings in each entry of `lifted`, so a symmetric error of at most that absolute row sum
        error = 4 * 2.0**-53 * float((np.abs(S) + k / n).sum(axis=1).max())
        m = eigenvalue_floor(lifted, k) - error
        unique = bool(n * m - k * (n - 2) ** 2 / n > 4 * rounding)
    return SignCertificate(float(y.sum()), rounding, y, bound, unique)


def smallest_step(C: FloatArray) -> float:
    """Two values s'Cs differ by this at least, or not at all: 4 where the entries off the diagonal are whole numbers, else no more than 0.

    s'Cs = 1'C1 - 4 (weight between the groups).
    """
    off = C - np.diag(C.diagonal())
    return 4.0 if (off == np.floor(off)).all() and np.abs(C).sum() < 2.0**50 else 0.0
