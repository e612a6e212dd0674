"""EM, mirror and softmax descents: laws of every step, and steps that are proven safe."""

import numpy as np
import pytest

from ldp_core.analysis.lojasiewicz.descents import UPDATES, descend, safe_step
from ldp_core.analysis.lojasiewicz.interior_point import interior_point
from ldp_core.analysis.lojasiewicz.likelihood import Likelihood
from ldp_core.analysis.lojasiewicz.path import Path, Point, due_steps, rounding, walk
from ldp_core.mechanisms import create
from ldp_core.mechanisms.channel import MatrixChannel, message_channel
from ldp_core.mechanisms.design_mechanism import DesignMechanism
from tests.ldp_core.analysis.lojasiewicz.instances import counts_of, likelihood_31


@pytest.mark.parametrize("steps", [2_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_em_is_monotone_and_below_its_bound_at_every_step(steps: int) -> None:
    likelihood = likelihood_31()
    best = walk(interior_point(likelihood), steps=100, tol_gap=1e-13).last
    assert best is not None
    divergence = float(np.sum(best.p * np.log(np.maximum(best.p, 1e-300) * 31)))
    assert divergence <= np.log(31)
    before, gap = np.inf, np.inf
    for point in descend(likelihood, "em", 0.0):
        assert point.value <= before + rounding(point.value)
        if point.t:
            assert point.value - best.value <= divergence / point.t + rounding(point.value)
        before, gap = point.value, point.gap
        if point.t == steps:
            break
    assert gap < (1e-6 if steps == 20_000 else 1e-4)


@pytest.mark.parametrize(
    ("name", "k", "epsilon"),
    [
        ("projective_geometry", 31, "1.4"),
        ("projective_geometry", 57, "4"),
        ("randomized_response", 12, "3"),
        ("spread", 30, "2"),
    ],
)
@pytest.mark.parametrize("algorithm", ["mirror", "softmax_gd"])
def test_safe_steps_never_raise_the_loss(name: str, k: int, epsilon: str, algorithm: str) -> None:
    mechanism = create(name, epsilon=epsilon, domain_size=k)
    assert isinstance(mechanism, DesignMechanism)
    likelihood = Likelihood(message_channel(mechanism), counts_of(mechanism, 3_000, seed=k))
    step = safe_step(likelihood, algorithm)
    assert step is not None
    path = walk(descend(likelihood, algorithm, step), steps=300, tol_gap=0)
    assert path.rises == 0
    assert path.rows[-1][1] < path.rows[0][1]


def test_steps_of_four_times_the_safe_length_are_noticed() -> None:
    likelihood = likelihood_31()
    step = safe_step(likelihood, "mirror")
    assert step is not None
    path = walk(descend(likelihood, "mirror", 4 * step), steps=300, tol_gap=0)
    assert path.rises > 100
    assert path.step_length * 300 > 0.5 * path.length


def test_an_impossible_message_leaves_mirror_without_a_bound() -> None:
    channel = MatrixChannel(np.array([[0.5, 0.0, 0.5], [0.5, 1.0, 0.5]]))
    likelihood = Likelihood(channel, np.array([3, 4]))
    assert safe_step(likelihood, "mirror") is None
    assert safe_step(likelihood, "softmax_gd") == pytest.approx(2 / (1 - 4 / 7 * 0.5))


@pytest.mark.parametrize("algorithm", list(UPDATES))
def test_the_maximum_is_where_nothing_moves(algorithm: str) -> None:
    likelihood = likelihood_31()
    best = walk(interior_point(likelihood), steps=100, tol_gap=1e-13).last
    assert best is not None
    moved = UPDATES[algorithm](best.p, likelihood.value_and_gradient(best.p)[1], 1.0)
    assert np.abs(moved - best.p).max() < 1e-9


def test_a_path_keeps_what_it_promises() -> None:
    def point(t: int, value: float) -> Point:
        p = np.array([0.5 + 0.1 * (t % 2), 0.5 - 0.1 * (t % 2)])
        return Point(t, p, value, np.array([-1.0, -1.0]))

    path = Path(due_steps(10))
    for t, value in enumerate([5.0, 4.0, 4.5, 3.0]):
        path.add(point(t, value))
    assert path.rises == 1
    assert path.length == pytest.approx(3 * np.sqrt(0.02))
    assert path.step_length == pytest.approx(np.sqrt(0.02))
    assert len(due_steps(10**6)) <= 500
    assert {0, 10**6} <= due_steps(10**6)
