"""Gradient descent on the output layer alone tends to the largest margin that its frozen neurons allow, and no further."""

import numpy as np
import pytest
from scipy.optimize import minimize

from ldp_core.analysis.max_margin.classify import MaxMarginRequest, run
from ldp_core.analysis.max_margin.clusters import draw_clusters
from ldp_core.analysis.max_margin.minimum_norm import arc_cosine_kernel, largest_margin
from ldp_core.analysis.max_margin.output_layer import OutputLayer, train_output_layer
from ldp_core.analysis.progress import Cancelled
from tests.ldp_core.analysis.max_margin.known import KNOWN, known


def trained(X: np.ndarray, y: np.ndarray, *, width: int = 512, iterations: int = 20_000, seed: int = 0) -> OutputLayer:
    return train_output_layer(
        X,
        y,
        width=width,
        iterations=iterations,
        step=2.0,
        rng=np.random.default_rng(seed),
        watch=lambda t, margin: None,
    )


def largest_of_neurons(network: OutputLayer, X: np.ndarray, y: np.ndarray) -> float:
    """The largest margin of any output weights of norm sqrt(m), by scipy's sequential quadratic program on its dual.

    min over p in the simplex of the norm of sum_i p_i y_i phi(x_i), phi the row of activities over sqrt(m).
    """
    phi = y[:, None] * network.hidden(X) / np.sqrt(len(network.b))
    G, n = phi @ phi.T, len(X)
    scale = np.trace(G)
    found = minimize(
        lambda p: p @ G @ p / scale,
        np.full(n, 1 / n),
        jac=lambda p: 2 * G @ p / scale,
        bounds=[(0, 1)] * n,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1, "jac": lambda p: np.ones(n)},
        method="SLSQP",
        options={"maxiter": 2_000, "ftol": 1e-15},
    )
    return float(np.sqrt(found.x @ G @ found.x))


@pytest.mark.parametrize("name", ["two points", "three points", "exclusive or"])
@pytest.mark.parametrize("seed", range(3))
def test_it_comes_near_the_largest_margin_of_its_neurons(name: str, seed: int) -> None:
    """Measured over these nine: .983 to 1.000; the rate is only log t / sqrt t."""
    X, y, _, gamma = known(name)
    network = trained(X, y, seed=seed)
    best = largest_of_neurons(network, X, y)
    assert 0.97 <= network.margin / best <= 1 + 1e-6
    assert 0.8 <= best / gamma <= 1.2  # 512 neurons stand for infinitely many: a spread of .05 over seeds


@pytest.mark.parametrize("name", KNOWN)
def test_no_step_passes_the_largest_margin_of_its_neurons(name: str) -> None:
    X, y, _, _ = known(name)
    network = trained(X, y, width=64, iterations=3_000)
    best = largest_margin(np.outer(y, y) * network.kernel(X), tolerance=1e-9, watch=lambda upper: None)
    assert best.lower == pytest.approx(largest_of_neurons(network, X, y), rel=1e-4)
    assert network.margins.max() <= best.upper * (1 + 1e-9)
    assert network.margin == network.margins.max() > 0
    margin = (y * network.predict(X)).min() / np.sqrt(np.mean(network.b**2))
    assert margin == pytest.approx(network.margin)


def test_more_steps_come_nearer() -> None:
    X, y, _, _ = known("exclusive or")
    margins = [trained(X, y, iterations=steps).margin for steps in (100, 1_000, 10_000)]
    assert margins == sorted(margins)


def test_a_step_is_the_one_that_is_written() -> None:
    rng = np.random.default_rng(3)
    X, y = rng.standard_normal((5, 3)), np.array([1.0, -1, 1, -1, 1])
    network = trained(X, y, width=8, iterations=2, seed=4)
    A = np.random.default_rng(4).standard_normal((8, 3))
    assert (A == network.A).all()
    b, states = np.zeros(8), []
    for t in range(3):
        h = [sum(b[j] * max(A[j] @ x, 0) for j in range(8)) / 8 for x in X]
        states.append((min(y * h) / max(np.sqrt(np.mean(b**2)), 1e-300), b.copy()))
        weights = np.exp(-y * np.array(h)) / np.exp(-y * np.array(h)).sum() * y
        eta = 2.0 / np.sqrt(t + 1) * max(1.0, np.linalg.norm(b) / np.sqrt(8))
        b = b + eta * np.array([sum(weights[i] * max(A[j] @ X[i], 0) for i in range(5)) for j in range(8)])
    assert np.allclose(network.margins, [margin for margin, _ in states])
    assert np.allclose(network.b, max(states, key=lambda state: state[0])[1])


def test_wide_layers_have_the_kernel_of_infinitely_many_neurons() -> None:
    X, y, _, _ = known("circle")
    network = trained(X, y, width=100_000, iterations=1)
    exact = arc_cosine_kernel(X, X)
    products = network.hidden(X)[:, None, :] * network.hidden(X)[None, :, :]
    error = products.std(axis=2) / np.sqrt(100_000)
    assert (np.abs(network.kernel(X) - exact) < 5 * error).all()  # 5 sigma, 64 pairs: < 1e-4


def test_it_stands_beside_the_kernel_in_an_answer() -> None:
    (points, labels), (test, truth) = (draw_clusters(60, 2, np.random.default_rng(seed)) for seed in (5, 6))
    asked: dict = {"points": points, "labels": labels, "test_points": test, "test_labels": truth, "iterations": 5_000}
    both = run(MaxMarginRequest(**asked, methods=("gd_both", "gd_output", "f2_kernel")))
    found = both.result["gd_output"]
    assert found["ratio_to_finite_width"] == pytest.approx(found["margin"] / found["finite_width_margin"])
    assert found["ratio_to_f2"] == pytest.approx(found["margin"] / both.result["margin_f2"])
    assert 0 < found["ratio_to_finite_width"] < 1
    assert both.result["errors"]["gd_output"]["train"] == found["train_error"]
    assert both.result["errors"]["gd_output"]["test"] < 0.3
    columns = both.series["gd_output_margin"].columns
    assert {len(column) for column in columns.values()} == {len(columns["step"])}
    assert max(columns["margin"]) == found["margin"]
    without = run(MaxMarginRequest(**asked, methods=("gd_both", "f2_kernel")))
    assert without.result["gd"] == both.result["gd"], "what is asked beside it changes nothing else"


def test_labels_that_nothing_separates_have_no_ratio() -> None:
    asked = MaxMarginRequest(points=[[0.0], [0.0], [1.0]], labels=[1, -1, 1], methods=("gd_output",), iterations=200)  # type: ignore[arg-type]
    found = run(asked)
    assert found.verdict == "not_separable"
    assert found.result["gd_output"]["margin"] <= 0
    assert found.result["gd_output"]["ratio_to_finite_width"] is None


def test_it_stops_when_told() -> None:
    X, y, _, _ = known("circle")

    def stop(t: int, margin: float) -> None:
        if t >= 32:
            raise Cancelled

    with pytest.raises(Cancelled):
        train_output_layer(X, y, width=8, iterations=300_000, step=2.0, rng=np.random.default_rng(0), watch=stop)
