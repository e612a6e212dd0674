"""Gradient descent on both layers tends to the largest F1 margin."""

import numpy as np
import pytest

from ldp_core.analysis.max_margin.clusters import draw_clusters
from ldp_core.analysis.max_margin.gradient_descent import TrainedNetwork, train
from ldp_core.analysis.progress import Cancelled
from tests.ldp_core.analysis.max_margin.known import known


def trained(X: np.ndarray, y: np.ndarray, width: int, iterations: int, seed: int = 0) -> TrainedNetwork:
    return train(
        X, y, width=width, iterations=iterations, step=0.5, rng=np.random.default_rng(seed), watch=lambda t, m, e: None
    )


@pytest.mark.parametrize("seed", range(3))
def test_it_reaches_the_margin_of_exclusive_or(seed: int) -> None:
    """Acceptance A2.3."""
    X, y, gamma, _ = known("exclusive or")
    network = trained(X, y, 256, 10_000, seed)
    assert 0.95 <= network.margin / (gamma / 2) <= 1 + 1e-6
    assert network.errors[-1] == 0


def test_a_step_is_the_one_that_is_written() -> None:
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((5, 3)), np.array([1.0, -1, 1, -1, 1])
    network = trained(X, y, 8, 1, 4)
    start = np.random.default_rng(4)
    A, b = start.standard_normal((8, 3)), start.standard_normal(8)
    states = [(A.copy(), b.copy())]
    margins = [y[i] * sum(b[j] * max(A[j] @ X[i], 0) for j in range(8)) / 8 for i in range(5)]
    weights = np.exp(-np.array(margins)) / np.exp(-np.array(margins)).sum() * y
    moved_a, moved_b = A.copy(), b.copy()
    for j in range(8):
        for i in range(5):
            moved_a[j] += 0.5 * b[j] * (A[j] @ X[i] > 0) * weights[i] * X[i]
            moved_b[j] += 0.5 * weights[i] * max(A[j] @ X[i], 0)
    states.append((moved_a, moved_b))
    best = states[int(np.argmax(network.margins))]
    assert np.allclose(network.A, best[0])
    assert np.allclose(network.b, best[1])


def clusters(n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    points, y = draw_clusters(n, d, np.random.default_rng(2))
    return np.hstack([np.ones((n, 1)), points]), y


def check_widths(X: np.ndarray, y: np.ndarray, iterations: int) -> None:
    margins = {width: trained(X, y, width, iterations).margin for width in (8, 64, 512)}
    assert margins[64] >= 0.97 * margins[512]
    assert margins[8] < margins[64]


def test_width_stops_mattering() -> None:
    """Acceptance A2.6 with fewer points, coordinates and steps."""
    check_widths(*clusters(100, 5), 4000)


@pytest.mark.slow
def test_width_stops_mattering_on_more_points() -> None:
    """Acceptance A2.6."""
    check_widths(*clusters(256, 15), 10_000)


def test_neurons_carry_the_function() -> None:
    X, y = clusters(40, 3)
    network = trained(X, y, 32, 500)
    directions, weights = network.directions()
    assert np.linalg.norm(directions, axis=1) == pytest.approx(1)
    assert np.abs(weights).sum() == pytest.approx(1)
    f = np.maximum(X @ directions.T, 0) @ weights
    ratio = network.predict(X) / f
    assert np.allclose(ratio, ratio[0])


def test_it_stops_when_told() -> None:
    X, y = clusters(40, 3)

    def stop(t: int, margin: float, error: float) -> None:
        if t >= 16:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(X, y, width=8, iterations=300_000, step=0.5, rng=np.random.default_rng(0), watch=stop)
