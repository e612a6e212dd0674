"""Analyses over HTTP: at once or as a job, on what is sent or on a collection, and why they are refused."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from ldp_core.analysis.histogram import CollectionHistogram, describe_mechanism
from ldp_core.analysis.registry import ENTRY_POINTS
from ldp_core.mechanisms import Mechanism, Tally
from ldp_core.mechanisms import create as create_mechanism
from server.api.job_schemas import AnalysisList, AnalysisOut, JobAccepted, JobList, JobOut
from server.services import analyses
from tests.server.assertions import assert_problem
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.tokens import bearer, make_token

pytestmark = pytest.mark.thorough

MESSAGES = np.random.default_rng(5).integers(0, 13, 500).tolist()
LONG = {"d": 50, "steps": 14_600, "runs": 20, "log_points": 2}
OF_COLLECTIONS = {
    "top-k",
    "utilities",
    "lojasiewicz/fit",
    "lojasiewicz/stream",
    "nonsmooth-derivative",
    "fleet-simulation",
}
FOREVER = {"d": 50, "steps": 300_000, "runs": 100, "log_points": 2}


@pytest.fixture(scope="module")
def running(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """One service for many questions, since its workers take a while to start."""
    folder = tmp_path_factory.mktemp("analyses")
    file = folder / "fano.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    with InProcess(settings(f"sqlite:///{file}", data_dir=folder, jobs_per_token=4)) as service:
        yield service


def ask(service: InProcess, path: str, body: Any, headers: dict[str, str] = ADMIN) -> httpx.Response:
    return service.post(f"/v1/analysis/{path}", json=body, headers=headers)


def reported(service: InProcess, messages: list[int] = MESSAGES, **changes: Any) -> tuple[TestCollection, Mechanism]:
    items = [f"item {i}" for i in range(10)]
    collection = create(service.post, **{"items": items, "parameters": {"q": 3, "t": 3}, **changes})
    report(service, collection, messages)
    return collection, create_mechanism("projective_geometry", epsilon="1", domain_size=10, q=3, t=3)


def report(service: InProcess, collection: TestCollection, messages: list[int], **more: Any) -> None:
    body = {**collection.batch(messages), **more}
    answer = service.post(collection.reports_path, json=body, headers=collection.write_headers)
    assert answer.status_code == 200, answer.text


def waited(service: InProcess, job: str, headers: dict[str, str] = ADMIN, *, seconds: float = 120) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        document: dict[str, Any] = service.get(f"/v1/jobs/{job}", headers=headers).json()
        if document["status"] in ("done", "failed", "cancelled"):
            return document
        time.sleep(0.1)
    raise AssertionError(f"the job did not end: {document}")


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


def test_a_long_analysis_becomes_a_job_that_tells_how_far_it_is(running: InProcess) -> None:
    answer = ask(running, "single-location/dynamics", LONG)
    assert answer.status_code == 202
    accepted = answer.json()
    JobAccepted.model_validate(accepted)
    assert answer.headers["location"] == accepted["status_url"]
    assert accepted["predicted_seconds"] > 2
    seen = running.get(accepted["events_url"], headers=ADMIN)
    assert seen.headers["content-type"].startswith("text/event-stream")
    events = [line.removeprefix("data: ") for line in seen.text.splitlines() if line.startswith("data: ")]
    documents = [json.loads(event) for event in events]
    assert documents[-1]["status"] == "done"
    assert seen.text.rstrip().splitlines()[-2] == "event: end"
    done = [one["progress"]["done"] for one in documents if one["progress"] is not None]
    assert done == sorted(done)
    assert done[-1] == LONG["steps"]
    job = running.get(accepted["status_url"], headers=ADMIN).json()
    JobOut.model_validate(job)
    assert job["status"] == "done"
    assert job["error"] is None
    AnalysisOut.model_validate(job["result"])
    assert job["result"]["params_effective"]["steps"] == LONG["steps"]
    listed = running.get("/v1/jobs", headers=ADMIN).json()
    JobList.model_validate(listed)
    assert listed["jobs"][0]["id"] == accepted["id"]
    assert "result" not in listed["jobs"][0]


def test_a_cancelled_job_stops_its_work(running: InProcess) -> None:
    job = ask(running, "single-location/dynamics", FOREVER).json()["id"]
    runner = running.app.state.services.job_runner
    deadline = time.monotonic() + 60
    while runner.progress(job) is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert running.get(f"/v1/jobs/{job}", headers=ADMIN).json()["status"] == "running"
    answer = running.request("DELETE", f"/v1/jobs/{job}", headers=ADMIN)
    assert answer.status_code == 200
    assert answer.json()["status"] == "cancelled"
    while runner.progress(job) is not None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert runner.progress(job) is None  # the slot is free: the work has stopped
    again = running.request("DELETE", f"/v1/jobs/{job}", headers=ADMIN)
    assert (again.status_code, again.json()["status"]) == (200, "cancelled")
    assert again.json()["result"] is None


def test_top_k_of_a_collection_is_that_of_its_counts(running: InProcess) -> None:
    collection, mechanism = reported(running)
    by_address = running.post(f"/v1/collections/{collection.id}/top-k", json={"k": 3, "seed": 4}, headers=ADMIN)
    by_name = ask(running, "top-k", {"collection_id": collection.id, "k": 3, "seed": 4})
    fields = CollectionHistogram(mechanism, Tally.of(MESSAGES, 13)).to_fields()
    by_counts = ask(running, "top-k", {**fields, "counts": fields["counts"].tolist(), "k": 3, "seed": 4})
    assert by_address.status_code == by_name.status_code == by_counts.status_code == 200, by_address.text
    numbers = [answer.json()["result"] for answer in (by_address, by_name, by_counts)]
    assert numbers[0] == numbers[1] == numbers[2]
    document = by_address.json()
    AnalysisOut.model_validate(document)
    (given,) = document["inputs"]
    assert given["collection"] == collection.id
    assert given["n"] == 500
    assert given["spec_digest"] == collection.created["spec_digest"]
    assert document["items"] == [f"item {i}" for i in range(10)]


FLEET = {"phones": 500, "repetitions": 3}


def test_a_fleet_takes_the_mechanism_of_a_collection_and_none_of_its_reports(running: InProcess) -> None:
    collection, mechanism = reported(running)
    named = ask(running, "fleet-simulation", {"collection_id": collection.id, **FLEET})
    given = ask(running, "fleet-simulation", {"mechanism": describe_mechanism(mechanism), **FLEET})
    assert named.status_code == given.status_code == 200, named.text
    document = named.json()
    AnalysisOut.model_validate(document)
    assert document["result"] == given.json()["result"]
    inputs = {"collection": collection.id, "version": 1, "spec_digest": collection.created["spec_digest"]}
    assert document["inputs"] == [inputs]
    assert document["items"] == [f"item {i}" for i in range(10)]
    draft = create(running.post, opened=False, min_reports=1_000)
    assert ask(running, "fleet-simulation", {"collection_id": draft.id, **FLEET}).status_code == 200


def test_a_fleet_of_a_collection_is_refused_where_it_would_be_ambiguous(running: InProcess) -> None:
    collection, _ = reported(running)
    named = {"collection_id": collection.id, **FLEET}
    for more, code, field in (
        ({"mechanism": {}}, "unknown_field", "mechanism"),
        ({"window": "2026-01-01"}, "unknown_field", "window"),
        ({"version": True}, "wrong_type", "version"),
    ):
        refused = ask(running, "fleet-simulation", {**named, **more})
        assert_problem(refused, 422, "invalid-analysis", code=code, field=field)
    assert_problem(ask(running, "fleet-simulation", {**named, "version": 7}), 422, "invalid-parameters")
    assert_problem(ask(running, "fleet-simulation", {"collection_id": "none", **FLEET}), 404, "unknown-collection")


def test_a_long_fleet_becomes_a_job_with_the_answer_of_a_short_one(running: InProcess) -> None:
    collection, mechanism = reported(running)
    accepted = ask(running, "fleet-simulation", {"collection_id": collection.id, "phones": 200_000, "repetitions": 70})
    assert accepted.status_code == 202, accepted.text
    job = waited(running, accepted.json()["id"])
    assert job["status"] == "done"
    assert job["progress"]["done"] == job["progress"]["total"] == 70 * 200_000
    assert job["progress"]["unit"] == "phones"
    assert job["result"]["verdict"] == "as_promised"
    method = ENTRY_POINTS["fleet-simulation"].method
    asked = {"mechanism": describe_mechanism(mechanism), "phones": 200_000, "repetitions": 70}
    expected = method.run(method.from_json(asked)).to_json()
    assert job["result"]["result"] == json.loads(json.dumps(expected["result"]))


def test_the_likeliest_histogram_of_a_collection(running: InProcess) -> None:
    collection, mechanism = reported(running)
    named = ask(running, "lojasiewicz/fit", {"histogram_id": collection.id, "cohort": None})
    counts = {"counts": Tally.of(MESSAGES, 13).counts.tolist(), "mechanism": describe_mechanism(mechanism)}
    given = ask(running, "lojasiewicz/fit", counts)
    assert named.status_code == given.status_code == 200, named.text
    assert named.json()["result"] == given.json()["result"]


def test_a_derivative_takes_the_collection_that_its_histogram_names(running: InProcess) -> None:
    collection, mechanism = reported(running)
    own = CollectionHistogram(mechanism, mechanism.tally(MESSAGES)).to_fields() | {"post": "norm_sub"}
    method = ENTRY_POINTS["nonsmooth-derivative"].method
    functional = {"name": "gini"}
    expected = method.run(method.from_json({"bind": own, "functional": functional})).to_json()
    named = {"collection_id": collection.id, "post": "norm_sub"}
    for body in ({"bind": named}, {"bind": {"post": "norm_sub"}, "collection_id": collection.id}):
        answer = ask(running, "nonsmooth-derivative", {**body, "functional": functional})
        assert answer.status_code == 200, answer.text
        assert answer.json()["result"] == json.loads(json.dumps(expected["result"]))


def test_an_error_bar_of_a_collection_that_is_bound_to_a_member(running: InProcess) -> None:
    collection, mechanism = reported(running)
    example = json.loads(json.dumps(ENTRY_POINTS["nonsmooth-derivative"].method.EXAMPLE))
    kept = {name: value for name, value in example["bind"].items() if name not in ("counts", "mechanism")}
    counted = {"counts": Tally.of(MESSAGES, 13).counts.tolist(), "mechanism": describe_mechanism(mechanism)}
    answers = [
        ask(running, "nonsmooth-derivative", {**example, "bind": {**kept, **source}})
        for source in ({"histogram_id": collection.id}, counted)
    ]
    assert [answer.status_code for answer in answers] == [200, 200], answers[0].text
    assert answers[0].json()["result"] == answers[1].json()["result"]
    assert answers[0].json()["inputs"][0]["collection"] == collection.id


def test_utilities_of_a_collection(running: InProcess) -> None:
    collection, _ = reported(running, [0, 1, 2, 3] * 2_000 + [4] * 1_500)
    answer = running.post(f"/v1/collections/{collection.id}/utilities", json={}, headers=ADMIN)
    assert answer.status_code == 200, answer.text
    assert answer.json()["verdict"] in ENTRY_POINTS["utilities"].method.VERDICTS


@pytest.mark.parametrize("path", ["lojasiewicz/fit", "lojasiewicz/stream"])
def test_the_likelihood_of_a_collection_is_that_of_its_counts(running: InProcess, path: str) -> None:
    collection, mechanism = reported(running)
    by_name = ask(running, path, {"collection_id": collection.id})
    fields = CollectionHistogram(mechanism, Tally.of(MESSAGES, 13)).to_fields()
    by_counts = ask(running, path, {**fields, "counts": fields["counts"].tolist()})
    assert by_name.status_code == by_counts.status_code == 200, by_name.text
    assert by_name.json()["result"] == by_counts.json()["result"]
    assert by_name.json()["result"]["n"] == 500


def test_a_step_that_raises_the_loss_is_a_refusal(running: InProcess) -> None:
    body = {**ENTRY_POINTS["lojasiewicz/fit"].method.EXAMPLE, "algorithm": "mirror", "step": 1000}
    assert_problem(
        ask(running, "lojasiewicz/fit", body), 422, "invalid-analysis", code="step_above_limit", field="step"
    )


def test_cohorts_of_a_collection_are_told_apart_by_their_histograms(running: InProcess) -> None:
    names = [f"region {i}" for i in range(6)]
    collection = create(
        running.post, items=[f"item {i}" for i in range(10)], parameters={"q": 3, "t": 3}, cohorts=names
    )
    rng = np.random.default_rng(1)
    for i in range(len(names)):
        favoured = rng.integers(0, 6, 400) if i % 2 else rng.integers(5, 13, 400)
        report(running, collection, favoured.tolist(), cohort=i)
    histograms = [
        {"collection_id": collection.id, "cohort": name, "label": 1 if i % 2 else -1} for i, name in enumerate(names)
    ]
    answer = ask(running, "max-margin", {"histograms": histograms, "methods": ["linear_svm"]})
    assert answer.status_code == 200, answer.text
    assert answer.json()["params_effective"]["shape"] == [6, 10]
    assert [one["cohort"] for one in answer.json()["inputs"]] == names


def test_positions_are_cohorts_of_a_collection(running: InProcess) -> None:
    collection = create(
        running.post,
        items=[f"{token} then {outcome}" for token in ("a", "b", "c") for outcome in ("no", "yes")],
        parameters={"q": 3, "t": 3},
        cohorts=["first", "second"],
        epsilon="2",
    )
    mechanism = create_mechanism("projective_geometry", epsilon="2", domain_size=6, q=3, t=3)
    rng = np.random.default_rng(2)
    token, outcome = rng.integers(0, 3, (2, 4_000)), rng.integers(0, 2, (2, 4_000))
    outcome[1] = token[1] > 0  # at the second position the token decides
    for position in (0, 1):
        pairs = 2 * token[position] + outcome[position]
        report(running, collection, mechanism.randomize_many(pairs, rng).tolist(), cohort=position)
    histograms = [{"collection_id": collection.id, "cohort": name} for name in ("first", "second")]
    answer = ask(running, "single-location/position-scan", {"histograms": histograms})
    assert answer.status_code == 200, answer.text
    assert answer.json()["verdict"] == "position_found"
    assert answer.json()["result"]["best_position"] == 1
    assert [one["n"] for one in answer.json()["inputs"]] == [4_000, 4_000]


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


def test_collections_without_enough_reports(running: InProcess) -> None:
    draft = create(running.post, opened=False)
    assert_problem(ask(running, "utilities", {"collection_id": draft.id}), 409, "collection-not-open", state="draft")
    empty = create(running.post, min_reports=50)
    refused = running.post(f"/v1/collections/{empty.id}/top-k", json={"k": 1}, headers=ADMIN)
    assert_problem(refused, 422, "not-enough-reports", have=0, need=50)
    collection, _ = reported(running)
    for name, value in (("window", "1"), ("version", 1)):
        answer = ask(running, "utilities", {"collection_id": collection.id, name: value})
        assert answer.status_code == (200 if name == "version" else 422)
    for name, value in (("window", "yesterday"), ("cohort", "nobody"), ("version", 9)):
        answer = ask(running, "utilities", {"collection_id": collection.id, name: value})
        assert_problem(answer, 422, "invalid-parameters")
    twice = {"collection_id": collection.id, "counts": [1] * 13, "k": 2}
    assert_problem(ask(running, "top-k", twice), 422, "invalid-analysis", code="unknown_field", field="counts")


def test_a_job_is_for_who_asked_and_for_administrators(running: InProcess) -> None:
    mine, other = (bearer(make_token(running, f"analyst {i}")["token"]) for i in range(2))
    job = ask(running, "single-location/dynamics", FOREVER, mine).json()["id"]
    for method, tail in (("GET", ""), ("GET", "/events"), ("DELETE", "")):
        assert_problem(running.request(method, f"/v1/jobs/{job}{tail}", headers=other), 404, "unknown-resource")
    assert running.get("/v1/jobs", headers=other).json() == {"jobs": []}
    assert [one["id"] for one in running.get("/v1/jobs", headers=mine).json()["jobs"]] == [job]
    assert job in [one["id"] for one in running.get("/v1/jobs", headers=ADMIN).json()["jobs"]]
    assert running.request("DELETE", f"/v1/jobs/{job}", headers=ADMIN).json()["status"] == "cancelled"
    assert running.get(f"/v1/jobs/{job}", headers=mine).json()["status"] == "cancelled"


def test_an_analyst_of_one_collection_analyses_that_one_only(running: InProcess) -> None:
    (mine, _), (other, _) = reported(running), reported(running)
    token = bearer(make_token(running, "of one", collection=mine.id)["token"])
    assert ask(running, "utilities", {"collection_id": mine.id}, token).status_code == 200
    assert_problem(ask(running, "utilities", {"collection_id": other.id}, token), 404, "unknown-collection")
    assert_problem(
        running.post(f"/v1/collections/{other.id}/utilities", json={}, headers=token), 404, "unknown-collection"
    )


def test_a_token_has_so_many_jobs_and_no_more(running: InProcess) -> None:
    token = bearer(make_token(running, "busy")["token"])
    answers = [ask(running, "single-location/dynamics", FOREVER, token) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [202] * 4 + [429]
    assert_problem(answers[4], 429, "too-many-jobs", limit=4)
    assert answers[4].headers["retry-after"]
    for answer in answers[:4]:
        running.request("DELETE", answer.json()["status_url"], headers=token)
    last = ask(running, "single-location/dynamics", FOREVER, token)
    assert last.status_code == 202
    running.request("DELETE", last.json()["status_url"], headers=token)


def collected(service: InProcess, shares: np.ndarray, phones: int = 20_000, seed: int = 11) -> TestCollection:
    """A live collection with a report of each phone, whose items have these shares."""
    collection = create(service.post, items=[f"item {i}" for i in range(len(shares))])
    mechanism = create_mechanism("projective_geometry", epsilon="1", domain_size=len(shares))
    rng = np.random.default_rng(seed)
    messages = mechanism.randomize_many(rng.choice(len(shares), phones, p=shares), rng)
    for start in range(0, phones, 10_000):
        report(service, collection, messages[start : start + 10_000].tolist())
    return collection


def test_a_thousand_items_of_twenty_thousand_phones_are_ranked(running: InProcess) -> None:
    shares = 1 / np.arange(1, 1_001) ** 1.1
    collection = collected(running, shares / shares.sum())
    answer = running.post(f"/v1/collections/{collection.id}/top-k", json={"k": 10, "seed": 1}, headers=ADMIN)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["verdict"] == "ranking_supported"
    columns = document["result"]["items"]
    assert len(columns["p_topk"]) == 1_000
    assert columns["status"][0] == "in"
    assert sum(columns["p_topk"]) == pytest.approx(10)
    assert all(low <= high for low, high in zip(columns["rank_low"], columns["rank_high"], strict=True))
    assert document["diagnostics"]["covariance_mode"] == "independent"


def test_where_all_items_are_equally_frequent_there_is_no_signal(running: InProcess) -> None:
    collection = collected(running, np.full(100, 0.01))  # seed fixed; 1 % of seeds would be called supported
    answer = running.post(f"/v1/collections/{collection.id}/top-k", json={"k": 10}, headers=ADMIN)
    document = answer.json()
    assert document["verdict"] == "no_signal"
    assert set(document["result"]["items"]["status"]) == {"borderline"}
    assert max(document["result"]["items"]["p_topk"]) < 1


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


def test_what_takes_longer_than_was_predicted_becomes_a_job(
    running: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analyses, "QUICK_SECONDS", 1e9)
    monkeypatch.setattr(analyses, "PATIENCE_SECONDS", 0.5)
    answer = ask(running, "single-location/dynamics", FOREVER)
    assert answer.status_code == 202
    assert answer.json()["predicted_seconds"] > 0
    assert running.request("DELETE", answer.json()["status_url"], headers=ADMIN).json()["status"] == "cancelled"
    assert (
        ask(running, "utilities", ENTRY_POINTS["utilities"].method.EXAMPLE).status_code == 200
    )  # the worker is free again


def test_the_job_of_a_deleted_collection_goes_with_it(running: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analyses, "QUICK_SECONDS", 0.0)
    collection, _ = reported(running)
    services = running.app.state.services
    job = ask(running, "top-k", {"collection_id": collection.id, "k": 5}).json()
    assert set(job) == {"id", "status_url", "events_url", "predicted_seconds"}
    done = waited(running, job["id"])
    assert done["status"] == "done"
    assert done["result"]["inputs"][0]["collection"] == collection.id
    assert services.jobs.purge() == 0
    assert running.request("DELETE", f"/v1/collections/{collection.id}", headers=ADMIN).status_code == 202
    services.jobs.purge()
    assert_problem(running.get(f"/v1/jobs/{job['id']}", headers=ADMIN), 404, "unknown-resource")


def test_a_job_whose_collection_was_deleted_before_it_began_says_so(running: InProcess) -> None:
    services = running.app.state.services
    row = services.jobs.submit(
        services.tokens.principal(ADMIN["Authorization"].removeprefix("Bearer ")),
        "analysis",
        "utilities",
        {"collection_id": "AAAAAAAAAAAA"},
        predicted_seconds=5,
    )
    failed = waited(running, row.id)
    assert failed["status"] == "failed"
    assert failed["error"]["type"] == "urn:fanoplane:problem:unknown-collection"
    assert failed["error"]["status"] == 404
