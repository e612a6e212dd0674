"""What is minimised over X = UU': a linear function, or a weighted squared distance.

Both are convex functions phi of X. At X the slope M = phi'(X) gives everything that the solver and the certificate need:
y = diag(MX), S = M - Diag(y), gradient 2SU on unit rows, and a linear program min <M, Y> whose dual bounds phi from below.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import eigh

from ldp_core.analysis.semidefinite.unit_rows import row_dots
from ldp_core.types import FloatArray

__all__ = ["Linear", "Local", "Objective", "WeightedDistance"]


_U = 2.0**-53
_SMALL = 1e-6


Preconditioner = Callable[[FloatArray], FloatArray]


class Local(Protocol):
    """An objective near one point U."""

    @property
    def value(self) -> float:
        """phi(UU')."""
        ...

    @property
    def slope_rows(self) -> FloatArray:
        """MU.  (n, p)"""
        ...

    def second(self, D: FloatArray) -> FloatArray:
        """Derivative of MU in the direction D: MD + phi''[UD' + DU']U.  (n, p)"""
        ...

    def preconditioner(self) -> Preconditioner | None:
        """An approximate inverse of D -> SD + phi''[UD' + DU']U, symmetric and positive; None where the identity does."""
        ...


class Objective(Protocol):
    """A convex function of X with a positive semidefinite X of unit diagonal as argument."""

    @property
    def size(self) -> int:
        """n, rows of X."""
        ...

    def at(self, U: FloatArray) -> Local:
        """The objective near U."""
        ...

    def slope(self, U: FloatArray) -> FloatArray:
        """M = phi'(UU').  (n, n), symmetric"""
        ...

    def slope_error(self, U: FloatArray) -> float:
        """No less than the sum over all entries of |M as computed - M of the exactly normalised rows|."""
        ...


@dataclass(frozen=True, eq=False)
class Linear:
    """phi(X) = <C, X>, so M = C and phi'' = 0. C: (n, n), symmetric."""

    C: FloatArray

    @property
    def size(self) -> int:
        """n."""
        return len(self.C)

    def at(self, U: FloatArray) -> Local:
        """The objective near U."""
        return _LinearLocal(self.C, U, self.C @ U)

    def slope(self, U: FloatArray) -> FloatArray:  # noqa: ARG002 - the same wherever U is
        """C, wherever U is."""
        return self.C

    def slope_error(self, U: FloatArray) -> float:  # noqa: ARG002 - the same wherever U is
        """None: M is given."""
        return 0.0


@dataclass(frozen=True, eq=False)
class _LinearLocal:
    C: FloatArray
    U: FloatArray
    slope_rows: FloatArray

    @property
    def value(self) -> float:
        return float(row_dots(self.slope_rows, self.U).sum())

    def second(self, D: FloatArray) -> FloatArray:
        product: FloatArray = self.C @ D
        return product

    def preconditioner(self) -> None:
        return None


@dataclass(frozen=True, eq=False)
class WeightedDistance:
    """phi(X) = 1/2 sum H_ij (X_ij - G_ij)^2, so M = H o (X - G) and phi''[E] = H o E.

    G: (n, n), symmetric · H: (n, n), symmetric, no entry negative.
    """

    G: FloatArray
    H: FloatArray

    @property
    def size(self) -> int:
        """n."""
        return len(self.G)

    def at(self, U: FloatArray) -> Local:
        """The objective near U."""
        return _DistanceLocal(self.G, self.H, U)

    def slope(self, U: FloatArray) -> FloatArray:
        """H o (UU' - G)."""
        product = U @ U.T
        M: FloatArray = self.H * (0.5 * (product + product.T) - self.G)
        return M

    def slope_error(self, U: FloatArray) -> float:
        """Normalising and multiplying rows moves an entry of UU' by at most 2(p + 4)u, the difference and the weight add 2u(1 + |G_ij|)."""
        p = U.shape[1]
        return float((self.H * (4 * (p + 6) * _U * (1 + np.abs(self.G)))).sum())


class _DistanceLocal:
    def __init__(self, G: FloatArray, H: FloatArray, U: FloatArray) -> None:
        difference = U @ U.T - G
        self.H, self.U, self.M = H, U, H * difference
        self.value = float(0.5 * np.vdot(self.M, difference))
        self.slope_rows: FloatArray = self.M @ U

    def second(self, D: FloatArray) -> FloatArray:
        product = self.U @ D.T
        derivative: FloatArray = self.M @ D + (self.H * (product + product.T)) @ self.U
        return derivative

    def preconditioner(self) -> Preconditioner:
        """With row weights h, H is near hh', and in R = Diag(h)^-1/2 coordinates the Hessian is near D -> S'D + DU'U, S' = RSR.

        Both factors are diagonal in the eigenvectors Q of S' and W of U'U.
        """
        y = row_dots(self.slope_rows, self.U)
        h = np.maximum(self.H.mean(axis=1), _SMALL * self.H.mean())
        R = 1 / np.sqrt(h)[:, None]
        s, Q = eigh(R * (self.M - np.diag(y)) * R.T)
        sigma, W = eigh(self.U.T @ self.U)
        both = np.maximum(s, 0.0)[:, None] + np.maximum(sigma, 0.0)
        inverse = 1 / (both + _SMALL * both.max())

        def apply(V: FloatArray) -> FloatArray:
            product: FloatArray = R * (Q @ (inverse * (Q.T @ (R * V) @ W)) @ W.T)
            return product

        return apply
