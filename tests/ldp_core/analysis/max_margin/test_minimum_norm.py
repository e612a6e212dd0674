"""Kernel and linear margins, against closed forms and another solver."""

import numpy as np
import pytest
from scipy.optimize import nnls

from ldp_core.analysis.max_margin.minimum_norm import HilbertMargin, arc_cosine_kernel, largest_margin
from tests.ldp_core.analysis.max_margin.known import KNOWN, known


def solve(G: np.ndarray) -> HilbertMargin:
    return largest_margin(G, tolerance=1e-9, watch=lambda upper: None)


@pytest.mark.parametrize("name", KNOWN)
def test_known_kernel_margins(name: str) -> None:
    """Acceptance A2.2."""
    X, y, _, gamma = known(name)
    found = solve(np.outer(y, y) * arc_cosine_kernel(X, X))
    assert found.lower <= found.upper
    assert found.lower == pytest.approx(gamma, abs=1e-6)
    assert found.upper == pytest.approx(gamma, abs=1e-6)


def test_exclusive_or_without_a_bias() -> None:
    X, y, _, _ = known("exclusive or")
    X = X[:, 1:]
    assert solve(np.outer(y, y) * arc_cosine_kernel(X, X)).lower == pytest.approx(0.3014051, abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_nonnegative_least_squares_finds_the_same_margin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = 60
    X = np.hstack([np.ones((n, 1)), rng.standard_normal((n, 4))])
    y = rng.choice([-1.0, 1.0], n)
    G = np.outer(y, y) * arc_cosine_kernel(X, X)
    values, vectors = np.linalg.eigh(G)
    root = (vectors * np.sqrt(np.maximum(values, 0))).T
    # min |root q|^2 + w^2 (sum q - 1)^2 over q >= 0 is attained at a multiple of the nearest point of the hull.
    weight = 0.05
    q, _ = nnls(np.vstack([root, weight * np.ones((1, n))]), np.append(np.zeros(n), weight), maxiter=100 * n)
    p = q / q.sum()
    found = solve(G)
    assert np.sqrt(p @ G @ p) == pytest.approx(found.upper, rel=1e-6)
    assert np.allclose(found.p, p, atol=1e-5)


def test_the_kernel_is_the_mean_over_random_neurons() -> None:
    rng = np.random.default_rng(9)
    X = rng.standard_normal((4, 3))
    hidden = np.maximum(X @ rng.standard_normal((3, 400_000)), 0)
    products = hidden[:, None, :] * hidden[None, :, :]
    # 5 standard errors, 16 pairs: false alarm 1e-5
    error = products.std(axis=2) / np.sqrt(hidden.shape[1])
    assert (np.abs(products.mean(axis=2) - arc_cosine_kernel(X, X)) < 5 * error).all()


def test_a_line_cannot_separate_exclusive_or() -> None:
    X, y, _, _ = known("exclusive or")
    assert not solve(np.outer(y, y) * (X @ X.T)).separable
    line = np.array([[1.0, 2.0], [1.0, -2.0]])
    found = solve(np.outer([1, -1], [1, -1]) * (line @ line.T))
    assert found.separable
    assert found.lower == pytest.approx(2.0)
