"""Analyses over HTTP that are answered at once, on what is sent, and why they are refused."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from ldp_core.analysis.registry import ENTRY_POINTS
from server.api.job_schemas import AnalysisList, AnalysisOut
from tests.server.analyses.asking import ask
from tests.server.assertions import assert_problem
from tests.services.in_process import ADMIN, InProcess

pytestmark = pytest.mark.thorough

OF_COLLECTIONS = {
    "top-k",
    "utilities",
    "lojasiewicz/fit",
    "lojasiewicz/stream",
    "nonsmooth-derivative",
    "fleet-simulation",
}


def test_every_analysis_is_listed_with_what_a_form_needs(running: InProcess) -> None:
    answer = running.get("/v1/analysis", headers=ADMIN)
    assert answer.status_code == 200
    AnalysisList.model_validate(answer.json())
    methods = {one["path"]: one for one in answer.json()["methods"]}
    assert set(methods) == set(ENTRY_POINTS)
    for one in methods.values():
        assert set(one) == {
            "path",
            "family",
            "title",
            "question",
            "schema",
            "example",
            "verdicts",
            "collection",
            "labels",
        }
        Draft202012Validator(one["schema"]).validate(one["example"])
    assert {path for path, one in methods.items() if one["collection"]} == OF_COLLECTIONS


@pytest.mark.parametrize("path", ENTRY_POINTS)
def test_every_example_is_answered_at_once_as_the_function_does(running: InProcess, path: str) -> None:
    method = ENTRY_POINTS[path].method
    answer = ask(running, path, method.EXAMPLE)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    AnalysisOut.model_validate(document)
    assert document.pop("wall_seconds") > 0
    assert set(document.pop("library_versions")) == {"fanoplane", "python", "numpy", "scipy"}
    assert document == json.loads(json.dumps(method.run(method.from_json(method.EXAMPLE)).to_json()))


def test_a_step_that_raises_the_loss_is_a_refusal(running: InProcess) -> None:
    body = {**ENTRY_POINTS["lojasiewicz/fit"].method.EXAMPLE, "algorithm": "mirror", "step": 1000}
    assert_problem(
        ask(running, "lojasiewicz/fit", body), 422, "invalid-analysis", code="step_above_limit", field="step"
    )


@pytest.mark.parametrize(
    ("path", "body", "status", "slug", "code", "field"),
    [
        ("perturbed", {}, 422, "invalid-analysis", "missing_field", "solver"),
        ("max-margin", {"points": [[0], [1]], "labels": [1, 1]}, 422, "invalid-analysis", "single_class", "labels"),
        ("single-location/dynamics", {"d": 1}, 422, "invalid-analysis", "out_of_range", "d"),
        (
            "single-location/dynamics",
            {"init": "explicit", "start": [1, 1, 1, 1, 1]},
            422,
            "invalid-analysis",
            "infeasible_gram",
            "start",
        ),
        ("single-location/dynamics", {"steps": 500_000, "runs": 200}, 413, "analysis-too-large", "too_large", "steps"),
        ("top-k", {"k": 3}, 422, "invalid-analysis", "missing_field", "mechanism"),
        ("top-k", {"collection_id": 7, "k": 3}, 422, "invalid-analysis", "wrong_type", "collection_id"),
    ],
)
def test_refusals_say_why_and_where(
    running: InProcess, path: str, body: Any, status: int, slug: str, code: str, field: str
) -> None:
    assert_problem(ask(running, path, body), status, slug, code=code, field=field)


@pytest.mark.parametrize(
    ("content", "status", "slug"),
    [(b"{", 400, "malformed-body"), (b"[]", 422, "invalid-parameters"), (b'{"a": "\\ud800"}', 400, "malformed-body")],
)
def test_what_is_no_object_is_refused(running: InProcess, content: bytes, status: int, slug: str) -> None:
    headers = {**ADMIN, "Content-Type": "application/json"}
    assert_problem(running.post("/v1/analysis/perturbed", content=content, headers=headers), status, slug)


def test_other_things_that_do_not_exist(running: InProcess) -> None:
    assert_problem(ask(running, "astrology", {}), 404, "unknown-resource")
    assert_problem(ask(running, "top-k", {"collection_id": "AAAAAAAAAAAA", "k": 3}), 404, "unknown-collection")
    assert_problem(running.get("/v1/jobs/0123456789abcdef", headers=ADMIN), 404, "unknown-resource")
    assert_problem(running.get("/v1/jobs/0123456789abcdef/events", headers=ADMIN), 404, "unknown-resource")
    assert_problem(running.request("DELETE", "/v1/jobs/0123456789abcdef", headers=ADMIN), 404, "unknown-resource")


def test_an_oversized_request_is_refused_before_memory_is_taken(running: InProcess) -> None:
    """Sixteen million counts would be asked for, and thirty thousand million steps; both are refused from a few bytes."""
    huge = {"name": "projective_geometry", "epsilon": "1", "domain_size": 10, "parameters": {"q": 149, "t": 5}}
    answer = ask(running, "top-k", {"mechanism": huge, "counts": [1], "k": 2})
    assert_problem(answer, 413, "analysis-too-large", code="too_large", field="mechanism")
    answer = ask(running, "max-margin", {"points": [[0.0]] * 20_001, "labels": [1] * 20_001, "methods": ["gd_both"]})
    assert_problem(answer, 413, "analysis-too-large", code="too_large", field="points")
    answer = ask(
        running, "perturbed", {"solver": "argmax", "theta": [0] * 100_001, "noise": {"kind": "normal", "sigma": 1}}
    )
    assert_problem(answer, 413, "analysis-too-large", code="too_large", field="theta")
