"""The entry point: its answers, its refusals, its limits."""

import json
from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.nonsmooth.derivative import EXAMPLE, SCHEMA, VERDICTS, from_json, predicted_seconds, run
from ldp_core.analysis.nonsmooth.request import DerivativeRequest
from ldp_core.analysis.progress import Cancelled, Step

RELU = [{"out": "value", "op": "relu", "args": ["x"]}]
ESTIMATES = {"estimates": [0.5, 0.4, 0.2, -0.1], "standard_errors": [0.05] * 4}
TV = {"name": "total_variation"}
HUGE = {"name": "randomized_response", "epsilon": "1", "domain_size": 50_001}


def test_the_example_runs_and_repeats_itself() -> None:
    first, again = (run(from_json(EXAMPLE)).to_json() for _ in range(2))
    assert json.dumps(first, allow_nan=False) == json.dumps(again, allow_nan=False)
    other = run(from_json({**EXAMPLE, "neighbourhood": {"seed": 1}})).to_json()
    assert other["result"] != first["result"]


def test_the_parts_of_a_request_have_the_defaults_of_the_schema() -> None:
    request = DerivativeRequest(inputs={"x": 1}, program=RELU)
    for part, parsed in (("tie", request.ties), ("neighbourhood", request.nearby)):
        assert {k: v["default"] for k, v in SCHEMA["properties"][part]["properties"].items()} == vars(parsed)


