"""A head fitted to rows of tokens finds the hidden location, and says so only when it did."""

import json
from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.progress import Cancelled, Step
from ldp_core.analysis.result import AnalysisResult
from ldp_core.analysis.single_location.attention import attention_weights
from ldp_core.analysis.single_location.fit import EXAMPLE, FitRequest, from_json, predicted_seconds, run
from ldp_core.analysis.single_location.synthetic import SingleLocationData, draw_rows
from ldp_core.labels import OneBitOutcome

GAMMA = 0.5**0.5


def rows_of_the_model(n: int, seed: int, d: int = 20) -> SingleLocationData:
    return draw_rows(n, d, 10, gamma=GAMMA, noise_sd=0.1, rng=np.random.default_rng(seed))


def recovered(data: SingleLocationData, result: AnalysisResult) -> tuple[float, float, float]:
    """|<k, k*>|, |<v, v*>| and the share of rows whose located token is right."""
    found = result.result
    weights = attention_weights(data.X / found["token_scale"], found["k"], found["lambda"], "softmax")
    located = float(np.mean(weights.argmax(axis=1) == data.location))
    return abs(float(found["k"] @ data.k_star)), abs(float(found["v"] @ data.v_star)), located


def check_recovery(seed: int) -> None:
    data = rows_of_the_model(2000, seed)
    result = run(FitRequest(X=data.X, y=data.y, seed=seed))
    kappa, nu, located = recovered(data, result)
    assert result.verdict == "supported"
    assert result.result["r2_test"] >= 0.72
    assert result.result["r2_linear"] <= 0.08
    assert kappa >= 0.94
    assert nu >= 0.99
    assert located >= 0.91
    assert result.result["r2_linear_theory"] == pytest.approx(0.5 / 9.5, abs=0.02)
    assert result.diagnostics["moment_alignment_v"] > 0.8


@pytest.mark.parametrize("seed", range(3))
def test_it_recovers_the_model(seed: int) -> None:
    """Acceptance A1.7."""
    check_recovery(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 15))
def test_it_recovers_the_model_for_many_seeds(seed: int) -> None:
    """Acceptance A1.7."""
    check_recovery(seed)


def null_is_supported(seed: int) -> bool:
    data = rows_of_the_model(2000, 100 + seed)
    shuffled = np.random.default_rng(seed).permutation(data.y)
    return run(FitRequest(X=data.X, y=shuffled, seed=seed)).verdict != "not_supported"


def test_shuffled_outcomes_support_nothing() -> None:
    # The permutation test alone errs with probability 0.01 for attention and 0.01 for the linear model: 3 seeds, 6 %.
    assert not any(null_is_supported(seed) for seed in range(3))


@pytest.mark.slow
def test_shuffled_outcomes_support_nothing_for_many_seeds() -> None:
    # Two or more of 20 at 2 % each: 6 %; three or more: 0.7 %
    assert sum(null_is_supported(seed) for seed in range(20)) <= 2


@pytest.mark.parametrize("seed", range(4))
def test_erf_from_random_starts_never_hides_a_role_swap(seed: int) -> None:
    """Acceptance A1.8."""
    data = rows_of_the_model(2000, seed)
    result = run(FitRequest(X=data.X, y=data.y, attention="erf", moments_start=False, seed=seed))
    assert abs(result.result["k"] @ data.k_star) >= 0.9 or result.result["role_swap_suspected"]
    if result.result["role_swap_suspected"]:
        assert result.verdict != "supported"
        assert "role_swap_suspected" in result.warnings


def private_fit(n: int, seed: int) -> tuple[SingleLocationData, AnalysisResult]:
    data = rows_of_the_model(n, seed)
    bits = OneBitOutcome(1, 2.0).simulate(data.y, np.random.default_rng(1000 + seed))
    return data, run(FitRequest(X=data.X, y=bits, label_epsilon=1, label_bound=2.0, seed=seed))


