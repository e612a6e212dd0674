"""The entry point: instances, solvers, refusals."""

import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.counterexamples.request import StressRequest
from ldp_core.analysis.counterexamples.solver_stress import (
    EXAMPLE,
    SCHEMA,
    VERDICTS,
    from_json,
    predicted_seconds,
    run,
)
from ldp_core.analysis.counterexamples.worst_quadratic import WorstQuadratic
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.progress import Cancelled, Step
from ldp_core.estimation.convergence import STATUSES

ALL = ["exact_line_search", "armijo", "bfgs", "lbfgs"]


def test_the_example_runs_and_repeats_itself() -> None:
    first, again = (run(from_json(EXAMPLE)).to_json() for _ in range(2))
    assert json.dumps(first, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert first["verdict"] == "iterates_unsettled"
    assert first["result"]["solvers"]["armijo"]["status"] == "converged"
    assert first["result"]["certificate"]["verified"]
    assert tuple(VERDICTS) == STATUSES


@pytest.mark.parametrize("instance", ["els", "bregman", "quadratic"])
def test_parameters_have_the_defaults_of_the_schema(instance: str) -> None:
    stated = SCHEMA["properties"]["params"]["properties"]
    for name, value in vars(StressRequest(instance).chosen).items():
        if name != "steps":
            assert Fraction(stated[name]["default"]) == value


def test_the_square_in_floats() -> None:
    found = run(from_json({"instance": "els", "solvers": ALL}))
    result = found.result
    assert found.diagnostics["distance_to_exact_path"] < 1e-12
    assert result["long_steps"] == 24
    assert len(result["accumulation_points"]) == 4
    assert np.abs(np.abs(result["accumulation_points"]) - 1).max() < 1e-5
    assert {name: s["status"] for name, s in result["solvers"].items()} == {
        "exact_line_search": "iterates_unsettled",
        "armijo": "converged",
        "bfgs": "still_descending",
        "lbfgs": "converged",
    }
    assert {"path", "solvers", "contours"} == set(found.series)


def test_the_square_in_fractions() -> None:
    found = run(from_json({"arithmetic": "rational", "params": {"N": 30, "q": "0.5"}}))
    assert found.verdict == "iterates_unsettled"
    assert found.result["certificate"]["exact"]
    assert all(found.result["certificate"]["conditions"].values())
    assert found.result["long_steps"] == 30
    falling = np.array(found.result["f_log10"])
    assert (np.diff(falling) < 0).all()
    assert falling[0] > 150


def test_the_spiral() -> None:
    found = run(from_json({"instance": "bregman", "params": {"A": 1, "w": 4, "steps": 20000}}))
    assert found.verdict == "iterates_unsettled"
    assert found.result["certificate"] == {
        "verified": True,
        "conditions": {
            "steps_solve_the_mirror_equation": True,
            "offset_is_kept": True,
            "reference_is_convex": True,
        },
        "exact": False,
    }
    columns = found.series["path"].columns
    assert np.asarray(columns["x2"]) == pytest.approx(np.asarray(columns["closed_form"]), abs=1e-12)
    assert len(found.result["iterates"]) <= 1000
    offset = run(from_json({"instance": "bregman", "params": {"r": 0.7, "steps": 5000}}))
    assert "closed_form" not in offset.series["path"].columns


def test_the_quadratic_is_slow_but_converges() -> None:
    found = run(from_json({"instance": "quadratic", "params": {"mu": "1", "L": "10", "steps": 100}, "solvers": ALL}))
    assert found.verdict == "converged"
    values = 10.0 ** np.array(found.result["f_log10"])
    assert values[1:] / values[:-1] == pytest.approx(np.full(100, (9 / 11) ** 2), rel=1e-6)
    assert found.result["solvers"]["armijo"]["status"] == "converged"
    assert found.diagnostics["worst_rate"] == pytest.approx((9 / 11) ** 2)
    slow = run(from_json({"instance": "quadratic", "params": {"L": 1000, "steps": 50}}))
    assert slow.verdict == "still_descending"


def test_the_rate_of_the_quadratic_is_the_worst_of_its_class() -> None:
    """Against a semidefinite program over all smooth strongly convex functions (PEPit)."""
    pepit = pytest.importorskip("PEPit", reason="PEPit is not installed")
    from PEPit.functions import SmoothStronglyConvexFunction
    from PEPit.primitive_steps import exact_linesearch_step

    problem = pepit.PEP()
    function = problem.declare_function(SmoothStronglyConvexFunction, mu=1, L=10)
    best = function.stationary_point()
    start = problem.set_initial_point()
    problem.set_initial_condition(function(start) - function(best) <= 1)
    x, _, _ = exact_linesearch_step(start, function, [function.gradient(start)])
    problem.set_performance_metric(function(x) - function(best))
    worst = problem.solve(verbose=0)
    assert worst == pytest.approx(float(WorstQuadratic(Fraction(1), Fraction(10)).rate), rel=1e-4)


def test_perturbed_starts_are_drawn_from_the_seed() -> None:
    body = {"perturb": 1e-3, "seed": 3}
    first, again = (run(from_json(body)).result for _ in range(2))
    assert first["iterates"].tolist() == again["iterates"].tolist()
    assert first["long_steps"] < 24
    assert run(from_json({**body, "seed": 4})).result["iterates"].tolist() != first["iterates"].tolist()


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ([], "wrong_type", None),
        ({"instance": "rosenbrock"}, "unknown_choice", "instance"),
        ({"params": {"N": 0}}, "out_of_range", "params"),
        ({"params": {"N": 41}}, "out_of_range", "params"),
        ({"params": {"N": 25}}, "too_large", "params"),
        ({"params": {"p": 2}}, "out_of_range", "params"),
        ({"params": {"q": "one half"}}, "not_rational", "params"),
        ({"params": {"q": "1/0"}}, "not_rational", "params"),
        ({"params": {"q": True}}, "not_rational", "params"),
        ({"params": {"q": "1" * 41}}, "not_rational", "params"),
        ({"params": {"q": "nan"}}, "not_rational", "params"),
        ({"params": {"q": "1"}}, "out_of_range", "params"),
        ({"params": {"q": "0"}}, "out_of_range", "params"),
        ({"params": {"c": "-1/4"}}, "out_of_range", "params"),
        ({"params": {"q": "1/1001"}}, "too_large", "params"),
        ({"params": {"steps": 5}}, "unknown_field", "params"),
        ({"params": 5}, "wrong_type", "params"),
        ({"params": {"q": "1/20"}}, "out_of_range", "params"),
        ({"params": {"q": "1/100"}}, "construction_fails", "params"),
        ({"instance": "bregman", "params": {"A": 0}}, "out_of_range", "params"),
        ({"instance": "bregman", "params": {"steps": 1_000_001}}, "out_of_range", "params"),
        ({"instance": "quadratic", "params": {"mu": 2, "L": 1}}, "out_of_range", "params"),
        ({"solvers": "armijo"}, "wrong_type", "solvers"),
        ({"solvers": ["newton"]}, "unknown_choice", "solvers"),
        ({"solvers": ["mirror"]}, "not_for_this_instance", "solvers"),
        ({"instance": "bregman", "solvers": ["armijo"]}, "not_for_this_instance", "solvers"),
        ({"arithmetic": "decimal"}, "unknown_choice", "arithmetic"),
        ({"instance": "bregman", "arithmetic": "rational"}, "not_for_this_instance", "arithmetic"),
        ({"arithmetic": "rational", "solvers": ["armijo"]}, "not_for_this_instance", "solvers"),
        ({"arithmetic": "rational", "perturb": 0.1}, "not_for_this_instance", "perturb"),
        ({"perturb": -1}, "out_of_range", "perturb"),
        ({"max_iterations": 0}, "out_of_range", "max_iterations"),
        ({"tolerance": 1}, "unknown_field", "tolerance"),
    ],
)
def test_what_cannot_be_run_is_refused_by_field(body: Any, code: str, field: str | None) -> None:
    with pytest.raises(AnalysisError) as refusal:
        run(from_json(body))
    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert isinstance(refusal.value, TooLargeError) == (code == "too_large")


@pytest.mark.parametrize("body", [{}, {"arithmetic": "rational"}, {"instance": "bregman"}, {"solvers": ["lbfgs"]}])
def test_it_says_how_far_it_is_and_stops_when_told(body: Any) -> None:
    seen: list[Step] = []

    def watch(step: Step) -> None:
        seen.append(step)
        if len(seen) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(from_json(body), progress=watch)
    assert len(seen) == 3


def test_the_prediction_grows_with_the_work() -> None:
    def seconds(**body: Any) -> float:
        return predicted_seconds(from_json(body))

    assert seconds(params={"N": 12}) < seconds(params={"N": 24})
    rational = {"arithmetic": "rational"}
    assert seconds(**rational, params={"q": "1/2"}) < seconds(**rational, params={"q": "99/100"})
    assert seconds(instance="bregman") < seconds(instance="bregman", params={"steps": 10**6})
