"""Which starts find the hidden location, with the numbers of the experiments."""

import json
from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.progress import Cancelled, Step
from ldp_core.analysis.single_location.dynamics import (
    EXAMPLE,
    DynamicsRequest,
    from_json,
    predicted_seconds,
    run,
)


def of_outcome(result: Any, name: str, column: str) -> np.ndarray:
    rows = result.result["runs"]
    return np.asarray(rows[column])[[outcome.startswith(name) for outcome in rows["outcome"]]]


def test_every_start_on_the_manifold_recovers() -> None:
    """Acceptance A1.3."""
    result = run(DynamicsRequest(init="manifold"))
    assert result.verdict == "recovers"
    assert result.result["success_rate"] == 1.0
    rows = result.result["runs"]
    assert 0.1134 <= rows["excess"].mean() <= 0.1140
    assert np.abs(rows["kappa"]).min() > 0.97
    assert np.abs(rows["nu"]).min() > 0.9999
    assert (rows["kappa"] * rows["nu"] > 0).all()
    assert result.diagnostics["manifold_distance"].max() < 1e-8


def test_half_of_the_starts_on_the_sphere_swap_the_roles() -> None:
    """Acceptance A1.4."""
    result = run(DynamicsRequest(init="sphere"))
    assert result.verdict == "start_dependent"
    assert 0.2 <= result.result["success_rate"] <= 0.8
    low, high = result.result["success_interval"]
    assert low < result.result["success_rate"] < high
    assert result.result["outcomes"]["not_converged"] == 0
    assert np.abs(np.abs(of_outcome(result, "role_swap", "theta")) - 0.62977).max() <= 1e-3
    assert np.abs(of_outcome(result, "role_swap", "excess") - 0.115512).max() <= 1e-5


def check_schedule(request: DynamicsRequest, tolerance: float) -> None:
    result = run(request)
    assert result.result["success_rate"] >= 0.8
    assert result.result["floor"] == pytest.approx(0.0750118, abs=1e-6)
    assert np.abs(of_outcome(result, "oracle", "excess") - 0.0750118).max() <= tolerance
    # Where the swapped point has less risk than the oracle, a low risk must not count as recovery.
    assert (of_outcome(result, "role_swap", "excess") < result.result["floor"]).all()


def test_a_falling_lambda_rescues_most_starts() -> None:
    """Acceptance A1.5 with a quarter of the steps, which come less close."""
    check_schedule(DynamicsRequest(lambda0=1.0, lambda_decay=4e-4, steps=30_000), 1e-3)


@pytest.mark.slow
def test_a_falling_lambda_rescues_most_starts_at_the_published_pace() -> None:
    """Acceptance A1.5."""
    check_schedule(DynamicsRequest(lambda0=1.0, lambda_decay=1e-4, steps=120_000), 2e-4)


@pytest.mark.slow
def test_a_large_constant_lambda_stays_on_a_plateau() -> None:
    rows = run(DynamicsRequest(lambda0=0.9, alpha=1e-3, steps=120_000)).result["runs"]
    assert np.abs(rows["nu"]).mean() == pytest.approx(0.94, abs=0.04)
    assert np.abs(rows["kappa"]).mean() == pytest.approx(0.29, abs=0.02)
    assert rows["excess"].mean() == pytest.approx(3.817, abs=0.02)


def test_the_example_runs_and_repeats_itself() -> None:
    first, again = (run(from_json(EXAMPLE)).to_json() for _ in range(2))
    assert json.dumps(first, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert first["verdict"] == "start_dependent"
    other = run(from_json({**EXAMPLE, "seed": 1})).to_json()
    assert other["series"] != first["series"]


def test_series_hold_every_run_at_every_recorded_step() -> None:
    result = run(DynamicsRequest(d=20, steps=50, runs=3, log_points=6))
    columns = result.series["trajectories"].columns
    assert {len(column) for column in columns.values()} == {18}
    assert list(columns["t"][:6]) == [0, 10, 20, 30, 40, 50]
    assert columns["excess"][5] == result.result["runs"]["excess"][0]
    assert len(result.series["excess"].columns["floor"]) == 6


def test_an_explicit_start_at_the_oracle_stays_there() -> None:
    result = run(DynamicsRequest(init="explicit", start=(1, 1, 0, 0, 0), steps=20))
    assert result.result["outcomes"]["oracle"] == 1
    assert result.params_effective["runs"] == 1
    mirrored = run(DynamicsRequest(init="explicit", start=(-1, -1, 0, 0, 0), steps=20))
    assert mirrored.result["outcomes"]["oracle_neg"] == 1


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"d": 1}, "out_of_range", "d"),
        ({"d": 2.5}, "wrong_type", "d"),
        ({"steps": True}, "wrong_type", "steps"),
        ({"gamma": 0}, "out_of_range", "gamma"),
        ({"alpha": float("nan")}, "non_finite", "alpha"),
        ({"init": "ball"}, "unknown_choice", "init"),
        ({"init": "explicit"}, "missing_field", "start"),
        ({"start": [0, 0, 0, 0, 0]}, "unknown_field", "start"),
        ({"init": "explicit", "start": [0.9, 0, 0, 0.9, 0]}, "infeasible_gram", "start"),
        ({"init": "explicit", "start": [0.9, 0, 0]}, "wrong_shape", "start"),
        ({"steps": 500_000, "runs": 61}, "too_large", "steps"),
        ({"depth": 3}, "unknown_field", "depth"),
        ([], "wrong_type", None),
    ],
)
def test_what_cannot_be_followed_is_refused_by_field(body: Any, code: str, field: str | None) -> None:
    with pytest.raises(AnalysisError) as refusal:
        from_json(body)
    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert isinstance(refusal.value, TooLargeError) == (code == "too_large")


def test_it_says_how_far_it_is_and_stops_when_told() -> None:
    seen: list[Step] = []

    def watch(step: Step) -> None:
        seen.append(step)
        if step.done >= 300:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(DynamicsRequest(d=20, steps=500_000, runs=2), progress=watch)
    assert seen[-1].done < 400
    assert seen[-1].total == 500_000
    assert predicted_seconds(DynamicsRequest(steps=2000)) < predicted_seconds(DynamicsRequest(steps=4000))
