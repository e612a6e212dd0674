"""How strongly the likelihood curves where it curves least, in two geometries, from products alone.

Notation: H = Q' diag(w) Q with weights w of the messages · d: a change of p, which sums to 0
    tangent    least of d'Hd / d'd                 rules projected gradient steps; usually a few tenths for a private histogram
    relative   least of d'Hd / sum d_x^2/p_x       rules EM, mirror and softmax steps; 0 where some p_x is 0, for any channel
With e = d / sqrt(p) the second is the least of e' P^(1/2) H P^(1/2) e over e orthogonal to sqrt(p).
"""

from collections.abc import Callable

import numpy as np

from ldp_core.mechanisms.channel import Channel
from ldp_core.types import FloatArray, Frequencies

__all__ = ["extreme_tangent_curvatures", "relative_curvature"]

_DENSE = 200
"""Up to so many items every eigenvalue is found; beyond, the extreme ones by Lanczos' method, to a small share of the greatest."""

_TOLERANCE = 1e-6
_LANCZOS_VECTORS = 40
_RESTARTS = 60


def extreme_tangent_curvatures(channel: Channel, weights: FloatArray) -> tuple[float | None, float | None]:
    """The least and the greatest tangent curvature; None where Lanczos' method did not settle.  weights: (N,)"""
    k = channel.items
    normal = np.full(k, 1 / np.sqrt(k))
    scale = np.ones(k)
    return _extremes(channel, weights, scale, normal)


def relative_curvature(channel: Channel, weights: FloatArray, p: Frequencies) -> float | None:
    """The least curvature relative to the entropy at p; None where Lanczos' method did not settle.  weights: (N,), p: (k,)"""
    root = np.sqrt(p)
    return _extremes(channel, weights, root, root / np.linalg.norm(root))[0]


def _extremes(
    channel: Channel, weights: FloatArray, scale: FloatArray, normal: FloatArray
) -> tuple[float | None, float | None]:
    """Least and greatest eigenvalue of S H S on the vectors orthogonal to `normal`, S = diag(scale)."""

    def product(e: FloatArray) -> FloatArray:
        d = scale * _without(e, normal)
        return _without(scale * channel.adjoint(weights * channel.forward(d)), normal)

    k = channel.items
    if k <= _DENSE:
        matrix = np.array([product(e) for e in np.eye(k)])
        top = float(np.linalg.eigvalsh(matrix)[-1])
        # moved above all others, `normal` is not taken for the least
        least = float(np.linalg.eigvalsh(matrix + 2 * top * np.outer(normal, normal))[0])
    else:
        from scipy.sparse.linalg import ArpackNoConvergence

        try:
            top = _largest(product, normal)
            least = 2 * top - _largest(lambda e: 2 * top * _without(e, normal) - product(e), normal)
        except ArpackNoConvergence:
            return None, None
    return max(least, 0.0), top


def _largest(product: Callable[[FloatArray], FloatArray], normal: FloatArray) -> float:
    """The largest eigenvalue by Lanczos' method. Raises ArpackNoConvergence where it does not settle."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    k = len(normal)
    start = _without(np.random.default_rng(k).standard_normal(k), normal)
    operator = LinearOperator((k, k), matvec=lambda e: product(np.ravel(e)), dtype=np.float64)
    options = {"tol": _TOLERANCE, "ncv": _LANCZOS_VECTORS, "maxiter": _RESTARTS}
    return float(eigsh(operator, 1, which="LA", v0=start, return_eigenvectors=False, **options)[0])


def _without(e: FloatArray, normal: FloatArray) -> FloatArray:
    return e - (normal @ e) * normal