def test_private_outcomes_still_show_the_location() -> None:
    """Acceptance A1.9 with 20 000 rows instead of 50 000."""
    data, result = private_fit(20_000, 0)
    kappa, nu, _ = recovered(data, result)
    assert result.verdict == "supported"
    assert kappa >= 0.85
    assert nu >= 0.93
    # Against bits no R^2 can pass its ceiling, but the explained variance keeps its scale: Var(y) is 0.51.
    assert 0 < result.result["r2_test"] < result.result["r2_ceiling"] < 0.22
    assert abs(result.result["explained_variance"] - 0.45) < 4 * result.result["explained_variance_se"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_private_outcomes_show_the_location_of_many_rows(seed: int) -> None:
    """Acceptance A1.9."""
    data, result = private_fit(50_000, seed)
    kappa, nu, _ = recovered(data, result)
    assert result.verdict == "supported"
    assert kappa >= 0.92
    assert nu >= 0.95


def test_a_linear_outcome_needs_no_attention() -> None:
    rng = np.random.default_rng(8)
    X = rng.standard_normal((600, 5, 4))
    y = X[:, 2] @ np.array([1.0, -1.0, 0.5, 0.0]) + 0.3 * rng.standard_normal(600)
    result = run(FitRequest(X=X, y=y))
    assert result.verdict == "linear_enough"
    assert result.result["r2_linear"] > 0.85


def test_a_wide_input_is_solved_through_its_rows() -> None:
    rng = np.random.default_rng(9)
    X = rng.standard_normal((100, 10, 30))
    result = run(FitRequest(X=X, y=X[:, 0, 0] * 3 + 0.01 * rng.standard_normal(100), starts=2))
    assert result.result["r2_linear"] > 0


def test_one_start_supports_nothing_and_says_so() -> None:
    data = rows_of_the_model(1000, 1)
    result = run(FitRequest(X=data.X, y=data.y, starts=1))
    assert result.verdict == "unstable"
    assert result.warnings == ("single_start",)


def test_saturated_attention_agrees_by_the_tokens_it_finds() -> None:
    data = draw_rows(1500, 80, 10, gamma=GAMMA, noise_sd=0.1, rng=np.random.default_rng(3))
    result = run(FitRequest(X=data.X, y=data.y, lambda_grid=(2.0,), starts=2))
    assert result.diagnostics["start_token_agreement"] >= [0.95, 0.95]
    assert result.verdict == "supported"


def test_a_position_with_one_token_only_is_named() -> None:
    data = rows_of_the_model(300, 2, d=4)
    X = data.X.copy()
    X[:, 3] = 1.5
    result = run(FitRequest(X=X, y=data.y, starts=2, lambda_grid=(2.0,)))
    assert "degenerate_position" in result.warnings
    assert result.diagnostics["degenerate_positions"] == [3]


def test_units_of_the_tokens_do_not_matter() -> None:
    data = rows_of_the_model(500, 3, d=8)
    one, other = (run(FitRequest(X=data.X * scale, y=data.y, starts=2)).result for scale in (1.0, 1000.0))
    assert one["r2_test"] == pytest.approx(other["r2_test"], rel=1e-5)
    assert np.allclose(one["k"], other["k"], atol=1e-4)


def test_the_example_works_and_repeats_itself() -> None:
    first, again = (run(from_json(EXAMPLE)).to_json() for _ in range(2))
    assert json.dumps(first, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert first["verdict"] == "supported"
    rows = first["result"]["attention_rows"]  # type: ignore[index,call-overload]
    assert [row["row"] for row in rows] == [0, 1, 2, 3]
    assert all(sum(row["attention"]) == pytest.approx(1) for row in rows)
    assert sum(first["result"]["position_profile"]) == pytest.approx(1)  # type: ignore[index,call-overload,arg-type]
    other = run(from_json({**EXAMPLE, "seed": 2})).to_json()
    assert other["result"] != first["result"]


X_OK = np.random.default_rng(0).standard_normal((60, 3, 2)).tolist()
Y_OK = list(range(60))


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"y": Y_OK}, "missing_field", "X"),
        ({"X": X_OK[:40], "y": Y_OK[:40]}, "too_few_rows", "X"),
        ({"X": [[row[0]] for row in X_OK], "y": Y_OK}, "too_few_tokens", "X"),
        ({"X": [[[float("nan")] * 2] * 3] * 60, "y": Y_OK}, "non_finite", "X"),
        ({"X": [[[1.0] * 2] * 3] * 60, "y": Y_OK}, "constant_x", "X"),
        ({"X": [[[1.0], [2.0, 3.0]]] * 60, "y": Y_OK}, "wrong_shape", "X"),
        ({"X": [1.0] * 60, "y": Y_OK}, "wrong_shape", "X"),
        ({"X": X_OK, "y": [2.0] * 60}, "constant_y", "y"),
        ({"X": X_OK, "y": Y_OK[:50]}, "wrong_shape", "y"),
        ({"X": X_OK, "y": ["a"] * 60}, "wrong_shape", "y"),
        ({"X": X_OK, "y": Y_OK, "starts": 0}, "out_of_range", "starts"),
        ({"X": X_OK, "y": Y_OK, "ridge": 0}, "out_of_range", "ridge"),
        ({"X": X_OK, "y": Y_OK, "split": [0.5, 0.2, 0.2]}, "out_of_range", "split"),
        ({"X": X_OK, "y": Y_OK, "attention": "linear"}, "unknown_choice", "attention"),
        ({"X": X_OK, "y": Y_OK, "lambda_grid": []}, "wrong_shape", "lambda_grid"),
        ({"X": X_OK, "y": Y_OK, "lambda_grid": 2}, "wrong_type", "lambda_grid"),
        ({"X": X_OK, "y": Y_OK, "return_attention_for": [60]}, "out_of_range", "return_attention_for"),
        ({"X": X_OK, "y": Y_OK, "return_attention_for": list(range(51))}, "out_of_range", "return_attention_for"),
        ({"X": X_OK, "y": Y_OK, "return_attention_for": 3}, "out_of_range", "return_attention_for"),
        ({"X": X_OK, "y": Y_OK, "moments_start": 1}, "wrong_type", "moments_start"),
        ({"X": X_OK, "y": Y_OK, "label_epsilon": 1}, "missing_field", "label_bound"),
        ({"X": X_OK, "y": Y_OK, "label_epsilon": 1, "label_bound": 2.0}, "out_of_range", "y"),
        ({"X": X_OK, "y": [0, 1] * 30, "label_epsilon": -1, "label_bound": 2.0}, "out_of_range", "label_epsilon"),
    ],
)
def test_what_cannot_be_fitted_is_refused_by_field(body: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(AnalysisError) as refusal:
        from_json(body)
    assert (refusal.value.code, refusal.value.field) == (code, field)


def test_too_many_numbers_are_refused_before_they_are_copied() -> None:
    row = [[0.0] * 1000] * 10
    with pytest.raises(TooLargeError, match="at most 20000000 numbers, got 20010000"):
        from_json({"X": [row] * 2001, "y": [0.0] * 2001})
    with pytest.raises(TooLargeError):
        FitRequest(X=np.broadcast_to(0.0, (2001, 10, 1000)), y=np.zeros(2001))


def test_it_says_how_far_it_is_and_stops_when_told() -> None:
    data = rows_of_the_model(500, 5)
    seen: list[Step] = []
    request = FitRequest(X=data.X, y=data.y)
    run(request, progress=seen.append)
    assert seen[-1].done == seen[-1].total == 9
    assert [step.done for step in seen] == sorted(step.done for step in seen)

    def stop(step: Step) -> None:
        if step.done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(request, progress=stop)
    assert predicted_seconds(request) > predicted_seconds(FitRequest(X=data.X[:200], y=data.y[:200]))


def test_rows_without_an_outcome_are_left_out_and_may_be_shown() -> None:
    data = draw_rows(400, 4, 3, gamma=GAMMA, noise_sd=0.1, rng=np.random.default_rng(3))
    y: list[float | None] = data.y.tolist()
    for row in (0, 5, 399):
        y[row] = None
    found = run(FitRequest(data.X, y, return_attention_for=(5, 6), seed=2))  # type: ignore[arg-type]  # as JSON has it
    assert sum(found.diagnostics["rows"].values()) == 397
    assert [row["row"] for row in found.result["attention_rows"]] == [5, 6]
    known = np.flatnonzero([value is not None for value in y])
    assert FitRequest(data.X, y).answered.tolist() == known.tolist()  # type: ignore[arg-type]
    with pytest.raises(AnalysisError, match="at least 50 rows with an outcome, got 49"):
        FitRequest(data.X, y[1:5] + y[6:51] + [None] * 351)  # type: ignore[arg-type]
