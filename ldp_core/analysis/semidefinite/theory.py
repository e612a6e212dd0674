"""Which ranks are safe: from which p on a second-order point is optimal, and below which a bad one can be built.

n unit rows in p dimensions, m = n constraints.
Safe: p(p + 1)/2 + p > n. Then for almost every C every second-order point is optimal. (Boumal, Voroninski and Bandeira 2016 need p(p + 1)/2 > n.
Where S has a negative eigenvector z, the directions zw' + UB have dimension p + p^2 > n + p(p - 1)/2, so one of them is tangent and no rotation.)
Unsafe: p(p + 1)/2 + p <= n. Then a set of C of positive measure has an optimum of rank one and a second-order point that is not optimal
(Waldspurger and Waters 2020). The two cases leave nothing between them.
"""

import math

from ldp_core.types import FloatArray

__all__ = ["benign_ratio", "guaranteed_rank", "is_guaranteed", "starting_rank"]


def is_guaranteed(n: int, p: int) -> bool:
    """Whether for almost every C all second-order points at rank p are optimal.

    >>> [is_guaranteed(n, 3) for n in (8, 9)]
    [True, False]
    """
    return p >= n or p * (p + 1) // 2 + p > n


def guaranteed_rank(n: int) -> int:
    """The least p that is guaranteed.

    >>> [guaranteed_rank(n) for n in (1, 2, 5, 9, 14, 20)]
    [1, 2, 3, 4, 5, 6]
    """
    return next(p for p in range(1, n + 1) if is_guaranteed(n, p))


def starting_rank(n: int) -> int:
    """The least p with p(p + 1)/2 > n is at most this: ceil(sqrt(2n)) + 1, and never more than n."""
    return min(n, math.isqrt(2 * n - 1) + 2)


def benign_ratio(eigenvalues: FloatArray) -> float | None:
    """lambda_n / lambda_2 of the optimal slack S where X has rank one: at ranks above it no second-order point is bad (Endor and Waldspurger 2024).

    eigenvalues: rising, (n,). None where a second eigenvalue is zero to rounding, so the ratio says nothing.

    >>> import numpy as np
    >>> benign_ratio(np.array([0.0, 1.0, 3.0]))
    3.0
    """
    if len(eigenvalues) < 2 or eigenvalues[1] <= 1e-9 * abs(eigenvalues[-1]):
        return None
    return float(eigenvalues[-1] / eigenvalues[1])
