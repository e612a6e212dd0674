"""Matrices whose rows are unit vectors: the manifold on which X = UU' has a unit diagonal.

Notation: U: (n, p), rows of length 1 · D: (n, p), a tangent vector, each row orthogonal to that row of U.
"""

import numpy as np

from ldp_core.types import FloatArray

__all__ = [
    "gauge_dimension",
    "hessian_matrix",
    "numerical_rank",
    "principal_columns",
    "random_rows",
    "retract",
    "row_dots",
    "tangent_bases",
    "to_tangent",
]

_ZERO_COLUMN = 1e-5
"""A singular value below this share of the largest counts as zero."""


def row_dots(A: FloatArray, B: FloatArray) -> FloatArray:
    """Inner product of each row of A with the same row of B.  (n, p), (n, p) -> (n,)"""
    dots: FloatArray = np.einsum("ij,ij->i", A, B)
    return dots


def retract(V: FloatArray) -> FloatArray:
    """Each row divided by its length.

    >>> import numpy as np
    >>> retract(np.array([[3.0, 4.0]]))
    array([[0.6, 0.8]])
    """
    rows: FloatArray = V / np.sqrt(row_dots(V, V))[:, None]
    return rows


def to_tangent(U: FloatArray, V: FloatArray) -> FloatArray:
    """The nearest tangent vector at U to V: from each row the part along that row of U is taken away."""
    tangent: FloatArray = V - row_dots(U, V)[:, None] * U
    return tangent


def random_rows(n: int, p: int, rng: np.random.Generator) -> FloatArray:
    """Independent uniform unit rows.  (n, p)"""
    return retract(rng.standard_normal((n, p)))


def tangent_bases(U: FloatArray) -> FloatArray:
    """For each row an orthonormal basis of its complement.  (n, p - 1, p)

    The reflection that takes the first axis to plus or minus the row takes the other axes to such a basis.
    """
    n, p = U.shape
    mirrors = U.copy()
    mirrors[:, 0] += np.where(U[:, 0] >= 0, 1.0, -1.0)  # away from zero, so no cancellation
    mirrors = retract(mirrors)
    reflections = np.eye(p) - 2 * mirrors[:, :, None] * mirrors[:, None, :]
    bases: FloatArray = reflections[:, 1:, :]
    assert bases.shape == (n, p - 1, p)
    return bases


def hessian_matrix(S: FloatArray, U: FloatArray) -> FloatArray:
    """The form D -> 2<D, SD> on the tangent space at U, in orthonormal coordinates.  (n(p - 1), n(p - 1))"""
    bases = tangent_bases(U)
    n, free, _ = bases.shape
    flat = bases.reshape(n * free, -1)
    gram = (flat @ flat.T).reshape(n, free, n, free)
    hessian: FloatArray = (2 * S[:, None, :, None] * gram).reshape(n * free, n * free)
    return hessian


def gauge_dimension(p: int) -> int:
    """Directions in which a rotation of all rows moves U, and no value changes: p(p - 1)/2 where U has full rank."""
    return p * (p - 1) // 2


def numerical_rank(U: FloatArray) -> int:
    """Singular values that are not zero beside the largest."""
    values = np.linalg.svd(U, compute_uv=False)
    return int(np.sum(values > _ZERO_COLUMN * values[0]))


def principal_columns(U: FloatArray, columns: int) -> FloatArray:
    """U rotated to its main axes, of which so many are kept, and rows of length 1; zero columns where U has too few.  (n, columns)"""
    n, p = U.shape
    _, _, axes = np.linalg.svd(U, full_matrices=False)
    kept = (U @ axes.T)[:, : min(p, columns)]
    return retract(np.hstack([kept, np.zeros((n, columns - kept.shape[1]))]))
