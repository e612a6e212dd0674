"""The certificate against exact rational arithmetic: rounding never makes it wrong."""

from fractions import Fraction

import numpy as np
import pytest

from ldp_core.analysis.semidefinite.certificate import (
    certify,
    certify_with,
    eigenvalue_floor,
    lower_bound,
    residual_norm,
    sum_rounding,
)
from ldp_core.analysis.semidefinite.objectives import Linear, WeightedDistance
from ldp_core.analysis.semidefinite.unit_rows import random_rows
from ldp_core.types import FloatArray
from tests.ldp_core.analysis.semidefinite.known import cycle, noisy_correlations


def _is_positive_semidefinite(A: list[list[Fraction]]) -> bool:
    """By exact elimination. A zero pivot needs a zero row."""
    rows = [list(row) for row in A]
    for k in range(len(rows)):
        pivot = rows[k][k]
        if pivot < 0 or (pivot == 0 and any(rows[k][k:])):
            return False
        for i in range(k + 1, len(rows)):
            if pivot:
                factor = rows[i][k] / pivot
                rows[i] = [x - factor * y for x, y in zip(rows[i], rows[k], strict=True)]
    return True


def _shifted(C: FloatArray, y: FloatArray, floor: float) -> list[list[Fraction]]:
    """C - Diag(y) - floor I, exactly."""
    n = len(C)
    return [
        [Fraction(float(C[i, j])) - (Fraction(float(y[i])) + Fraction(floor) if i == j else 0) for j in range(n)]
        for i in range(n)
    ]


def test_elimination_knows_positive_matrices() -> None:
    assert _is_positive_semidefinite(_shifted(2 * np.eye(3) - cycle(3), np.zeros(3), 0.0))
    assert not _is_positive_semidefinite(_shifted(2 * np.eye(3) - cycle(3), np.zeros(3), 2.0**-60))


@pytest.mark.parametrize("seed", range(6))
def test_the_floor_is_below_the_true_smallest_eigenvalue(seed: int) -> None:
    """Whatever the guess: too high, right or too low; with entries of very different sizes, and a singular S."""
    rng = np.random.default_rng(seed)
    n = 8
    factor = rng.standard_normal((n, 3)) * 10.0 ** rng.integers(-6, 7, size=(n, 1))
    C = factor @ factor.T
    C = (C + C.T) / 2
    y = rng.standard_normal(n) * np.abs(C).max()
    for multipliers in (y, np.zeros(n), C.diagonal() * (1 + 2.0**-30)):
        S = C - np.diag(multipliers)
        lowest = float(np.linalg.eigvalsh(S)[0])
        for guess in (lowest, lowest + np.abs(S).max(), lowest - 1, 0.0):
            floor = eigenvalue_floor(S, guess)
            assert _is_positive_semidefinite(_shifted(C, multipliers, floor))
        tight = eigenvalue_floor(S, lowest)
        assert lowest - tight <= 1e-12 * np.abs(S).max()


@pytest.mark.parametrize("stretch", [1.0, 1.5])
def test_the_norm_of_a_residual_is_bounded_with_the_rounding_of_its_own_product(stretch: float) -> None:
    """Where S is the computed LL' the computed residual is zero, but not the true one: 40 entries a row, each a little off."""
    L = np.tril(np.random.default_rng(0).random((40, 40)) + 1)
    S = stretch * (L @ L.T)
    rows = [[Fraction(float(x)) for x in row] for row in L]
    true = np.array(
        [
            [
                float(Fraction(float(S[i, j])) - sum(a * b for a, b in zip(rows[i], rows[j], strict=True)))
                for j in range(40)
            ]
            for i in range(40)
        ]
    )
    norm = np.abs(np.linalg.eigvalsh((true + true.T) / 2)).max()
    assert 0 < norm <= residual_norm(S, S, L)
    if stretch == 1:
        assert norm > 4 * 2.0**-53 * S.max()  # more than the roundings of the diagonal account for


def test_the_bound_is_rounded_down() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        y, floor = rng.standard_normal(7) * 10.0 ** rng.integers(-9, 9, size=7), float(rng.standard_normal())
        exact = sum((Fraction(float(v)) for v in y), Fraction(0)) + 7 * Fraction(floor)
        bound = Fraction(lower_bound(y, floor))
        assert bound < exact
        assert exact - bound <= Fraction(1e-14) * sum(abs(Fraction(float(v))) for v in [*y, 7 * floor])


def test_sums_are_off_by_less_than_their_bound() -> None:
    """Signs are unit rows without rounding, so s'Cs is known exactly."""
    rng = np.random.default_rng(2)
    for _ in range(20):
        C = rng.standard_normal((9, 9)) * 10.0 ** rng.integers(-3, 4, size=(9, 9))
        C = C + C.T
        s = np.where(rng.random(9) < 0.5, -1.0, 1.0)
        exact = sum(Fraction(float(C[i, j] * s[i] * s[j])) for i in range(9) for j in range(9))
        assert abs(exact - Fraction(float(s @ C @ s))) <= Fraction(sum_rounding(C, 1))


def test_every_feasible_point_is_within_the_gap_of_any_other() -> None:
    """phi(X) - gap bounds phi at every other feasible point, for both objectives and any multipliers."""
    rng = np.random.default_rng(3)
    _, G = noisy_correlations(7, 0.2, 0.5, 0)
    for objective in (Linear(G), WeightedDistance(G, rng.random((7, 7)) @ np.ones((7, 7)) + np.eye(7))):
        objective = (
            objective if isinstance(objective, Linear) else WeightedDistance(G, (objective.H + objective.H.T) / 2)
        )
        U = random_rows(7, 3, rng)
        value = objective.at(U).value
        certificates = [certify(objective, U), certify_with(objective, U, rng.standard_normal(7))]
        for _ in range(100):
            other = objective.at(random_rows(7, int(rng.integers(1, 8)), rng)).value
            assert all(value - certificate.gap <= other for certificate in certificates)


def test_the_gap_of_the_pentagon_is_known() -> None:
    """C5: min <A, X> = 5 * 2 cos(4 pi/5) at U = (cos 4 pi i/5, sin 4 pi i/5)."""
    angles = 4 * np.pi * np.arange(5) / 5
    certificate = certify(Linear(cycle(5)), np.stack([np.cos(angles), np.sin(angles)], axis=1))
    assert 0 < certificate.gap < 1e-12
    assert certificate.bound == pytest.approx(10 * np.cos(4 * np.pi / 5), abs=1e-12)
