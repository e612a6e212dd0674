"""Labelled points in, margins with certificates and held-out errors out."""

import json
from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.max_margin.classify import EXAMPLE, MaxMarginRequest, from_json, predicted_seconds, run
from ldp_core.analysis.max_margin.clusters import draw_clusters
from ldp_core.analysis.progress import Cancelled, Step
from ldp_core.analysis.result import AnalysisResult
from tests.ldp_core.analysis.max_margin.known import KNOWN


def on_clusters(n: int, d: int, seed: int) -> AnalysisResult:
    rng = np.random.default_rng(seed)
    (points, labels), (test_points, test_labels) = draw_clusters(n, d, rng), draw_clusters(4000, d, rng)
    return run(
        MaxMarginRequest(
            points=points,
            labels=labels,
            test_points=test_points,
            test_labels=test_labels,
            methods=("gd_both", "f2_kernel", "linear_svm"),
            width=400,
            iterations=6000,
            scale="none",
            seed=seed,
        )
    )


def check_advantage(n: int, d: int, seed: int, f1_most: float, f2_range: tuple[float, float]) -> None:
    result = on_clusters(n, d, seed)
    f1, f2 = (result.result["errors"][name]["test"] for name in ("gd_both", "f2_kernel"))
    assert f1 <= f1_most
    assert f2_range[0] <= f2 <= f2_range[1]
    assert f1 < f2
    assert result.verdict == "f1_advantage"


def test_hidden_coordinates_are_found_by_both_layers_only() -> None:
    """Acceptance A2.5, one setting and one seed."""
    check_advantage(256, 15, 0, 0.03, (0.14, 0.21))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("n", "d", "f1_most", "f2_range"),
    [(256, 15, 0.03, (0.14, 0.21)), (512, 15, 0.015, (0.06, 0.11)), (256, 25, 0.09, (0.25, 0.33))],
)
def test_hidden_coordinates_in_more_settings(
    n: int, d: int, f1_most: float, f2_range: tuple[float, float], seed: int
) -> None:
    """Acceptance A2.5."""
    check_advantage(n, d, seed, f1_most, f2_range)


def test_known_margins_arrive_in_the_result() -> None:
    points, labels, gamma_1, gamma_2 = KNOWN["exclusive or"]
    result = run(MaxMarginRequest(points=points, labels=labels, scale="none", iterations=3000))  # type: ignore[arg-type]
    assert result.result["margin_f1"]["status"] == "certified"
    assert result.result["margin_f1"]["lower"] == pytest.approx(gamma_1, rel=1e-4)
    assert result.result["margin_f2"] == pytest.approx(gamma_2, rel=1e-6)
    assert result.result["margin_linear"] is None
    assert 0.9 < result.result["gd"]["ratio_to_f1"] <= 1 + 1e-4
    assert result.verdict == "undecided"
    assert sum(entry["p"] for entry in result.result["support"]) == pytest.approx(1)
    assert sum(abs(neuron["weight"]) for neuron in result.result["neurons"]) == pytest.approx(1)


def test_scaling_changes_units_and_not_decisions() -> None:
    points, labels = draw_clusters(60, 2, np.random.default_rng(3))
    one, other = (
        run(MaxMarginRequest(points=points * factor + shift, labels=labels, iterations=500, certify_tol=1e-2)).to_json()
        for factor, shift in ((1.0, 0.0), (1024.0, 512.0))
    )
    assert one["result"]["margin_f2"] == pytest.approx(other["result"]["margin_f2"], rel=1e-6)  # type: ignore[index,call-overload]
    assert one["result"]["errors"] == other["result"]["errors"]  # type: ignore[index,call-overload]


def test_lines_suffice_for_what_a_line_separates() -> None:
    rng = np.random.default_rng(4)
    points = rng.standard_normal((120, 3))
    labels = np.where(points[:, 0] > 0, 1.0, -1.0)
    points[:, 0] += labels
    result = run(
        MaxMarginRequest(
            points=points, labels=labels, iterations=1000, folds=5, methods=("gd_both", "f2_kernel", "linear_svm")
        )
    )
    assert result.verdict == "linear_enough"
    assert result.result["margin_linear"] > 0
    assert result.diagnostics["held_out_points"] == 120


def test_one_point_with_both_labels_is_an_answer() -> None:
    points = [[0.0, 1.0], [0.0, 1.0], [2.0, 1.0], [2.0, 3.0]]
    result = run(MaxMarginRequest(points=points, labels=[1, -1, 1, -1], iterations=200))  # type: ignore[arg-type]
    assert result.verdict == "not_separable"
    assert result.result["margin_f1"] == {"lower": 0.0, "upper": 0.0, "gap_rel": 0.0, "status": "not_separable"}
    assert result.result["conflicting_rows"] == [[0, 1]]
    assert result.warnings == ("conflicting_rows",)
    json.dumps(result.to_json(), allow_nan=False)


