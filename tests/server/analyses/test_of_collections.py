"""Analyses over HTTP of what collections have counted: fits, derivatives, cohorts, and collections that cannot be asked."""

import json

import numpy as np
import pytest

from ldp_core.analysis.histogram import CollectionHistogram, describe_mechanism
from ldp_core.analysis.registry import ENTRY_POINTS
from ldp_core.mechanisms import Tally
from ldp_core.mechanisms import create as create_mechanism
from tests.server.analyses.asking import MESSAGES, ask, report, reported
from tests.server.assertions import assert_problem
from tests.services.collection import create
from tests.services.in_process import ADMIN, InProcess
from tests.services.tokens import bearer, make_token

pytestmark = pytest.mark.thorough


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


@pytest.mark.parametrize("path", ["lojasiewicz/fit", "lojasiewicz/stream"])
def test_the_likelihood_of_a_collection_is_that_of_its_counts(running: InProcess, path: str) -> None:
    collection, mechanism = reported(running)
    by_name = ask(running, path, {"collection_id": collection.id})
    fields = CollectionHistogram(mechanism, Tally.of(MESSAGES, 13)).to_fields()
    by_counts = ask(running, path, {**fields, "counts": fields["counts"].tolist()})
    assert by_name.status_code == by_counts.status_code == 200, by_name.text
    assert by_name.json()["result"] == by_counts.json()["result"]
    assert by_name.json()["result"]["n"] == 500


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


def test_an_analyst_of_one_collection_analyses_that_one_only(running: InProcess) -> None:
    (mine, _), (other, _) = reported(running), reported(running)
    token = bearer(make_token(running, "of one", collection=mine.id)["token"])
    assert ask(running, "utilities", {"collection_id": mine.id}, token).status_code == 200
    assert_problem(ask(running, "utilities", {"collection_id": other.id}, token), 404, "unknown-collection")
    assert_problem(
        running.post(f"/v1/collections/{other.id}/utilities", json={}, headers=token), 404, "unknown-collection"
    )
