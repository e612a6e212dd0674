"""The nearest correlation matrix against published values and its optimality conditions."""

import numpy as np
import pytest

from ldp_core.analysis.progress import silent
from ldp_core.analysis.semidefinite.nearest_correlation import nearest_correlation
from tests.ldp_core.analysis.semidefinite.known import noisy_correlations

HIGHAM = np.array([[1.0, 1, 0], [1, 1, 1], [0, 1, 1]])


def test_highams_example() -> None:
    """Higham 2002, section 4: off the diagonal 0.7607 and 0.1573, distance 0.5278."""
    found = nearest_correlation(HIGHAM, 1e-12, silent)
    X = found.U @ found.U.T
    np.testing.assert_allclose([X[0, 1], X[1, 2], X[0, 2]], [0.7607, 0.7607, 0.1573], atol=5e-5)
    assert np.linalg.norm(X - HIGHAM) == pytest.approx(0.52779, abs=5e-6)


@pytest.mark.parametrize("d", [2, 5, 40, 120])
def test_the_optimality_conditions_hold(d: int) -> None:
    """X = (G + Diag y)_+ has unit diagonal, and X - G - Diag(y), the discarded part, is positive and orthogonal to X."""
    _, G = noisy_correlations(d, 0.1, 0.4, d)
    found = nearest_correlation(G, 1e-12, silent)
    assert found.residual <= 1e-12 * np.sqrt(d)
    X = found.U @ found.U.T
    discarded = X - G - np.diag(found.y)
    assert np.linalg.eigvalsh(discarded)[0] > -1e-10
    assert abs(np.vdot(discarded, X)) < 1e-9
    np.testing.assert_allclose(X.diagonal(), 1, atol=1e-14)


def test_a_correlation_matrix_stays_as_it_is() -> None:
    truth, _ = noisy_correlations(10, 0.3, 0.0, 0)
    found = nearest_correlation(truth, 1e-12, silent)
    assert found.steps == 0
    np.testing.assert_allclose(found.U @ found.U.T, truth, atol=1e-14)


@pytest.mark.parametrize("G", [np.zeros((4, 4)), -100 * np.ones((3, 3)), np.diag([5.0, -3, 1e6]), 1e-9 * HIGHAM])
def test_matrices_far_from_any_correlations_end_too(G: np.ndarray) -> None:
    found = nearest_correlation(G, 1e-10, silent)
    assert np.isfinite(found.U).all()
    np.testing.assert_allclose((found.U**2).sum(axis=1), 1, atol=1e-14)
