"""The path round the square, in exact fractions and in floats."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import check_grad, minimize_scalar

from ldp_core.analysis.counterexamples.rectangle_cycle import RectangleCycle, build_rectangle_cycle
from ldp_core.analysis.counterexamples.solvers import armijo, bfgs, exact_line_search, lbfgs
from ldp_core.estimation.convergence import diagnose_convergence
from ldp_core.types import FloatArray

HALF, QUARTER = Fraction(1, 2), Fraction(1, 4)


def in_floats(cycle: RectangleCycle) -> FloatArray:
    return np.array([[float(z) for z in x] for x in cycle.points])


def test_three_steps_by_hand() -> None:
    """Acceptance C1: N = 3."""
    cycle = build_rectangle_cycle(3, 4, HALF, QUARTER)
    assert cycle.points[0] == (Fraction(-3, 2), Fraction(-5, 4))
    assert cycle.points[1] == (Fraction(9, 8), Fraction(-5, 4))
    assert cycle.points[3] == (Fraction(-33, 32), Fraction(17, 16))
    last = cycle.hinges[3]
    assert last.a == (Fraction(1, 8192), Fraction(87, 10240))
    assert last.b == Fraction(353, 40960)
    assert last.w == Fraction(562949953421312000, 51064811)
    assert cycle.value(cycle.points[3]) == Fraction(57, 655360)
    assert float(cycle.value(cycle.points[0])) == pytest.approx(1768.97537584437, rel=1e-14)


def test_twelve_steps_are_proved() -> None:
    """Acceptance C1: N = 12."""
    cycle = build_rectangle_cycle(12, 4, HALF, QUARTER)
    assert all(cycle.certificate().values())
    assert float(cycle.value(cycle.points[0])) == pytest.approx(2.33107010743e33, rel=1e-11)
    path = np.linalg.norm(np.diff(in_floats(cycle), axis=0), axis=1).sum()
    assert path == pytest.approx(25.2496948242, abs=1e-10)


@pytest.mark.parametrize(
    ("p", "q", "c"), [(3, HALF, QUARTER), (5, Fraction(2, 3), Fraction(1)), (4, Fraction(9, 10), Fraction(1, 7))]
)
def test_other_parameters_are_proved_too(p: int, q: Fraction, c: Fraction) -> None:
    assert all(build_rectangle_cycle(9, p, q, c).certificate().values())


def broken(what: Callable[[RectangleCycle], RectangleCycle]) -> set[str]:
    claims = what(build_rectangle_cycle(6, 4, HALF, QUARTER)).certificate()
    return {name for name, holds in claims.items() if not holds}


def test_a_false_certificate_is_seen_through() -> None:
    """A part in a million is enough to break a claim."""
    tiny = Fraction(1, 10**6)

    def heavier(cycle: RectangleCycle) -> RectangleCycle:
        hinge = replace(cycle.hinges[2], w=cycle.hinges[2].w * (1 + tiny))
        return replace(cycle, hinges=(*cycle.hinges[:2], hinge, *cycle.hinges[3:]))

    def lower(cycle: RectangleCycle) -> RectangleCycle:
        hinge = replace(cycle.hinges[2], b=cycle.hinges[2].b - abs(cycle.hinges[2].b))
        return replace(cycle, hinges=(*cycle.hinges[:2], hinge, *cycle.hinges[3:]))

    def moved(cycle: RectangleCycle) -> RectangleCycle:
        x = (cycle.points[3][0] + tiny, cycle.points[3][1])
        return replace(cycle, points=(*cycle.points[:3], x, *cycle.points[4:]))

    def backwards(cycle: RectangleCycle) -> RectangleCycle:
        return replace(cycle, points=cycle.points[::-1])

    assert "gradient_points_along_normal" in broken(heavier)
    assert {"hinge_zero_later", "hinge_zero_on_square"} <= broken(lower)
    assert {"gradient_points_along_normal", "step_along_direction"} <= broken(moved)
    assert "values_decrease" in broken(backwards)


def test_the_function_in_floats_is_the_exact_one() -> None:
    cycle = build_rectangle_cycle(8, 4, HALF, QUARTER)
    function = cycle.in_floats
    rng = np.random.default_rng(0)
    for _ in range(50):
        x = rng.uniform(-1.6, 1.6, 2)
        exact = tuple(Fraction(z) for z in x.tolist())
        assert function.value(x) == pytest.approx(float(cycle.value(exact)), rel=1e-9, abs=1e-300)
        assert function.gradient(x) == pytest.approx([float(z) for z in cycle.gradient(exact)], rel=1e-8, abs=1e-300)
    small = build_rectangle_cycle(2, 4, HALF, QUARTER).in_floats
    assert (
        check_grad(small.value, small.gradient, np.array([-1.3, 1.2]))
        < 1e-3 * np.abs(small.gradient(np.array([-1.3, 1.2]))).max()
    )


def test_the_square_is_where_the_function_is_least_and_it_is_convex() -> None:
    cycle = build_rectangle_cycle(6, 4, HALF, QUARTER)
    rng = np.random.default_rng(1)
    for _ in range(100):
        inside = tuple(Fraction(z) for z in rng.uniform(-1, 1, 2).tolist())
        assert cycle.value(inside) == 0
        a, b = (tuple(Fraction(z) for z in rng.uniform(-1.6, 1.6, 2).tolist()) for _ in range(2))
        middle = ((a[0] + b[0]) / 2, (a[1] + b[1]) / 2)
        assert cycle.value(middle) <= (cycle.value(a) + cycle.value(b)) / 2
        if max(abs(z) for z in a) > 1:
            assert cycle.value(a) > 0


def test_exact_line_search_in_floats_follows_every_corner() -> None:
    """Acceptance C2."""
    cycle = build_rectangle_cycle(24, 4, HALF, QUARTER)
    corners = in_floats(cycle)
    trace = exact_line_search(cycle.in_floats, corners[0], 24)
    assert np.abs(trace.iterates - corners).max() < 1e-12
    assert trace.path_length == pytest.approx(49.2499999, abs=1e-6)
    assert (trace.step_lengths > 1.5).sum() == 24
    assert trace.step_lengths[[0, -1]] == pytest.approx([2.625, 2.0], abs=1e-6)
    assert diagnose_convergence(trace.values, trace.step_lengths).status == "iterates_unsettled"


def test_the_line_minimum_is_that_of_scipy() -> None:
    cycle = build_rectangle_cycle(3, 4, HALF, QUARTER)
    f, x = cycle.in_floats, in_floats(cycle)
    found = minimize_scalar(
        lambda t: f.value(x[0] + np.array([t, 0.0])), bounds=(0, 5), method="bounded", options={"xatol": 1e-10}
    )
    assert found.x == pytest.approx(2.625, abs=1e-5)


@pytest.mark.parametrize(("perturbation", "low", "high"), [(1e-6, 12, 22), (1e-3, 4, 12), (1e-1, 0, 5)])
def test_the_cycle_is_unstable(perturbation: float, low: int, high: int) -> None:
    """Acceptance C2: a start beside the path follows it for a while."""
    cycle = build_rectangle_cycle(24, 4, HALF, QUARTER)
    rng = np.random.default_rng(2)
    for _ in range(5):
        start = in_floats(cycle)[0] + perturbation * rng.standard_normal(2)
        long_steps = (exact_line_search(cycle.in_floats, start, 24).step_lengths > 1.5).sum()
        assert low <= long_steps <= high


def test_other_solvers_stop_near_the_square() -> None:
    """Acceptance C3."""
    cycle = build_rectangle_cycle(24, 4, HALF, QUARTER)
    f, start = cycle.in_floats, in_floats(cycle)[0]
    halving = armijo(f, start, 2000)
    assert f.value(halving.iterates[-1]) == 0.0
    assert np.abs(halving.iterates[-1]).max() <= 1
    assert halving.path_length < 5
    limited = lbfgs(f, start, 2000)
    assert limited.values[-1] < 1e-8
    assert limited.path_length < 5
    assert np.abs(limited.iterates[-1]).max() < 1.001
    dense = bfgs(f, start, 2000)
    assert "precision loss" in dense.message
    assert diagnose_convergence(dense.values, dense.step_lengths).status == "still_descending"
