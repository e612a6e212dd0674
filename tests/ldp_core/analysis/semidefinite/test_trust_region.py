"""The trust region against the manifold library pymanopt."""

import itertools

import numpy as np
import pymanopt
import pytest
from pymanopt.manifolds import Oblique
from pymanopt.optimizers import TrustRegions

from ldp_core.analysis.semidefinite.objectives import Linear, WeightedDistance
from ldp_core.analysis.semidefinite.trust_region import minimise
from ldp_core.analysis.semidefinite.unit_rows import random_rows, row_dots
from ldp_core.types import FloatArray
from tests.ldp_core.analysis.semidefinite.known import noisy_correlations, random_graph


def _by_pymanopt(C: FloatArray, start: FloatArray) -> float:
    """min <C, UU'>. Its oblique manifold has unit columns, so the factor is transposed."""
    manifold = Oblique(*start.T.shape)

    @pymanopt.function.numpy(manifold)
    def cost(V: FloatArray) -> float:
        return float(np.sum(C * (V.T @ V)))

    @pymanopt.function.numpy(manifold)
    def gradient(V: FloatArray) -> FloatArray:
        return 2 * V @ C

    @pymanopt.function.numpy(manifold)
    def hessian(V: FloatArray, D: FloatArray) -> FloatArray:
        return 2 * D @ C

    problem = pymanopt.Problem(manifold, cost, euclidean_gradient=gradient, euclidean_hessian=hessian)
    optimizer = TrustRegions(verbosity=0, min_gradient_norm=1e-9, max_iterations=200)
    return float(optimizer.run(problem, initial_point=start.T).cost)


@pytest.mark.parametrize("seed", range(3))
def test_both_reach_the_same_value_where_no_point_is_bad(seed: int) -> None:
    """At rank 9 > sqrt(2 * 30) every second-order point is optimal, so from any start the value is that of the program."""
    C = random_graph(30, 6, seed)
    start = random_rows(30, 9, np.random.default_rng(seed))
    ours = minimise(Linear(C / 16), start, 1e-11, 300, lambda iteration, norm: None)
    assert ours.gradient_norm <= 1e-11
    assert 16 * ours.value == pytest.approx(_by_pymanopt(C, start), abs=1e-8)


def test_no_step_raises_the_value_and_the_end_is_critical() -> None:
    _, G = noisy_correlations(20, 0.1, 0.3, 0)
    H = np.random.default_rng(0).random((20, 20))
    objective = WeightedDistance(G, (H + H.T) / 40)
    U = random_rows(20, 8, np.random.default_rng(1))
    values = [minimise(objective, U, 1e-12, most, lambda iteration, norm: None).value for most in range(0, 40, 4)]
    assert all(later <= earlier * (1 + 1e-14) for earlier, later in itertools.pairwise(values))
    end = minimise(objective, U, 1e-10, 300, lambda iteration, norm: None)
    M = objective.slope(end.U)
    S = M - np.diag(row_dots(M @ end.U, end.U))
    assert np.linalg.norm(2 * S @ end.U) <= 1.1e-10


def test_every_iteration_is_told() -> None:
    seen: list[tuple[int, float]] = []
    C = random_graph(20, 5, 0)
    end = minimise(
        Linear(C / 16), random_rows(20, 7, np.random.default_rng(0)), 1e-9, 300, lambda i, g: seen.append((i, g))
    )
    assert [i for i, _ in seen] == list(range(end.iterations + 1))
    assert seen[-1][1] == end.gradient_norm
