"""Repaired correlation matrices: published values, another solver, and the truth they are meant for."""

import json
import math
from typing import Any

import cvxpy
import numpy as np
import pytest

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.progress import Step
from ldp_core.analysis.semidefinite.psd_repair import EXAMPLE, from_json, run
from ldp_core.types import FloatArray
from tests.ldp_core.analysis.semidefinite.known import noisy_correlations, noisy_factors, pair_rows


def _repair(G: FloatArray, **fields: Any) -> dict[str, Any]:
    return dict(run(from_json({"matrix": {"dense": G}, **fields})).result)


def _by_scs(G: FloatArray, H: FloatArray) -> float:
    """The least sqrt(sum H (X - G)^2), by a first-order conic solver."""
    X = cvxpy.Variable(G.shape, PSD=True)
    distance = cvxpy.sum(cvxpy.multiply(H, cvxpy.square(X - G)))
    problem = cvxpy.Problem(cvxpy.Minimize(distance), [cvxpy.diag(X) == 1])
    problem.solve(solver="SCS", eps=1e-9, max_iters=200_000)
    return math.sqrt(problem.value)


def _two_kinds_of_noise(d: int, seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Truth, estimate and weights 1/variance: deviation .08 for pairs with one of the first third of the attributes, .35 for the others."""
    first = np.arange(d) < d // 3
    deviations = np.where(first[:, None] | first, 0.08, 0.35)
    truth, G = noisy_correlations(d, 0.1, deviations, seed)
    return truth, G, 1 / deviations**2


@pytest.mark.parametrize("method", ["newton", "bm"])
def test_highams_example(method: str) -> None:
    """Higham 2002: off the diagonal .7607 and .1573, distance .52779."""
    result = _repair(np.array(EXAMPLE["matrix"]["dense"]), method=method)
    np.testing.assert_allclose(result["X"][[0, 1, 0], [1, 2, 2]], [0.7607, 0.7607, 0.1573], atol=5e-5)
    assert result["distance"] == pytest.approx(0.52779, abs=5e-6)
    assert result["certified"]
    assert result["lambda_min_before"] == pytest.approx(1 - math.sqrt(2))
    assert result["min_eig_after"] > -1e-14


@pytest.mark.parametrize("seed", range(2))
def test_a_conic_solver_finds_the_same_weighted_distance(seed: int) -> None:
    _, G, H = _two_kinds_of_noise(20, seed)
    result = _repair(G, weights=H)
    assert result["dual_gap"] < 1e-5
    assert result["certified"]
    assert result["distance"] == pytest.approx(_by_scs(G, H), abs=1e-6)
    assert result["distance_lower_bound"] <= result["distance"] < result["distance_lower_bound"] + 1e-6


def test_random_weights_with_zeros_are_repaired_too() -> None:
    rng = np.random.default_rng(5)
    _, G = noisy_correlations(12, 0.3, 0.5, 5)
    H = rng.random((12, 12)) * (rng.random((12, 12)) < 0.7)
    H = H + H.T
    result = _repair(G, weights=H)
    assert result["certified"]
    assert result["distance"] == pytest.approx(_by_scs(G, H), abs=1e-6)


def test_both_methods_agree_where_weights_are_equal() -> None:
    _, G = noisy_correlations(30, 0.1, 0.3, 1)
    newton, factor = _repair(G, method="newton"), _repair(G, method="bm")
    assert newton["distance"] == pytest.approx(factor["distance"], abs=1e-8)
    np.testing.assert_allclose(newton["X"], factor["X"], atol=1e-5)
    weighted = _repair(G, weights=np.full((30, 30), 4.0))
    assert weighted["distance"] == pytest.approx(2 * newton["distance"], abs=1e-7)


def test_no_correlation_matrix_is_nearer_than_the_bound() -> None:
    truth, G, H = _two_kinds_of_noise(15, 2)
    result = _repair(G, weights=H)
    for other in (truth, np.eye(15), np.ones((15, 15)), result["X"]):
        assert math.sqrt(np.sum(H * (other - G) ** 2)) >= result["distance_lower_bound"]


def test_repair_never_moves_away_from_the_truth() -> None:
    """A projection onto a convex set is nearer to every point of the set."""
    for seed in range(20):
        truth, G = noisy_correlations(20, 0.15, 0.3, seed)
        assert np.linalg.norm(_repair(G)["X"] - truth) <= np.linalg.norm(G - truth) + 1e-9


def test_the_factor_gives_the_matrix() -> None:
    _, G = noisy_correlations(10, 0.2, 0.4, 0)
    U, X = _repair(G, output="U")["U"], _repair(G)["X"]
    np.testing.assert_allclose(U @ U.T, X, atol=1e-14)
    np.testing.assert_array_equal(X.diagonal(), 1)


def test_a_correlation_matrix_is_left_alone() -> None:
    truth, _ = noisy_correlations(10, 0.2, 0.0, 0)
    found = run(from_json({"matrix": {"dense": truth}}))
    assert found.verdict == "already_valid"
    assert found.result["distance"] < 1e-12
    assert run(from_json({"matrix": {"dense": 1.01 * truth}})).verdict == "repaired"


def test_the_largest_changes_are_listed_once_each() -> None:
    _, G = noisy_correlations(10, 0.2, 0.6, 0)
    result = _repair(G)
    change = np.abs(np.triu(result["X"] - G))
    listed = result["changed"]
    assert len(listed) == 20
    sizes = [abs(after - before) for _, _, before, after in listed]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == change.max()
    assert all(result["X"][i, j] == after and G[i, j] == before for i, j, before, after in listed)


def test_private_pairs_are_weighted_by_their_reports() -> None:
    signs = np.where(np.random.default_rng(0).random(12) < 0.5, -1.0, 1.0)
    reports = pair_rows(signs, 0.1, 1.0, 20_000, np.random.default_rng(1))
    pairs = {"attributes": 12, "epsilon": 1.0, "reports": reports[:-1]}
    found = run(from_json({"matrix": {"pairs": pairs}}))
    assert found.params_effective["method"] == "bm"
    assert found.params_effective["weights"] == "by reports"
    assert found.warnings == ("pairs_missing",)
    assert found.result["certified"]
    assert run(from_json({"matrix": {"pairs": pairs}, "method": "newton"})).params_effective["weights"] == "equal"
    equal = [[a, b, 1000, 600] for a, b, _, _ in reports]
    found = run(from_json({"matrix": {"pairs": pairs | {"reports": equal}}}))
    assert found.params_effective["method"] == "newton"


@pytest.mark.parametrize(
    ("d", "raw", "most"), [(50, 0.395, 0.310), pytest.param(200, 0.817, 0.320, marks=pytest.mark.slow)]
)
def test_repair_takes_away_much_of_the_error_of_a_few_factors(d: int, raw: float, most: float) -> None:
    """Relative Frobenius errors, six factors. The pairs of raw and repaired error are what another implementation reached."""
    truth, _ = noisy_factors(d, 6, 0.0, 0)
    sd = raw * np.linalg.norm(truth) / math.sqrt(d * (d - 1))
    truth, G = noisy_factors(d, 6, sd, 0)
    size = np.linalg.norm(truth)
    assert np.linalg.norm(G - truth) / size == pytest.approx(raw, rel=0.1)
    assert np.linalg.norm(_repair(G)["X"] - truth) / size < most


@pytest.mark.parametrize("draws", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_weights_pay_where_noise_differs(draws: int) -> None:
    """60 attributes, six factors: errors of about 7 with equal weights and 4 with weights 1/variance."""
    _, _, H = _two_kinds_of_noise(60, 0)
    for seed in range(draws):
        truth, G = noisy_factors(60, 6, 1 / np.sqrt(H), seed)
        equal, weighted = _repair(G), _repair(G, weights=H)
        assert weighted["certified"]
        assert np.linalg.norm(weighted["X"] - truth) < 0.75 * np.linalg.norm(equal["X"] - truth)


def test_equal_requests_give_equal_json_and_progress_is_told() -> None:
    steps: list[Step] = []
    _, G, H = _two_kinds_of_noise(12, 0)
    body = {"matrix": {"dense": G}, "weights": H}
    one = json.dumps(run(from_json(body), progress=steps.append).to_json(), allow_nan=False)
    assert one == json.dumps(run(from_json(body)).to_json(), allow_nan=False)
    assert {step.metric for step in steps} == {"residual", "gradient norm", "gap"}


DENSE = {"dense": [[1, 2], [2, 1]]}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "missing_field"),
        ({"matrix": {"edges": [[0, 1, 1]]}}, "unknown_field"),
        ({"matrix": {"dense": [[1, 2], [3, 1]]}}, "asymmetric"),
        ({"matrix": DENSE, "method": "qr"}, "unknown_choice"),
        ({"matrix": DENSE, "output": "Y"}, "unknown_choice"),
        ({"matrix": DENSE, "tol": 0}, "out_of_range"),
        ({"matrix": DENSE, "weights": [[1, 1], [1, 1]], "method": "newton"}, "weights_need_bm"),
        ({"matrix": DENSE, "weights": [[1, 1, 1], [1, 1, 1], [1, 1, 1]]}, "wrong_shape"),
        ({"matrix": DENSE, "weights": [[1, 2], [1, 1]]}, "asymmetric"),
        ({"matrix": DENSE, "weights": [[1, -1], [-1, 1]]}, "out_of_range"),
        ({"matrix": DENSE, "weights": [[0, 0], [0, 0]]}, "out_of_range"),
        ({"matrix": DENSE, "weights": [[1, math.nan], [math.nan, 1]]}, "non_finite"),
        ({"matrix": DENSE, "weights": 3}, "wrong_shape"),
    ],
)
def test_bad_requests_are_refused_with_a_code(body: Any, code: str) -> None:
    with pytest.raises(AnalysisError) as refused:
        from_json(body)
    assert refused.value.code == code
    assert not isinstance(refused.value, TooLargeError)
