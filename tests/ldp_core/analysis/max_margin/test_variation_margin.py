"""The F1 margin is certified from both sides."""

import numpy as np
import pytest

from ldp_core.analysis.max_margin.clusters import draw_clusters
from ldp_core.analysis.max_margin.gradient_descent import train
from ldp_core.analysis.max_margin.variation_margin import VariationMargin, largest_variation_margin
from ldp_core.analysis.progress import Cancelled
from tests.ldp_core.analysis.max_margin.known import KNOWN, known


def certify(X: np.ndarray, y: np.ndarray, tolerance: float = 1e-5, seed: int = 0) -> VariationMargin:
    return largest_variation_margin(
        X, y, tolerance=tolerance, rng=np.random.default_rng(seed), watch=lambda turn, gap: None
    )


@pytest.mark.parametrize("name", KNOWN)
def test_known_margins_are_enclosed(name: str) -> None:
    """Acceptance A2.1, and two data sets more."""
    X, y, gamma, _ = known(name)
    found = certify(X, y)
    assert found.status == "certified"
    assert found.lower == pytest.approx(gamma, rel=1e-5)
    assert found.upper == pytest.approx(gamma, rel=1e-5)
    assert (y * found.predict(X)).min() == pytest.approx(found.lower, rel=1e-9)
    assert np.abs(found.weights).sum() == pytest.approx(1)
    assert np.linalg.norm(found.directions, axis=1) == pytest.approx(1)


def test_symmetry_fixes_the_dual_weights() -> None:
    assert certify(*known("three points")[:2]).p == pytest.approx([0.2, 0.6, 0.2], abs=1e-4)
    assert certify(*known("four points")[:2]).p == pytest.approx([0.125, 0.375, 0.375, 0.125], abs=1e-4)


def scattered(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.hstack([np.ones((n, 1)), rng.uniform(-1, 1, (n, 2))])
    return X, np.where(np.sin(4 * X[:, 1]) * np.sin(4 * X[:, 2]) > 0, 1.0, -1.0)


@pytest.mark.parametrize("seed", range(3))
def test_laws_of_the_margin(seed: int) -> None:
    """Acceptance A2.7."""
    X, y = scattered(24, seed)
    found = certify(X, y, 1e-4, seed)
    assert found.status == "certified"
    assert 0 < found.lower <= found.upper
    doubled = certify(2 * X, y, 1e-4, seed)
    assert doubled.lower == pytest.approx(2 * found.lower, rel=3e-4)
    fewer = certify(X[:-4], y[:-4], 1e-4, seed)
    assert fewer.upper >= found.lower  # a point less can only help
    network = train(
        X, y, width=128, iterations=2000, step=0.5, rng=np.random.default_rng(seed), watch=lambda t, m, e: None
    )
    assert network.margin <= found.upper * (1 + 1e-6) / 2
    assert certify(X, -y, 1e-4, seed).lower == pytest.approx(found.lower, rel=3e-4)


def test_gradient_descent_comes_near_on_clusters() -> None:
    """Acceptance A2.4."""
    points, y = draw_clusters(64, 5, np.random.default_rng(1))
    X = np.hstack([np.ones((64, 1)), points])
    found = largest_variation_margin(X, y, tolerance=0.01, rng=np.random.default_rng(0), watch=lambda turn, gap: None)
    assert found.status == "heuristic"
    assert found.lower >= 0.98 * found.upper
    network = train(
        X, y, width=256, iterations=10_000, step=0.5, rng=np.random.default_rng(0), watch=lambda t, m, e: None
    )
    assert 0.90 <= network.margin / (found.lower / 2) <= 1 + 1e-6 + found.gap


def test_one_point_with_both_labels_has_no_margin() -> None:
    X = np.array([[1.0, 0.5, 0.2], [1.0, 0.5, 0.2], [1.0, -1, 0]])
    found = certify(X, np.array([1.0, -1, 1]))
    assert found.status == "not_separable"
    assert found.lower == 0


def test_without_a_bias_a_ray_has_one_label() -> None:
    assert certify(np.array([[1.0], [-1.0]]), np.array([1.0, -1])).lower == pytest.approx(0.5)
    assert certify(np.array([[1.0], [2.0]]), np.array([1.0, -1])).status == "not_separable"


def test_it_stops_when_told() -> None:
    def stop(turn: int, gap: float) -> None:
        if turn == 2:
            raise Cancelled

    X, y = scattered(60, 1)
    with pytest.raises(Cancelled):
        largest_variation_margin(X, y, tolerance=1e-5, rng=np.random.default_rng(0), watch=stop)
