"""Derivatives of the objectives, and the error bound of the slope."""

from fractions import Fraction

import numpy as np
import pytest

from ldp_core.analysis.semidefinite.objectives import Linear, Objective, WeightedDistance
from ldp_core.analysis.semidefinite.unit_rows import random_rows, row_dots

RNG = np.random.default_rng(1)


def _symmetric(n: int) -> np.ndarray:
    A = RNG.standard_normal((n, n))
    return A + A.T


OBJECTIVES = [Linear(_symmetric(6)), WeightedDistance(_symmetric(6), np.abs(_symmetric(6)))]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_slope_and_curvature_are_derivatives(objective: Objective) -> None:
    U, D, h = random_rows(6, 3, RNG), RNG.standard_normal((6, 3)), 1e-6
    before, after = objective.at(U - h * D), objective.at(U + h * D)
    here = objective.at(U)
    assert 2 * np.vdot(here.slope_rows, D) == pytest.approx((after.value - before.value) / (2 * h), rel=1e-7)
    np.testing.assert_allclose(here.second(D), (after.slope_rows - before.slope_rows) / (2 * h), atol=1e-7)
    np.testing.assert_allclose(here.slope_rows, objective.slope(U) @ U, atol=1e-13)


def test_the_preconditioner_is_symmetric_and_positive() -> None:
    apply = OBJECTIVES[1].at(random_rows(6, 3, RNG)).preconditioner()
    assert apply is not None
    for _ in range(20):
        A, B = RNG.standard_normal((2, 6, 3))
        assert np.vdot(A, apply(B)) == pytest.approx(np.vdot(B, apply(A)), rel=1e-9)
        assert np.vdot(A, apply(A)) > 0


def test_the_slope_is_off_by_less_than_its_bound() -> None:
    """Against rational arithmetic. Rows have rational lengths (Pythagorean triples), so even the exact unit rows are rational."""
    triples = np.array([[3, 4, 5], [5, 12, 13], [8, 15, 17], [20, 21, 29], [28, 45, 53]])
    exact = [[Fraction(int(a), int(c)), Fraction(int(b), int(c))] for a, b, c in triples]
    U = np.array([[float(x) for x in row] for row in exact])
    G, H = _symmetric(5), np.abs(_symmetric(5))
    objective = WeightedDistance(G, H)
    M = objective.slope(U)
    error = Fraction(0)
    for i in range(5):
        for j in range(5):
            product = exact[i][0] * exact[j][0] + exact[i][1] * exact[j][1]
            error += abs(Fraction(float(M[i, j])) - Fraction(float(H[i, j])) * (product - Fraction(float(G[i, j]))))
    assert 0 < error <= Fraction(objective.slope_error(U))
    assert row_dots(U, U) == pytest.approx(1)
