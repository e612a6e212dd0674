"""Learning by the Fenchel-Young loss: it finds a terrain's costs, and its minimiser is asymptotically normal."""

import numpy as np
import pytest

from ldp_core.analysis.perturbed.fenchel_young import is_solution, stochastic_gradient
from ldp_core.analysis.perturbed.independent import NormalLaw, argmax_law
from ldp_core.analysis.perturbed.noise import NormalNoise
from ldp_core.analysis.perturbed.solvers import Argmax, GridPath, Ranks


class Adam:
    """Kingma & Ba 2015, for one vector."""

    def __init__(self, rate: float, size: int) -> None:
        self.rate, self.first, self.second, self.steps = rate, np.zeros(size), np.zeros(size), 0

    def step(self, gradient: np.ndarray) -> np.ndarray:
        """What to subtract."""
        self.steps += 1
        self.first += 0.1 * (gradient - self.first)
        self.second += 0.001 * (gradient**2 - self.second)
        mean, square = self.first / (1 - 0.9**self.steps), self.second / (1 - 0.999**self.steps)
        return self.rate * mean / (np.sqrt(square) + 1e-8)


def test_costs_of_a_terrain_are_learned_from_paths_alone() -> None:
    """Acceptance 3.7: 12 x 12 grids, 8 kinds of terrain, M = 3, s = 0.1, Adam 0.05, 15 passes over 150 maps in batches of 10,
    150 unseen maps. Each cell is one kind; before learning every kind costs the same."""
    rng = np.random.default_rng(1)
    grid, noise = GridPath(12, 12), NormalNoise(0.1)
    terrain = np.eye(8)[rng.integers(0, 8, (300, 144))]
    true_costs = terrain @ np.linspace(0.25, 3.05, 8)
    paths = grid.solve(-true_costs)
    weights, adam = np.full(8, 0.5), Adam(0.05, 8)
    for _ in range(15):
        for batch in rng.permutation(150).reshape(-1, 10):
            gradient = np.zeros(8)
            for i in batch:
                theta = -np.maximum(terrain[i] @ weights, 0)
                gradient -= terrain[i].T @ stochastic_gradient(grid, theta, noise, paths[i], samples=3, rng=rng)
            weights -= adam.step(gradient / len(batch))
    found = grid.solve(-np.maximum(terrain[150:] @ weights, 0))
    cost = np.einsum("ij,ij->i", found, true_costs[150:])
    least = np.einsum("ij,ij->i", paths[150:], true_costs[150:])
    assert cost.sum() / least.sum() <= 1.01
    assert (cost <= least * (1 + 1e-9)).mean() >= 0.85


def maximum_likelihood(shares: np.ndarray, scale: float) -> np.ndarray:
    """argmin F(theta) - <theta, shares> for normal argmax by Newton's method, centred."""
    theta = np.log(shares) * scale / 1.3
    for _ in range(30):
        law = argmax_law(NormalLaw(theta, np.full(len(shares), scale)), jacobian=True)
        theta = theta - np.linalg.pinv(law.jacobian, hermitian=True) @ (law.mean - shares)
    return theta - theta.mean()


def test_the_minimiser_is_asymptotically_normal() -> None:
    """n E|theta_n - theta_0|^2 -> trace of H^+ Cov(Y) H^+; 300 repetitions, error of the mean 5 %, four of them."""
    theta, scale, n = np.array([0.6, 0.1, -0.2, -0.5]), 1.0, 5_000
    law = argmax_law(NormalLaw(theta, np.full(4, scale)), jacobian=True)
    inverse = np.linalg.pinv(law.jacobian, hermitian=True)
    expected = np.trace(inverse @ (np.diag(law.mean) - np.outer(law.mean, law.mean)) @ inverse)
    rng = np.random.default_rng(2)
    errors = [
        n * np.sum((maximum_likelihood(rng.multinomial(n, law.mean) / n, scale) - theta) ** 2) for _ in range(300)
    ]
    assert np.mean(errors) == pytest.approx(expected, rel=0.2)


def test_solutions_are_told_from_mixtures() -> None:
    assert is_solution(Argmax(3), np.array([0.0, 1, 0]))
    assert not is_solution(Argmax(3), np.array([0.0, 0.5, 0.5]))
    assert is_solution(Ranks(3), np.array([3.0, 1, 2]))
    assert not is_solution(Ranks(3), np.array([2.0, 2, 2]))
    grid = GridPath(2, 2)
    assert is_solution(grid, np.array([1.0, 0, 0, 1]))
    # a detour that a diagonal step shortens is the best path for no costs
    assert not is_solution(grid, np.array([1.0, 1, 0, 1]))
