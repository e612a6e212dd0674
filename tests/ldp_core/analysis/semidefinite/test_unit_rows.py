"""Geometry of unit rows."""

import numpy as np
import pytest

from ldp_core.analysis.semidefinite.unit_rows import (
    gauge_dimension,
    hessian_matrix,
    numerical_rank,
    principal_columns,
    random_rows,
    retract,
    row_dots,
    tangent_bases,
    to_tangent,
)

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("n", "p"), [(1, 1), (4, 1), (5, 2), (7, 4)])
def test_bases_span_the_complement_of_each_row(n: int, p: int) -> None:
    U = random_rows(n, p, RNG)
    bases = tangent_bases(U)
    assert bases.shape == (n, p - 1, p)
    np.testing.assert_allclose(np.einsum("nap,np->na", bases, U), 0, atol=1e-15)
    gram = np.einsum("nap,nbp->nab", bases, bases)
    np.testing.assert_allclose(gram, np.broadcast_to(np.eye(p - 1), gram.shape), atol=1e-14)


def test_projection_to_the_tangent_space_is_orthogonal() -> None:
    U, V, W = (random_rows(6, 3, RNG) for _ in range(3))
    tangent = to_tangent(U, V)
    np.testing.assert_allclose(row_dots(tangent, U), 0, atol=1e-15)
    np.testing.assert_allclose(to_tangent(U, tangent), tangent, atol=1e-15)
    assert np.vdot(V - tangent, to_tangent(U, W)) == pytest.approx(0, abs=1e-14)


def test_the_hessian_is_the_second_derivative_along_retracted_lines() -> None:
    """f(retract(U + hD)) = f(U) + h <grad, D> + h^2/2 Hess[D, D] + O(h^3), the retraction being of second order."""
    n, p, h = 6, 3, 1e-4
    C = RNG.standard_normal((n, n))
    C = C + C.T
    U = random_rows(n, p, RNG)
    S = C - np.diag(row_dots(C @ U, U))
    coordinates = RNG.standard_normal(n * (p - 1))
    D = np.einsum("na,nap->np", coordinates.reshape(n, p - 1), tangent_bases(U))

    def f(step: float) -> float:
        V = retract(U + step * D)
        return float(np.sum(C * (V @ V.T)))

    second = (f(h) - 2 * f(0) + f(-h)) / h**2
    assert coordinates @ hessian_matrix(S, U) @ coordinates == pytest.approx(second, rel=1e-5)


def test_rotations_are_flat() -> None:
    """S U = 0 at a critical point, and then the p(p - 1)/2 rotations are in the kernel of the Hessian."""
    angles = 2 * np.pi * np.arange(5) / 5
    U = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    C = np.cos(angles[:, None] - angles)
    spectrum = np.linalg.eigvalsh(hessian_matrix(C - np.diag(row_dots(C @ U, U)), U))
    assert int(np.sum(np.abs(spectrum) < 1e-12)) >= gauge_dimension(2) == 1


def test_principal_columns_keep_the_product() -> None:
    thin = random_rows(8, 3, RNG)
    turned = np.hstack([thin, np.zeros((8, 2))]) @ np.linalg.qr(RNG.standard_normal((5, 5)))[0]
    assert numerical_rank(turned) == 3
    for columns in (3, 4, 6):
        U = principal_columns(turned, columns)
        assert U.shape == (8, columns)
        np.testing.assert_allclose(U @ U.T, thin @ thin.T, atol=1e-14)
