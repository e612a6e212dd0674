"""Laws of every operation: derivatives, choices at ties, and bounds."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.nonsmooth.evaluation import evaluate
from ldp_core.analysis.nonsmooth.hull import derivative_hull, distance_from_origin
from ldp_core.analysis.nonsmooth.operations import OPERATIONS
from tests.ldp_core.analysis.nonsmooth.programs import Nodes, tape_of

PARAMETERS: Mapping[str, Mapping[str, Any]] = {
    "clip": {"low": 0.2, "high": 0.6},
    "slice": {"start": 1, "stop": 4},
    "top_sum": {"count": 3},
    "quantile": {"level": 0.37},
    "isotonic": {"direction": "increasing"},
    "hard_threshold": {"threshold": 0.4},
}
K = 7


SIZES = {"sum": 1, "dot": 1, "largest": 1, "top_sum": 1, "quantile": 1, "slice": 3}
WEIGHTS = [1.0, 0.7, 1.9, 0.4, 2.3, 1.1, 0.6]


def weighted(op: str, size: int = K, **parameters: Any) -> Nodes:
    """The operation on lists x (and y, z) of this size, then a smooth mix of its results in which each has another weight."""
    args = ["x", "y", "z"][: OPERATIONS[op].arity]
    return [
        {"out": "result", "op": op, "args": args, **parameters},
        {"out": "shifted", "op": "add", "args": ["result", "shift"]},
        {"out": "squares", "op": "square", "args": ["shifted"]},
        {"out": "weights", "op": "constant", "value": WEIGHTS[: SIZES.get(op, size)]},
        {"out": "value", "op": "dot", "args": ["squares", "weights"]},
    ]


def inputs(rng: np.random.Generator, op: str) -> dict[str, Any]:
    names = ["x", "y", "z"][: OPERATIONS[op].arity]
    return {**{name: rng.uniform(0.05, 1.0, K) for name in names}, "shift": rng.uniform(1, 2, 1)}


@pytest.mark.parametrize("op", list(OPERATIONS))
def test_derivatives_are_those_of_the_function(op: str) -> None:
    """Central differences at 12 random points, none of them on a kink."""
    rng = np.random.default_rng(list(OPERATIONS).index(op))
    nodes = weighted(op, **PARAMETERS.get(op, {}))
    for _ in range(12):
        point = inputs(rng, op)
        tape = tape_of(nodes, "value", **point)
        assert tape.ties == ()
        gradient = tape.gradients(tape.convention(0.0))[0]
        flat = [(name, i) for name, numbers in point.items() for i in range(len(numbers))]
        for place, (name, i) in enumerate(flat):
            ends = []
            for step in (-1e-6, 1e-6):
                moved = {key: numbers.copy() for key, numbers in point.items()}
                moved[name][i] += step
                ends.append(tape_of(nodes, "value", **moved).value)
            assert gradient[place] == pytest.approx((ends[1] - ends[0]) / 2e-6, rel=2e-6, abs=2e-6)
        low, high = tape.bounds()
        assert (low <= gradient + 1e-12).all()
        assert (gradient <= high + 1e-12).all()


TIED: Mapping[str, tuple[Any, ...]] = {
    "relu": ([0.0, 0.5, 0.0, -1.0],),
    "abs": ([0.0, 0.5, 0.0, -1.0],),
    "max": ([0.1, 0.2, 0.3, 0.4], [0.1, 0.5, 0.3, 0.0]),
    "min": ([0.1, 0.2, 0.3, 0.4], [0.1, 0.5, 0.3, 0.0]),
    "clip": ([0.2, 0.6, 0.4, 0.9],),
    "sort": ([0.3, 0.1, 0.3, 0.3, 0.7, 0.1],),
    "largest": ([0.5, 0.1, 0.5, 0.5],),
    "top_sum": ([0.5, 0.1, 0.5, 0.7, 0.5, 0.5],),
    "quantile": ([0.25, 0.12, 0.38, 0.25],),
    "norm_sub": ([0.6, 0.4, 0.0, -0.5, 0.0],),
    "simplex": ([0.6, 0.4, 0.0, -0.5, 0.0],),
    "isotonic": ([0.2, 0.2, 0.5, 0.3, 0.4, 0.9],),
}


def tied_tape(op: str) -> Any:
    point = {**dict(zip("xyz", TIED[op], strict=False)), "shift": 1.3}
    return tape_of(weighted(op, len(TIED[op][0]), **PARAMETERS.get(op, {})), "value", 1e-12, **point)


@pytest.mark.parametrize("op", list(TIED))
def test_corners_are_limits_of_derivatives_nearby(op: str) -> None:
    """Nearby points have only derivatives that are corners of the hull, and together they reach its box.

    The function is piecewise quadratic or nearly so: a point 1e-7 away has the derivative of its piece up to 1e-5.
    """
    rng = np.random.default_rng(3)
    tape = tied_tape(op)
    hull = derivative_hull(tape, rng)
    assert hull.exact
    assert len(tape.ties) >= 1
    seen = []
    for _ in range(200):
        moved = {
            name: numbers + 1e-7 * rng.standard_normal(len(numbers)) * (name != "shift")
            for name, numbers in tape.inputs.items()
        }
        near = evaluate(tape.program, moved)
        seen.append(near.gradients(near.convention(0.0))[0])
    for gradient in np.unique(np.round(seen, 4), axis=0):
        assert distance_from_origin(hull.vertices - gradient) < 1e-3
    reached = np.array(seen)
    assert np.abs(reached.min(axis=0) - hull.lower).max() < 1e-4
    assert np.abs(reached.max(axis=0) - hull.upper).max() < 1e-4


@pytest.mark.parametrize("op", list(TIED))
def test_bounds_hold_for_every_corner(op: str) -> None:
    tape = tied_tape(op)
    hull = derivative_hull(tape, np.random.default_rng(0))
    low, high = tape.bounds()
    assert (low <= hull.lower + 1e-12).all()
    assert (high >= hull.upper - 1e-12).all()


ALONG: Mapping[str, list[float]] = {
    "relu": [0.0, 0.5, 0.0, -1.0],
    "abs": [0.0, 0.5, 0.0, -1.0],
    "max": [1.0, 2.0, 3.0, 4.0, 1.0, -1.0, 3.0, 0.0],
    "min": [1.0, 2.0, 3.0, 4.0, 1.0, -1.0, 3.0, 0.0],
    "clip": [0.0, 0.0, 1.0, 1.0],
    "sort": [3.0, 1.0, 3.0, 3.0, 0.0, 1.0],
    "largest": [1.0, 0.0, 1.0, 1.0],
    "top_sum": [1.0, 2.0, 1.0, 0.0, 1.0, 1.0],
    "quantile": [0.25, 0.12, 0.38, 0.25],
    "norm_sub": [1.0, -1.0, 0.0, 3.0, 0.0],
    "simplex": [1.0, -1.0, 0.0, 3.0, 0.0],
    "isotonic": [1.0, 1.0, 2.0, 2.0, 2.0, 0.0],
}
"""Directions in which the ties stay ties."""


@pytest.mark.parametrize("op", list(TIED))
def test_every_choice_tells_the_same_slope_along_a_kink(op: str) -> None:
    """Conservativity: d/dt f(g(t)) = <v, g'(t)> for all v in the hull, on a path g inside the set of ties."""
    tape = tied_tape(op)
    hull = derivative_hull(tape, np.random.default_rng(0))
    direction = np.array([*ALONG[op], 0.0])
    slopes = hull.vertices @ direction
    assert np.ptp(slopes) < 1e-12
    place, moved = 0, {}
    for name, numbers in tape.inputs.items():
        moved[name] = numbers + 1e-7 * direction[place : place + len(numbers)]
        place += len(numbers)
    assert (evaluate(tape.program, moved).value - tape.value) / 1e-7 == pytest.approx(slopes[0], abs=1e-5)
    assert np.ptp(hull.vertices, axis=0).max() > 0.1  # other directions do tell them apart


