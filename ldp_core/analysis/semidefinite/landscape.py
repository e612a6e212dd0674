"""The Hessian at a bad point: its spectrum, and from which t on the point is a strict minimum up to rotation."""

import numpy as np
from scipy.linalg import eigh, eigvalsh, null_space

from ldp_core.analysis.semidefinite.bad_points import BadFamily
from ldp_core.analysis.semidefinite.unit_rows import gauge_dimension, hessian_matrix, tangent_bases
from ldp_core.types import FloatArray

__all__ = ["hessian_spectrum", "least_strict_t"]

_ZERO = 1e-9


def hessian_spectrum(family: BadFamily, t: float) -> FloatArray:
    """Eigenvalues of D -> 2<D, SD> on the tangent space at U, rising.  (n(p - 1),)"""
    spectrum: FloatArray = eigvalsh(hessian_matrix(family.cost(t) - np.diag(family.y), family.U))
    return spectrum


def least_strict_t(family: BadFamily) -> float | None:
    """The t above which U is a strict minimum up to rotation; None where no t is large enough.

    The Hessian is A + tK with K >= 0. Where K is positive across rotations, A + tK is exactly for t above the largest
    eigenvalue of -A relative to K.
    """
    across = null_space(_rotations(family.U).T, rcond=1e-10)
    A = across.T @ hessian_matrix(family.base - np.diag(family.y), family.U) @ across
    K = across.T @ hessian_matrix(family.lift, family.U) @ across
    if not K.size or eigvalsh(K)[0] <= _ZERO:
        return None
    return float(eigh(-A, K, eigvals_only=True)[-1])


def _rotations(U: FloatArray) -> FloatArray:
    """The directions UW, W antisymmetric, in the coordinates of `hessian_matrix`.  (n(p - 1), p(p - 1)/2)"""
    n, p = U.shape
    bases = tangent_bases(U)
    i, j = np.triu_indices(p, 1)
    turned = np.zeros((len(i), n, p))
    pairs = np.arange(len(i))
    turned[pairs, :, j], turned[pairs, :, i] = U.T[i], -U.T[j]
    directions: FloatArray = np.einsum("nap,knp->nak", bases, turned).reshape(n * (p - 1), gauge_dimension(p))
    return directions