def test_a_collection_may_stand_beside_bind() -> None:
    bind = dict(EXAMPLE["bind"])
    apart = {"bind": {"post": bind.pop("post")}, **bind, "functional": TV}
    both = [run(from_json(body)).to_json() for body in (apart, {**EXAMPLE, "functional": TV})]
    assert both[0] == both[1]
    with pytest.raises(AnalysisError) as refusal:
        from_json({**EXAMPLE, "counts": [1]})
    assert (refusal.value.code, refusal.value.field) == ("unknown_field", "bind")


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ({"inputs": {"x": 1.0}, "program": RELU}, "unique"),
        ({"inputs": {"x": 1e-8}, "program": RELU}, "near_kink"),
        ({"inputs": {"x": 0.0}, "program": RELU}, "set_valued"),
        ({"inputs": {"x": 0.1}, "program": RELU, "tie": {"tol": 0.2}}, "set_valued"),
        ({"inputs": {"x": 0.1}, "program": RELU, "standard_errors": {"x": 0.2}}, "near_kink"),
        (
            {"inputs": {"x": 1.0}, "program": [{**RELU[0], "op": "step"}], "allow_discontinuous": True},
            "discontinuous",
        ),
        ({"bind": {**ESTIMATES, "post": "base_cut"}, "functional": TV, "allow_discontinuous": True}, "discontinuous"),
    ],
)
def test_verdicts(body: Any, verdict: str) -> None:
    found = run(from_json(body))
    assert found.verdict == verdict
    assert verdict in VERDICTS
    assert (found.result["error_bar"] is None) == ("standard_errors" not in body)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ([], "wrong_type", None),
        ({}, "inputs_or_bind", "inputs"),
        ({"inputs": {"x": 1}, "bind": ESTIMATES, "program": RELU}, "inputs_or_bind", "inputs"),
        ({"inputs": {"x": 1}}, "wrong_type", "program"),
        ({"inputs": {}, "program": RELU}, "wrong_type", "inputs"),
        ({"inputs": {"x": []}, "program": RELU}, "wrong_shape", "inputs.x"),
        ({"inputs": {"x": [float("nan")]}, "program": RELU}, "non_finite", "inputs.x"),
        ({"inputs": {"x": [0] * 5001}, "program": RELU}, "too_large", "inputs"),
        ({"inputs": {"x": 1}, "program": RELU, "functional": TV}, "unknown_field", "functional"),
        ({"inputs": {"x": 1}, "program": RELU, "output": "y"}, "undefined_name", "output"),
        ({"inputs": {"x": 1}, "program": RELU, "output": 3}, "wrong_type", "output"),
        ({"inputs": {"x": 1}, "program": [{**RELU[0], "op": "step"}]}, "not_path_differentiable", "program"),
        ({"inputs": {"x": 0}, "program": [{**RELU[0], "op": "sqrt"}]}, "non_finite", "program"),
        ({"inputs": {"x": 1}, "program": RELU, "standard_errors": {"y": 1}}, "wrong_shape", "standard_errors"),
        ({"inputs": {"x": 1}, "program": RELU, "standard_errors": {"x": -1}}, "out_of_range", "standard_errors"),
        ({"inputs": {"x": 1}, "program": RELU, "tie": {"policy": 2}}, "out_of_range", "tie"),
        ({"inputs": {"x": 1}, "program": RELU, "tie": 0}, "wrong_type", "tie"),
        ({"inputs": {"x": 1}, "program": RELU, "neighbourhood": {"samples": 1001}}, "out_of_range", "neighbourhood"),
        ({"inputs": {"x": 1}, "program": RELU, "neighbourhood": {"sample": 1}}, "unknown_field", "neighbourhood"),
        ({"inputs": {"x": 1}, "program": RELU, "confidence": 1}, "out_of_range", "confidence"),
        ({"inputs": {"x": 1}, "program": RELU, "vertices": 1}, "wrong_type", "vertices"),
        ({"bind": 3, "functional": TV}, "wrong_type", "bind"),
        ({"bind": {}, "functional": TV}, "missing_field", "bind"),
        ({"bind": {"collection_id": "h1"}, "functional": TV}, "unresolved_collection", "bind"),
        ({"bind": {"histogram_id": "h1"}, "functional": TV}, "unresolved_collection", "bind"),
        ({"bind": {**ESTIMATES, "counts": []}, "functional": TV}, "unknown_field", "bind"),
        ({"bind": {**ESTIMATES, "post": "round"}, "functional": TV}, "unknown_choice", "post"),
        ({"bind": {**ESTIMATES, "post": "base_cut"}, "functional": TV}, "not_path_differentiable", "program"),
        ({"bind": ESTIMATES}, "program_or_functional", "program"),
        ({"bind": ESTIMATES, "functional": TV, "program": RELU}, "program_or_functional", "program"),
        ({"bind": ESTIMATES, "program": "f"}, "wrong_type", "program"),
        ({"bind": ESTIMATES, "functional": "gini"}, "wrong_type", "functional"),
        ({"bind": ESTIMATES, "functional": {"name": "mode"}}, "unknown_choice", "functional"),
        ({"bind": ESTIMATES, "functional": {"name": "gini", "level": 1}}, "unknown_field", "functional"),
        ({"bind": ESTIMATES, "functional": {**TV, "reference": [1]}}, "wrong_shape", "functional"),
        ({"bind": ESTIMATES, "functional": {"name": "cell", "item": 4}}, "out_of_range", "functional.item"),
        ({"bind": {**ESTIMATES, "standard_errors": [1]}, "functional": TV}, "wrong_shape", "bind"),
        ({"bind": ESTIMATES, "functional": TV, "standard_errors": {"f": 1}}, "unknown_field", "standard_errors"),
        (
            {"bind": {"estimates": [0.5, 0.5], "covariance": [[1, 2], [2, 1]]}, "functional": TV},
            "not_a_covariance",
            "bind",
        ),
        ({"bind": {"estimates": [0.5, 0.5], "covariance": [[1, 2], [0, 1]]}, "functional": TV}, "wrong_shape", "bind"),
        ({"bind": {"estimates": [1], "standard_errors": [1]}, "functional": TV}, "wrong_shape", "bind"),
        (
            {"bind": {"estimates": [-1, -1], "standard_errors": [1, 1]}, "functional": TV},
            "non_finite",
            "program",
        ),
        ({"bind": {**EXAMPLE["bind"], "counts": [1]}, "functional": TV}, "wrong_shape", "counts"),
        ({"bind": {**EXAMPLE["bind"], "counts": [0] * 13}, "functional": TV}, "too_few_reports", "counts"),
        ({"bind": {**EXAMPLE["bind"], "counts": [0.5] * 13}, "functional": TV}, "wrong_type", "counts"),
        ({"bind": {**EXAMPLE["bind"], "mechanism": "rr"}, "functional": TV}, "wrong_type", "mechanism"),
        ({"bind": {"counts": [1] * 50_001, "mechanism": HUGE}, "functional": TV}, "too_large", "bind"),
        ({"bind": {"estimates": [0] * 50_001, "standard_errors": [1]}, "functional": TV}, "too_large", "bind"),
        ({"bind": {"estimates": [0] * 2001, "covariance": [[1]]}, "functional": TV}, "too_large", "bind"),
    ],
)
def test_what_cannot_be_answered_is_refused_by_field(body: Any, code: str, field: str | None) -> None:
    with pytest.raises(AnalysisError) as refusal:
        run(from_json(body))
    assert (refusal.value.code, refusal.value.field) == (code, field)
    assert isinstance(refusal.value, TooLargeError) == (code == "too_large")


