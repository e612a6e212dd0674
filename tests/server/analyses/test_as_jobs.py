"""Analyses over HTTP that take long: jobs that are watched, cancelled, counted and kept."""

import json
import time
from typing import Any

import pytest

from ldp_core.analysis.registry import ENTRY_POINTS
from server.api.job_schemas import AnalysisOut, JobAccepted, JobList, JobOut
from server.services import analyses
from tests.server.analyses.asking import FOREVER, ask, reported, waited
from tests.server.assertions import assert_problem
from tests.services.in_process import ADMIN, InProcess
from tests.services.tokens import bearer, make_token

pytestmark = pytest.mark.thorough

LONG = {"d": 50, "steps": 14_600, "runs": 20, "log_points": 2}


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
    # not told yet, and then it may take long: first of all it removes the collection's reports
    monkeypatch.setattr(services.housekeeping, "wake", lambda: None)
    assert running.request("DELETE", f"/v1/collections/{collection.id}", headers=ADMIN).status_code == 202
    assert_problem(running.get(f"/v1/jobs/{job['id']}", headers=ADMIN), 404, "unknown-resource")
    assert job["id"] not in [listed["id"] for listed in running.get("/v1/jobs", headers=ADMIN).json()["jobs"]]
    services.jobs.purge()
    assert_problem(running.get(f"/v1/jobs/{job['id']}", headers=ADMIN), 404, "unknown-resource")


def test_a_job_is_not_queued_for_a_collection_that_was_just_deleted(
    running: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is deleted between the look at it and the queue."""
    monkeypatch.setattr(analyses, "QUICK_SECONDS", 0.0)
    collection, _ = reported(running)
    jobs, before = running.app.state.services.jobs, running.get("/v1/jobs", headers=ADMIN).json()
    real = jobs.submit

    def late(*arguments: Any, **named: Any) -> Any:
        running.app.state.services.changes.delete(collection.id, actor="test")
        return real(*arguments, **named)

    monkeypatch.setattr(jobs, "submit", late)
    assert_problem(ask(running, "top-k", {"collection_id": collection.id, "k": 5}), 404, "unknown-collection")
    assert running.get("/v1/jobs", headers=ADMIN).json() == before


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