def test_the_example_works_and_repeats_itself() -> None:
    first, again = (run(from_json(EXAMPLE)).to_json() for _ in range(2))
    assert json.dumps(first, allow_nan=False) == json.dumps(again, allow_nan=False)
    assert first["verdict"] == "kernel_enough"
    grid: Any = first["result"]["decision_grid"]  # type: ignore[index,call-overload]
    assert np.shape(grid["f1_lp"]) == np.shape(grid["f2_kernel"]) == (20, 20)
    series: Any = first["series"]["gd_margin"]  # type: ignore[index,call-overload]
    assert series["log_x"]
    assert max(series["columns"]["margin"]) <= series["columns"]["half_f1_upper"][0]


P_OK, L_OK = [[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]], [1, -1, 1]


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({"points": P_OK}, "missing_field", "labels"),
        ({"points": P_OK, "labels": [1, 1, 1]}, "single_class", "labels"),
        ({"points": P_OK, "labels": [1, 0, -1]}, "out_of_range", "labels"),
        ({"points": P_OK, "labels": [1, -1]}, "wrong_shape", "labels"),
        ({"points": P_OK[:1], "labels": [1]}, "too_few_points", "points"),
        ({"points": [[1.0], [float("inf")]], "labels": [1, -1]}, "non_finite", "points"),
        ({"points": [1.0, 2.0], "labels": [1, -1]}, "wrong_shape", "points"),
        ({"points": P_OK, "labels": L_OK, "width": 4}, "out_of_range", "width"),
        ({"points": P_OK, "labels": L_OK, "iterations": 10}, "out_of_range", "iterations"),
        ({"points": P_OK, "labels": L_OK, "methods": ["svm"]}, "unknown_choice", "methods"),
        ({"points": P_OK, "labels": L_OK, "methods": []}, "wrong_type", "methods"),
        ({"points": P_OK, "labels": L_OK, "scale": "each"}, "unknown_choice", "scale"),
        ({"points": P_OK, "labels": L_OK, "folds": 5}, "out_of_range", "folds"),
        ({"points": P_OK, "labels": L_OK, "test_points": P_OK}, "missing_field", "test_labels"),
        ({"points": P_OK, "labels": L_OK, "test_points": [[1.0]], "test_labels": [1]}, "wrong_shape", "test_points"),
        ({"points": [[1.0], [2.0]], "labels": [1, -1], "grid": 5}, "wrong_shape", "grid"),
        ({"points": P_OK, "labels": L_OK, "flip_samples": 10}, "missing_field", "noise_sd"),
        (
            {"points": P_OK, "labels": L_OK, "flip_samples": 10, "noise_sd": 1},
            "too_few_points",
            "flip_samples",
        ),
        ({"points": P_OK, "labels": L_OK, "noise_sd": -1.0}, "out_of_range", "noise_sd"),
        ({"points": P_OK, "labels": L_OK, "noise_sd": [0.1]}, "wrong_shape", "noise_sd"),
        ({"points": P_OK, "labels": L_OK, "bias": True}, "unknown_field", "bias"),
    ],
)
def test_what_cannot_be_classified_is_refused_by_field(body: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(AnalysisError) as refusal:
        from_json(body)
    assert (refusal.value.code, refusal.value.field) == (code, field)


def test_programs_and_layers_have_a_largest_size() -> None:
    labels = np.tile([1.0, -1.0], 1100)
    with pytest.raises(TooLargeError, match="at most 2000 points"):
        MaxMarginRequest(points=np.zeros((2200, 3)), labels=labels)
    with pytest.raises(TooLargeError, match="points times width"):
        MaxMarginRequest(points=np.zeros((12_000, 3)), labels=np.zeros(12_000), methods=("gd_both",), width=2048)
    with pytest.raises(TooLargeError, match="fewer iterations"):
        MaxMarginRequest(
            points=np.random.default_rng(0).random((20_000, 100)),
            labels=np.tile([1.0, -1.0], 10_000),
            methods=("gd_both",),
            iterations=300_000,
        )
    small = MaxMarginRequest(points=np.random.default_rng(0).random((2200, 3)), labels=labels, methods=("gd_both",))
    assert predicted_seconds(small) > 1


@pytest.mark.parametrize("unit", ["gradient steps", "linear programs", "kernel steps", "linear steps", "redraws"])
def test_it_stops_when_told_in_every_phase(unit: str) -> None:
    def stop(step: Step) -> None:
        if step.unit == unit:
            raise Cancelled

    points, labels = draw_clusters(40, 2, np.random.default_rng(0))
    request = MaxMarginRequest(
        points=points, labels=labels, iterations=100, noise_sd=0.1, flip_samples=5, certify_tol=0.01
    )
    with pytest.raises(Cancelled):
        run(request, progress=stop)
