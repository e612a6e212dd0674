"""The interior point method against SLSQP, against closed forms, and on channels of every kind."""

import numpy as np
import pytest
from scipy.optimize import minimize

from ldp_core.analysis.lojasiewicz.interior_point import conjugate_gradients, interior_point
from ldp_core.analysis.lojasiewicz.likelihood import Likelihood
from ldp_core.analysis.lojasiewicz.path import walk
from ldp_core.mechanisms import create
from ldp_core.mechanisms.channel import MatrixChannel, message_channel
from ldp_core.mechanisms.design_mechanism import DesignMechanism
from tests.ldp_core.analysis.lojasiewicz.instances import counts_of, likelihood_31


def test_it_is_as_low_as_slsqp() -> None:
    likelihood = likelihood_31()
    best = walk(interior_point(likelihood), steps=100, tol_gap=1e-12).last
    assert best is not None
    assert best.gap <= 1e-12
    other = minimize(
        likelihood.value,
        np.full(31, 1 / 31),
        jac=lambda p: likelihood.value_and_gradient(p)[1],
        method="SLSQP",
        bounds=[(0, 1)] * 31,
        constraints={"type": "eq", "fun": lambda p: p.sum() - 1, "jac": np.ones_like},
        options={"ftol": 1e-15, "maxiter": 500},
    )
    assert best.value <= likelihood.value(other.x / other.x.sum()) + 1e-12
    assert best.value == pytest.approx(other.fun, abs=1e-8)
    assert best.p == pytest.approx(other.x, abs=1e-3)


def test_randomized_response_on_two_items_is_its_closed_form() -> None:
    """p = (share - r) / (s - r), clipped to 0..1."""
    channel = MatrixChannel(np.array([[0.75, 0.25], [0.25, 0.75]]))
    for heads, expected in ((60, 0.7), (50, 0.5), (80, 1.0), (10, 0.0)):
        last = walk(interior_point(Likelihood(channel, np.array([heads, 100 - heads]))), steps=60, tol_gap=1e-12).last
        assert last is not None
        assert last.p[0] == pytest.approx(expected, abs=1e-6)


CASES = [
    ("projective_geometry", 1000, "1", 100_000),
    ("projective_geometry", 1000, "4", 500),
    ("projective_geometry", 700, "0.1", 100_000),
    ("projective_geometry", 400, "10", 5_000),
    ("hybrid_projective_geometry", 500, "3", 20_000),
    ("hadamard_response", 900, "5", 50_000),
    ("spread", 600, "3", 20_000),
    ("randomized_response", 300, "16", 1_000),
]


@pytest.mark.parametrize(("name", "k", "epsilon", "n"), CASES)
def test_few_steps_suffice_on_every_channel(name: str, k: int, epsilon: str, n: int) -> None:
    mechanism = create(name, epsilon=epsilon, domain_size=k)
    assert isinstance(mechanism, DesignMechanism)
    likelihood = Likelihood(message_channel(mechanism), counts_of(mechanism, n, seed=k))
    path = walk(interior_point(likelihood), steps=40, tol_gap=1e-10)
    assert path.best_gap <= 1e-10
    assert path.last is not None
    assert path.last.p.min() >= 0
    assert path.last.p.sum() == pytest.approx(1)


def test_conjugate_gradients_solve_to_their_tolerance() -> None:
    rng = np.random.default_rng(5)
    root = rng.normal(size=(40, 40))
    matrix = root @ root.T + np.diag(rng.uniform(1, 1e6, 40))
    b = rng.normal(size=40)
    x = conjugate_gradients(lambda v: matrix @ v, b, np.diag(matrix))
    error = x - np.linalg.solve(matrix, b)
    assert error @ matrix @ error <= 1e-3 * (b @ np.linalg.solve(matrix, b))


@pytest.mark.parametrize("instances", [50, pytest.param(1_500, marks=pytest.mark.slow)])
def test_arbitrary_channels_and_counts_are_certified(instances: int) -> None:
    """Channels from nearly deterministic to nearly uninformative, with and without zeros, 1 to 10^9 reports."""
    for seed in range(instances):
        rng = np.random.default_rng(seed)
        k, size, n = int(rng.integers(2, 60)), int(rng.integers(2, 80)), int(10 ** rng.uniform(0, 9))
        matrix = rng.dirichlet(np.full(size, 10 ** rng.uniform(-2, 2)), size=k).T
        if rng.random() < 0.4:
            matrix = matrix * (rng.random(matrix.shape) < 0.5)
        matrix = matrix + (matrix.sum(axis=0) == 0)
        channel = MatrixChannel(matrix / matrix.sum(axis=0))
        law = channel.forward(rng.dirichlet(np.full(k, 10 ** rng.uniform(-2, 1))))
        wanted = law if rng.random() < 0.8 else rng.dirichlet(np.ones(size)) * (channel.largest > 0)
        counts = rng.multinomial(n, wanted / wanted.sum())
        path = walk(interior_point(Likelihood(channel, counts)), steps=60, tol_gap=1e-9)
        assert path.best_gap <= 1e-9, seed
