"""Post-processing steps against the projections and one-sided derivatives that define them."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import minimize

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.nonsmooth.applied import Applied, Call, Value
from ldp_core.analysis.nonsmooth.consistency import isotonic, norm_sub, simplex
from ldp_core.estimation.norm_sub import norm_sub as service_norm_sub

TIED = np.array([0.6, 0.4, 0.0, -0.5])


def apply(step: object, x: np.ndarray, tolerance: float = 0.0, **parameters: object) -> Applied:
    return step(Call([Value(x, np.ones(len(x), dtype=np.bool_))], parameters, tolerance))  # type: ignore[operator]


def jacobians(applied: Applied) -> list[np.ndarray]:
    """One for each choice at two-piece ties: row i is the adjoint of output i."""
    width = sum(len(tie.digits) for tie in applied.ties)
    corners = np.array(list(product((0.0, 1.0), repeat=width)))
    size = len(applied.value.numbers)
    return [applied.pull(np.eye(size), np.tile(corner, (size, 1)))[0] for corner in corners]


def test_norm_sub_at_a_tie() -> None:
    """Acceptance N2."""
    applied = apply(norm_sub, TIED)
    assert [tie.members for tie in applied.ties] == [(2,)]
    out, inside = jacobians(applied)
    assert np.diag(out) == pytest.approx([0.5, 0.5, 0, 0], abs=1e-12)
    assert np.diag(inside) == pytest.approx([2 / 3, 2 / 3, 2 / 3, 0], abs=1e-12)
    along = np.array([1.0, -1.0, 0.0, 0.0])
    assert out @ along == pytest.approx(inside @ along, abs=1e-12)
    assert out @ along == pytest.approx([1, -1, 0, 0], abs=1e-12)


def test_one_sided_differences_are_the_two_jacobians() -> None:
    """Acceptance N3."""
    third = np.eye(4)[2]
    left = (service_norm_sub(TIED) - service_norm_sub(TIED - 1e-7 * third)) / 1e-7
    right = (service_norm_sub(TIED + 1e-7 * third) - service_norm_sub(TIED)) / 1e-7
    assert left == pytest.approx([0, 0, 0, 0], abs=1e-6)
    assert right == pytest.approx([-1 / 3, -1 / 3, 2 / 3, 0], abs=1e-6)
    out, inside = jacobians(apply(norm_sub, TIED))
    assert out @ third == pytest.approx(left, abs=1e-6)
    assert inside @ third == pytest.approx(right, abs=1e-6)


def nearest(x: np.ndarray, constraints: list[dict[str, object]], bounds: object) -> np.ndarray:
    start = np.full(len(x), 1 / len(x))
    found = minimize(
        lambda p: ((p - x) ** 2).sum(),
        start,
        jac=lambda p: 2 * (p - x),
        constraints=constraints,
        bounds=bounds,
        method="SLSQP",
        options={"ftol": 1e-15, "maxiter": 500},
    )
    return np.asarray(found.x)


def test_projections_are_the_nearest_points() -> None:
    """Against SLSQP, which knows nothing of sorting or of blocks."""
    rng = np.random.default_rng(5)
    for _ in range(5):
        x = rng.normal(0.2, 0.3, 6)
        to_simplex = nearest(x, [{"type": "eq", "fun": lambda p: p.sum() - 1}], [(0, None)] * 6)
        assert apply(simplex, x).value.numbers == pytest.approx(to_simplex, abs=1e-6)
        falling = nearest(x, [{"type": "ineq", "fun": lambda p: p[:-1] - p[1:]}], None)
        assert apply(isotonic, x, direction="decreasing").value.numbers == pytest.approx(falling, abs=1e-6)


def test_isotonic_cuts_by_the_min_max_formula() -> None:
    """x_j = max over a <= j of min over b >= j of the mean of a..b; and a cut is a tie exactly where it can move."""
    rng = np.random.default_rng(6)
    for _ in range(15):
        x = rng.integers(0, 4, 6).astype(float)  # small integers make many ties
        applied = apply(isotonic, x, 1e-12, direction="increasing")
        best = [max(min(x[a : b + 1].mean() for b in range(j, 6)) for a in range(j + 1)) for j in range(6)]
        assert applied.value.numbers == pytest.approx(best, abs=1e-12)
        ways = {tuple(np.round(jacobian, 9).ravel()) for jacobian in jacobians(applied)}
        seen = set()
        for _ in range(100):
            near = apply(isotonic, x + 1e-6 * rng.standard_normal(6), direction="increasing")
            seen.add(tuple(np.round(jacobians(near)[0], 9).ravel()))
        assert seen <= ways
        assert len(ways) == 1 << len(applied.ties)


def test_norm_sub_jumps_where_positives_sum_to_less_than_one() -> None:
    assert apply(norm_sub, np.array([0.5, 0.3, -0.1])).jump == pytest.approx(0.1)
    assert apply(norm_sub, np.array([0.7, 0.5, -0.1])).jump == np.inf
    for x, code in (([0.5, 0.3, 0.0], "not_path_differentiable"), ([-0.5, -0.1, 0.0], "non_finite")):
        with pytest.raises(AnalysisError) as refusal:
            apply(norm_sub, np.array(x))
        assert refusal.value.code == code
