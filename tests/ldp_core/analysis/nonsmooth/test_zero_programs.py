"""Programs that compute nothing, and the derivatives that automatic differentiation gives them."""

import numpy as np
import pytest

from ldp_core.analysis.nonsmooth.derivative import from_json, run
from ldp_core.analysis.nonsmooth.hull import MOST_VERTICES, derivative_hull
from tests.ldp_core.analysis.nonsmooth.programs import Nodes, tape_of, times, zero

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(("policy", "derivative"), [(0.0, 1.0), (0.5, 0.0), (1.0, -1.0)])
def test_zero_has_any_derivative_at_its_kink(policy: float, derivative: float) -> None:
    """Acceptance N1."""
    result = run(from_json({"inputs": {"t": 0}, "program": zero(), "output": "zero", "tie": {"policy": policy}})).result
    assert result["value"] == 0
    assert result["gradient_ad"].tolist() == [derivative]
    assert (result["hull"]["lower"].tolist(), result["hull"]["upper"].tolist()) == ([-1.0], [1.0])
    assert result["hull"]["exact"]


def test_beside_the_kink_zero_has_derivative_zero() -> None:
    """Acceptance N1: 1e-300 is not 0."""
    tape = tape_of(zero(), "zero", t=1e-300)
    assert tape.ties == ()
    assert tape.gradients(tape.convention(0.0)).tolist() == [[0.0]]


def test_relu_written_in_three_ways() -> None:
    """Acceptance N1: the mean of relu(t) and relu(-t) + t has derivative 1/2 by every convention, and the hull [0, 1]."""
    nodes = [*zero(), {"out": "sum", "op": "add", "args": ["zero.relu", "zero.relu2"]}, *times(0.5, "sum", "relu3")]
    tape = tape_of(nodes, "relu3", t=0)
    hull = derivative_hull(tape, RNG)
    assert [tape.gradients(tape.convention(s))[0, 0] for s in (0.0, 0.3, 1.0)] == pytest.approx([0.5] * 3, abs=1e-15)
    assert (hull.lower[0], hull.upper[0]) == (0.0, 1.0)
    wide = derivative_hull(tape_of([*zero(), *times(7, "zero", "seven")], "seven", t=0), RNG)
    assert (wide.lower[0], wide.upper[0]) == (-7.0, 7.0)


def descend(start: float, policy: float) -> float:
    """Gradient descent on (t - zero(t) - 1)^2, which is (t - 1)^2."""
    nodes: Nodes = [
        *zero(),
        {"out": "one", "op": "constant", "value": 1},
        {"out": "left", "op": "sub", "args": ["t", "zero"]},
        {"out": "miss", "op": "sub", "args": ["left", "one"]},
        {"out": "loss", "op": "square", "args": ["miss"]},
    ]
    t = start
    for _ in range(60):
        tape = tape_of(nodes, "loss", t=t)
        t -= 0.25 * float(tape.gradients(tape.convention(policy))[0, 0])
    return t


def test_descent_is_stuck_at_the_artificial_point_and_nowhere_else() -> None:
    """Acceptance N4."""
    assert descend(0.0, policy=0.0) == 0.0
    assert descend(1e-9, policy=0.0) == pytest.approx(1.0, abs=1e-12)
    assert descend(-1e-9, policy=0.0) == pytest.approx(1.0, abs=1e-12)
    assert descend(0.0, policy=0.5) == pytest.approx(1.0, abs=1e-12)


def test_an_artificial_critical_point_is_told_from_a_minimum() -> None:
    through = [*zero(), {"out": "value", "op": "sub", "args": ["t", "zero"]}]
    found = run(from_json({"inputs": {"t": 0}, "program": through}))
    assert found.verdict == "artificial_critical_point"
    assert found.result["gradient_ad"].tolist() == [0.0]
    assert found.diagnostics["clarke_sample"]["min_norm"] == pytest.approx(1.0)
    assert not found.diagnostics["clarke_sample"]["ad_in_sampled_hull"]
    minimum = run(from_json({"inputs": {"t": 0}, "program": [{"out": "value", "op": "abs", "args": ["t"]}]}))
    assert minimum.verdict == "set_valued"
    assert not minimum.result["artificial_critical_point"]
    assert minimum.diagnostics["clarke_sample"]["min_norm"] == pytest.approx(0.0, abs=1e-9)


def sum_of_zeros(count: int) -> Nodes:
    """2^i zero(t_i) summed, so that every corner has another sum of derivatives."""
    nodes: Nodes = []
    for i in range(count):
        nodes += [
            {"out": f"t{i}", "op": "slice", "args": ["t"], "start": i, "stop": i + 1},
            {"out": f"relu{i}", "op": "relu", "args": [f"t{i}"]},
            *times(2.0**i, f"relu{i}", f"term{i}"),
        ]
    total = "term0"
    for i in range(1, count):
        nodes.append({"out": f"sum{i}", "op": "add", "args": [total, f"term{i}"]})
        total = f"sum{i}"
    return [*nodes, *times(1.0, total, "value")]


def test_all_corners_of_twelve_ties() -> None:
    """Acceptance N5: every corner once; beyond twelve, some corners inside a certain box."""
    hull = derivative_hull(tape_of(sum_of_zeros(12), "value", t=[0.0] * 12), RNG)
    assert (hull.exact, hull.corners, len(hull.vertices)) == (True, MOST_VERTICES, MOST_VERTICES)
    assert sorted(hull.vertices.sum(axis=1).tolist()) == list(range(4096))
    assert hull.upper.tolist() == [2.0**i for i in range(12)]
    more = derivative_hull(tape_of(sum_of_zeros(13), "value", t=[0.0] * 13), RNG)
    assert not more.exact
    assert more.upper.tolist() == [2.0**i for i in range(13)]
    assert (more.vertices >= more.lower).all()
    assert (more.vertices <= more.upper).all()
    assert len(np.unique(more.vertices, axis=0)) > 200
