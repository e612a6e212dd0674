"""A simulated fleet over HTTP, for the mechanism of a collection."""

import json

import pytest

from ldp_core.analysis.histogram import describe_mechanism
from ldp_core.analysis.registry import ENTRY_POINTS
from server.api.job_schemas import AnalysisOut
from tests.server.analyses.asking import ask, reported, waited
from tests.server.assertions import assert_problem
from tests.services.collection import create
from tests.services.in_process import InProcess

pytestmark = pytest.mark.thorough

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