def test_gradients_are_affine_in_each_choice() -> None:
    nodes: Nodes = [
        {"out": "a", "op": "relu", "args": ["x"]},
        {"out": "b", "op": "abs", "args": ["a"]},
        {"out": "c", "op": "add", "args": ["b", "x"]},
        {"out": "value", "op": "max", "args": ["c", "a"]},
    ]
    tape = tape_of(nodes, "value", x=0.0)
    assert len(tape.ties) == 3
    rng = np.random.default_rng(1)
    for digit in range(3):
        ends = np.tile(rng.random(3), (3, 1))
        ends[:, digit] = [0.0, 0.4, 1.0]
        left, middle, right = tape.gradients(ends)[:, 0]
        assert middle == pytest.approx(0.6 * left + 0.4 * right, abs=1e-14)


def test_ties_of_constants_are_no_ties() -> None:
    nodes: Nodes = [
        {"out": "fixed", "op": "constant", "value": [1, 1, 0]},
        {"out": "order", "op": "sort", "args": ["fixed"]},
        {"out": "flat", "op": "relu", "args": ["fixed"]},
        {"out": "both", "op": "add", "args": ["order", "flat"]},
        {"out": "value", "op": "dot", "args": ["both", "x"]},
    ]
    assert tape_of(nodes, "value", x=[1.0, 2.0, 3.0]).ties == ()


def test_a_quantile_jumps_over_an_empty_cell() -> None:
    node = [{"out": "value", "op": "quantile", "args": ["x"], "level": 0.5}]
    assert tape_of(node, "value", x=[0.5, 0.5, 0.0]).value == 1.0
    with pytest.raises(AnalysisError) as refusal:
        tape_of(node, "value", x=[0.5, 0.0, 0.5])
    assert refusal.value.code == "not_path_differentiable"
    assert tape_of(node, "value", x=[0.6, 0.0, 0.4]).jump == pytest.approx(0.1)
