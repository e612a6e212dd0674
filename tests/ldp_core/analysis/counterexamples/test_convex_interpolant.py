"""Level sets in, convex function out."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

from ldp_core.analysis.counterexamples.convex_interpolant import (
    EXAMPLE,
    VERDICTS,
    from_json,
    predicted_seconds,
    run,
)
from ldp_core.analysis.counterexamples.level_sets import Bump, LevelSets, interpolate_level_sets
from ldp_core.analysis.counterexamples.support_curves import angles, boundary, curvature_radii, support_function
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.progress import Cancelled, Step

FOUR = [
    {"type": "ellipse", "a": a, "b": b, "rot": rot}
    for a, b, rot in ((1, 0.7, 0), (1.5, 1.1, 0.5), (2.2, 1.7, 1.1), (3.1, 2.5, 1.8))
]
CIRCLES = [{"type": "ellipse", "a": r, "b": r} for r in (1, 2)]


def four(k: int = 3) -> LevelSets:
    return interpolate_level_sets([support_function("set", one) for one in FOUR], k)


def level_error(function: LevelSets) -> float:
    """In units of one set to the next."""
    points, levels = function.boundaries(90)
    f, where = function.evaluate(points)
    assert (where == 0).all()
    found, given = (np.log1p(function.rate * value) / function.rate for value in (f, levels))
    return float(np.abs(found - given).max())


@pytest.mark.slow
def test_four_ellipses() -> None:
    """Acceptance C5."""
    function = four()
    assert level_error(function) < 1e-6
    assert function.midpoint_violations(np.random.default_rng(0), 1500) == 0
    without = replace(function, rate=0.0).midpoint_violations(np.random.default_rng(0), 1500)
    print(f"violations without convexification: {without} of 1500")
    assert without > 50


def test_four_ellipses_shortly() -> None:
    """Acceptance C5 with 150 chords."""
    function = four()
    assert level_error(function) < 1e-6
    assert function.midpoint_violations(np.random.default_rng(0), 150) == 0
    assert replace(function, rate=0.0).midpoint_violations(np.random.default_rng(0), 150) > 5


def test_circles_have_a_radial_function() -> None:
    """Everything is known: the level is a function of the radius, and the radius at level s is the support function there."""
    function = interpolate_level_sets([support_function("set", one) for one in CIRCLES], 3)
    s = np.linspace(0, 1, 21)
    radius = function.support(s)[0][:, 0]
    turned = np.array([[r * np.cos(0.3 + i), r * np.sin(0.3 + i)] for i, r in enumerate(radius)])
    f, where = function.evaluate(turned)
    assert f[where == 0] == pytest.approx(function.of_level(s)[where == 0], rel=1e-6, abs=1e-9)
    assert radius[[0, 10, 20]] == pytest.approx([1, 1.5, 2], abs=1e-12)
    along = function.of_level(s)
    slopes = np.diff(along) / np.diff(radius)
    assert (np.diff(slopes) > 0).all()


@pytest.mark.parametrize("k", [1, 3, 8])
def test_the_bump_is_what_it_says(k: int) -> None:
    bump = Bump(k)
    t = np.linspace(0, 1, 101)
    assert bump.integral(np.array([1.0]))[0] == pytest.approx(bump.mean, abs=1e-14)
    for end in (0.2, 0.5, 0.83):
        area = quad(lambda x: float(bump.value(np.array([x]))[0]), 0, end, points=[0.5])[0]
        assert bump.integral(np.array([end]))[0] == pytest.approx(area, abs=1e-10)
    assert bump.value(t[[0, 50, 100]]).tolist() == [0, 1, 0]
    fine = np.linspace(0, 1, 20_001)
    assert np.gradient(bump.value(fine), fine) == pytest.approx(bump.slope(fine), abs=1e-3)
    near, nearer = bump.value(np.array([2e-4, 1e-4]))
    assert near / nearer == pytest.approx(2.0 ** (k + 1), rel=0.01)  # k derivatives vanish at the ends


def test_every_level_between_is_a_strictly_convex_curve() -> None:
    function = four()
    s = np.linspace(0, 3, 61)
    sigma, speed = function.support(s)
    assert speed.min() > 0
    assert min(curvature_radii(row).min() for row in sigma) > 0
    eased = speed * np.exp(-function.rate * s)[:, None]  # the speed in f must fall
    assert (np.diff(eased, axis=0) < 0).all()


def test_support_functions() -> None:
    ellipse = support_function("set", {"type": "ellipse", "a": 2, "b": 1, "rot": 0.4, "cx": 0.3, "cy": -0.2})
    points = boundary(ellipse)
    turned = (points - [0.3, -0.2]) @ np.array([[np.cos(0.4), -np.sin(0.4)], [np.sin(0.4), np.cos(0.4)]])
    assert (turned[:, 0] / 2) ** 2 + turned[:, 1] ** 2 == pytest.approx(np.ones(1440), abs=1e-9)
    assert curvature_radii(ellipse).min() == pytest.approx(0.5, abs=1e-4)
    assert curvature_radii(ellipse).max() == pytest.approx(4.0, abs=1e-4)
    for count in (63, 64):
        theta = np.arange(count) * 2 * np.pi / count
        values = 2 + 0.1 * np.cos(3 * theta) + 0.05 * np.sin(5 * theta)
        sampled = support_function("set", {"type": "support", "values": values.tolist()})
        exact = 2 + 0.1 * np.cos(3 * angles()) + 0.05 * np.sin(5 * angles())
        assert sampled == pytest.approx(exact, abs=1e-12)


def test_the_example_runs_and_repeats_itself() -> None:
    first, again = (run(from_json(EXAMPLE)).to_json() for _ in range(2))
    assert json.dumps(first, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert first["verdict"] == "convex"
    assert set(VERDICTS) >= {first["verdict"]}
    assert first["result"]["where"] == ["between", "between"]
    assert first["diagnostics"]["level_error"] < 1e-6


def test_points_outside_the_rings_have_no_value() -> None:
    found = run(from_json({"sets": CIRCLES, "eval": [[0, 0], [1.5, 0], [3, 0]], "chords": 10})).result
    assert found["where"] == ["inside_first", "between", "outside_last"]
    assert found["values"][0] is None
    assert found["values"][2] is None
    assert 0 < found["values"][1] < found["levels"][1]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "missing_field", "sets"),
        ({"sets": "circle"}, "wrong_type", "sets"),
        ({"sets": CIRCLES[:1]}, "wrong_shape", "sets"),
        ({"sets": CIRCLES * 7}, "too_large", "sets"),
        ({"sets": [1, 2]}, "wrong_type", "sets"),
        ({"sets": [{"type": "square"}] * 2}, "unknown_choice", "sets[0].type"),
        ({"sets": [{"type": "ellipse", "a": 1}] * 2}, "missing_field", "sets"),
        ({"sets": [{"type": "ellipse", "a": 1, "b": 0}] * 2}, "out_of_range", "sets[0].b"),
        ({"sets": [{"type": "ellipse", "a": 1, "b": 1, "c": 1}] * 2}, "unknown_field", "sets"),
        ({"sets": [{"type": "support", "values": [1] * 15}] * 2}, "wrong_shape", "sets"),
        ({"sets": [{"type": "support"}] * 2}, "wrong_shape", "sets"),
        ({"sets": CIRCLES[::-1]}, "not_nested", "sets"),
        ({"sets": [CIRCLES[0], CIRCLES[0]]}, "not_nested", "sets"),
        ({"sets": [CIRCLES[0], {**CIRCLES[1], "cx": 1.5}]}, "not_nested", "sets"),
        (
            {"sets": [CIRCLES[0], {"type": "support", "values": [2 + (-1) ** i for i in range(32)]}]},
            "not_strictly_convex",
            "sets",
        ),
        ({"sets": CIRCLES, "k": 0}, "out_of_range", "k"),
        ({"sets": CIRCLES, "eval": [[1]]}, "wrong_shape", "eval"),
        ({"sets": CIRCLES, "eval": 5}, "wrong_shape", "eval"),
        ({"sets": CIRCLES, "eval": [[1e7, 0]]}, "wrong_shape", "eval"),
        ({"sets": CIRCLES, "eval": [[0, 0]] * 5001}, "too_large", "eval"),
        ({"sets": CIRCLES, "chords": 5001}, "out_of_range", "chords"),
    ],
)
def test_what_has_no_function_is_refused_by_field(body: Any, code: str, field: str) -> None:
    with pytest.raises(AnalysisError) as refusal:
        run(from_json(body))
    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert isinstance(refusal.value, TooLargeError) == (code == "too_large")


def test_it_says_how_far_it_is_and_stops_when_told() -> None:
    seen: list[Step] = []

    def watch(step: Step) -> None:
        seen.append(step)
        if len(seen) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(from_json(EXAMPLE), progress=watch)
    assert {step.unit for step in seen} == {"points"}
    assert predicted_seconds(from_json(EXAMPLE)) < predicted_seconds(from_json({**EXAMPLE, "chords": 5000}))