def test_a_program_over_a_histogram_is_the_functional() -> None:
    nodes = [{"out": "value", "op": "largest", "args": ["f"]}]
    written = run(from_json({"bind": ESTIMATES, "program": nodes})).result
    named = run(from_json({"bind": ESTIMATES, "functional": {"name": "max_cell"}})).result
    assert json.dumps(written, default=np.ndarray.tolist) == json.dumps(named, default=np.ndarray.tolist)
    assert written["value"] == pytest.approx(0.5 - 0.1 / 3)


def test_a_program_may_look_at_the_estimates_alone() -> None:
    nodes = [{"out": "value", "op": "sum", "args": ["estimates"]}]
    found = run(from_json({"bind": ESTIMATES, "program": nodes}))
    assert found.result["value"] == pytest.approx(1.0)
    assert found.result["error_bar"]["se_sup"] == pytest.approx(0.1)
    assert found.verdict == "unique"


@pytest.mark.parametrize("post", ["none", "clip", "norm_sub", "simplex", "norm_mul", "isotonic"])
def test_every_consistency_step_has_an_error_bar(post: str) -> None:
    found = run(from_json({"bind": {**ESTIMATES, "post": post}, "functional": TV}))
    assert found.result["error_bar"]["se_sup"] > 0
    assert {"through_kink", "error_bar", "items"} == set(found.series)
    assert found.params_effective["bind"]["post"] == post


def test_functionals_have_their_known_values() -> None:
    shares = {"estimates": [0.1, 0.4, 0.3, 0.2], "standard_errors": [0.01] * 4, "post": "none"}
    for functional, value in (
        (TV, 0.2),
        ({**TV, "reference": [0.4, 0.1, 0.3, 0.2]}, 0.3),
        ({"name": "max_cell"}, 0.4),
        ({"name": "gini"}, 0.25),
        ({"name": "quantile", "level": 0.3}, 1.5),
        ({"name": "wasserstein"}, 0.15 + 0.0 + 0.05),
        ({"name": "top_k_mass", "count": 2}, 0.7),
        ({"name": "cell", "item": 2}, 0.3),
    ):
        assert run(from_json({"bind": shares, "functional": functional})).result["value"] == pytest.approx(value)


def test_a_histogram_in_ties_has_all_its_derivatives() -> None:
    """Norm-sub at (.6, .4, 0, -.5): the third item may count or not, so the largest cell has derivatives 1/2 and 2/3."""
    bind = {"estimates": [0.6, 0.4, 0.0, -0.5], "standard_errors": [0.1] * 4}
    found = run(from_json({"bind": bind, "functional": {"name": "max_cell"}, "vertices": True}))
    assert found.verdict == "set_valued"
    assert found.result["hull"]["vertices"].round(9).tolist() == [
        [0.5, -0.5, 0, 0],
        [round(2 / 3, 9), round(-1 / 3, 9), round(-1 / 3, 9), 0],
    ]
    assert found.result["ties"][0] | {"kink_distance": 0.0} == {
        "node": "f",
        "op": "norm_sub",
        "elements": [2],
        "choices": [2],
        "kink_distance": 0.0,
    }


def test_it_says_how_far_it_is_and_stops_when_told() -> None:
    seen: list[Step] = []

    def watch(step: Step) -> None:
        seen.append(step)
        if step.unit == "samples" and step.done >= 5:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(from_json(EXAMPLE), progress=watch)
    assert {step.unit for step in seen} == {"vertices", "samples"}
    assert seen[-1].done == 5
    more = {**EXAMPLE, "neighbourhood": {"samples": 1000}}
    assert predicted_seconds(from_json(EXAMPLE)) < predicted_seconds(from_json(more))


def test_the_picture_of_a_kink_has_its_fan() -> None:
    columns = run(from_json({"inputs": {"x": 0.0}, "program": RELU})).series["through_kink"].columns
    offset, value = np.array(columns["offset"]), np.array(columns["value"])
    assert value == pytest.approx(np.maximum(offset, 0))
    assert columns["tangent_half"] == pytest.approx(offset / 2)
    assert (np.array(columns["fan_low"]) <= value).all()
    assert (np.array(columns["fan_high"]) >= value).all()
