"""Estimates over HTTP: the mathematics' own numbers, complete, cached and in two formats."""

import csv
import io
import json
from dataclasses import asdict

import numpy as np
import pytest

from ldp_core.estimation.post_processing import post_process
from ldp_core.mechanisms import Mechanism, Tally
from ldp_core.mechanisms import create as create_mechanism
from server.api.estimate_schemas import EstimateOut
from tests.server.assertions import assert_problem
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess, settings

MESSAGES = np.random.default_rng(5).integers(0, 13, 500).tolist()


def reported(service: InProcess, messages: list[int] = MESSAGES, **changes: object) -> tuple[TestCollection, Mechanism]:
    """A collection over PG(2, 3) of 13 messages, with reports."""
    collection = create(service.post, items=[f"item {i}" for i in range(10)], parameters={"q": 3, "t": 3}, **changes)
    report(service, collection, messages)
    return collection, create_mechanism("projective_geometry", epsilon="1", domain_size=10, q=3, t=3)


def report(service: InProcess, collection: TestCollection, messages: list[int]) -> None:
    answer = service.post(collection.reports_path, json=collection.batch(messages), headers=collection.write_headers)
    assert answer.status_code == 200


def path(collection: TestCollection) -> str:
    return f"/v1/collections/{collection.id}/estimates"


def test_the_answer_is_what_the_mechanism_decodes(service: InProcess) -> None:
    collection, mechanism = reported(service)
    answer = service.get(path(collection), params={"confidence": 0.9}, headers=ADMIN)
    assert answer.status_code == 200
    document = answer.json()
    EstimateOut.model_validate(document)
    estimate = mechanism.decode(Tally.of(MESSAGES, 13))
    assert document["n"] == 500
    assert document["items"][3]["item"] == "item 3"
    assert [item["index"] for item in document["items"]] == list(range(10))
    for column, expected in (
        ("estimate", estimate.frequencies),
        ("standard_error", estimate.standard_errors),
        ("low", estimate.interval(0.9).low),
        ("high", estimate.interval(0.9).high),
        ("low_simultaneous", estimate.interval(0.9, simultaneous=True).low),
        ("high_simultaneous", estimate.interval(0.9, simultaneous=True).high),
    ):
        assert [item[column] for item in document["items"]] == expected.tolist(), column
    assert document["noise_floor"] == estimate.noise_floor(0.9)
    assert document["canaries"]["count"] == 3
    assert document["canaries"]["max_abs_z"] == estimate.canaries.max_abs_z
    assert document["poisoning"]["users_per_fake"] == estimate.poisoning.users_per_fake
    assert document["provenance"]["spec_digest"] == collection.created["spec_digest"] == document["spec_digest"]


def test_every_decoder_gives_the_same_numbers(sqlite_service: InProcess) -> None:
    collection, mechanism = reported(sqlite_service)
    answers = [
        sqlite_service.get(path(collection), params={"decoder": d}, headers=ADMIN).json() for d in mechanism.decoders
    ]
    assert [answer["decoder"] for answer in answers] == list(mechanism.decoders)
    assert all(answer["items"] == answers[0]["items"] for answer in answers)


def test_reports_that_come_later_are_added(service: InProcess) -> None:
    collection, mechanism = reported(service)
    for more in ([1] * 50, [2, 12], [0]):
        before = service.get(path(collection), headers=ADMIN)
        report(service, collection, more)
        after = service.get(path(collection), headers=ADMIN)
        assert after.json()["n"] == before.json()["n"] + len(more)
        assert after.headers["etag"] != before.headers["etag"]
    everything = mechanism.decode(Tally.of([*MESSAGES, *[1] * 50, 2, 12, 0], 13))
    assert [item["estimate"] for item in after.json()["items"]] == everything.frequencies.tolist()


def test_the_same_counts_are_decoded_once(sqlite_service: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    collection, _ = reported(sqlite_service)
    first = sqlite_service.get(path(collection), headers=ADMIN)

    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(sqlite_service.app.state.services.estimates, "_decode", refuse)
    again = sqlite_service.get(path(collection), headers=ADMIN)
    assert again.content == first.content
    unchanged = sqlite_service.get(path(collection), headers={**ADMIN, "If-None-Match": first.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


def test_a_restarted_service_counts_the_same(database_url: str) -> None:
    with InProcess(settings(database_url)) as service:
        collection, _ = reported(service)
        report(service, collection, [3, 3, 3])
        before = service.get(path(collection), headers=ADMIN)
    with InProcess(settings(database_url)) as service:
        after = service.get(path(collection), headers=ADMIN)
    assert {**after.json(), "decode_seconds": 0} == {**before.json(), "decode_seconds": 0}
    assert after.headers["etag"] == before.headers["etag"]


def test_top_shows_the_largest_in_falling_order(sqlite_service: InProcess) -> None:
    collection, _ = reported(sqlite_service)
    all_items = sqlite_service.get(path(collection), headers=ADMIN).json()["items"]
    top = sqlite_service.get(path(collection), params={"top": 4}, headers=ADMIN).json()["items"]
    assert top == sorted(all_items, key=lambda item: -item["estimate"])[:4]
    assert len(sqlite_service.get(path(collection), params={"top": 99}, headers=ADMIN).json()["items"]) == 10


def test_csv_holds_the_same_rows(sqlite_service: InProcess) -> None:
    collection, _ = reported(sqlite_service)
    document = sqlite_service.get(path(collection), headers=ADMIN).json()
    answer = sqlite_service.get(path(collection), params={"format": "csv"}, headers=ADMIN)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 10
    for row, item in zip(rows, document["items"], strict=True):
        assert row["item"] == item["item"]
        assert row["above_noise_floor"] == str(item["above_noise_floor"]).lower()
        assert all(float(row[key]) == item[key] for key in ("estimate", "standard_error", "low", "high_simultaneous"))
    assert json.loads(answer.headers["fano-provenance"]) == document["provenance"]


def test_items_without_texts_are_named_by_their_index(sqlite_service: InProcess) -> None:
    collection = create(sqlite_service.post, items=None, domain_size=5)
    report(sqlite_service, collection, [0, 1])
    items = sqlite_service.get(path(collection), headers=ADMIN).json()["items"]
    assert [item["item"] for item in items] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(("min_reports", "have", "need"), [(0, 0, 1), (5, 0, 5), (5, 4, 5)])
def test_too_few_reports_are_told_with_numbers(
    sqlite_service: InProcess, min_reports: int, have: int, need: int
) -> None:
    collection = create(sqlite_service.post, min_reports=min_reports)
    if have:
        report(sqlite_service, collection, [1] * have)
    answer = sqlite_service.get(path(collection), headers=ADMIN)
    assert_problem(answer, 422, "not-enough-reports", have=have, need=need)
    report(sqlite_service, collection, [1] * (need - have))
    assert sqlite_service.get(path(collection), headers=ADMIN).status_code == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"decoder": "oracle"}, "decoder"),
        ({"confidence": 1}, "confidence"),
        ({"confidence": "nan"}, "confidence"),
        ({"top": 0}, "top"),
        ({"format": "xml"}, "format"),
    ],
)
def test_wrong_questions_are_refused_by_field(sqlite_service: InProcess, query: dict[str, object], field: str) -> None:
    collection, _ = reported(sqlite_service)
    answer = sqlite_service.get(path(collection), params=query, headers=ADMIN)
    assert_problem(answer, 422, "invalid-parameters")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_estimates_survive_the_end_of_a_collection(sqlite_service: InProcess) -> None:
    collection, _ = reported(sqlite_service)
    sqlite_service.post(f"/v1/collections/{collection.id}/close", headers=ADMIN)
    assert sqlite_service.get(path(collection), headers=ADMIN).json()["n"] == 500


@pytest.mark.parametrize("name", ["norm_sub", "simplex", "base_cut", "empirical_bayes"])
def test_post_processed_shares_stand_beside_the_raw_ones(sqlite_service: InProcess, name: str) -> None:
    collection, mechanism = reported(sqlite_service)
    raw = sqlite_service.get(path(collection), headers=ADMIN).json()
    beside = sqlite_service.get(path(collection), params={"post": [name, "norm_sub"]}, headers=ADMIN).json()
    expected = post_process(mechanism.decode(Tally.of(MESSAGES, 13)), name)
    assert [item["post"][name] for item in beside["items"]] == expected.frequencies.tolist()
    fitted = {} if expected.convergence is None else {name: asdict(expected.convergence)}
    assert beside["post_convergence"] == fitted
    assert bool(fitted) == (name == "empirical_bayes")
    assert raw["post_convergence"] == {}
    assert [item["post"] for item in raw["items"]] == [{}] * 10
    assert [item["estimate"] for item in beside["items"]] == [item["estimate"] for item in raw["items"]]
    assert beside["provenance"]["post"] == list(dict.fromkeys([name, "norm_sub"]))
    text = sqlite_service.get(path(collection), params={"post": name, "format": "csv"}, headers=ADMIN).text
    assert text.splitlines()[0].endswith(f"above_noise_floor,post_{name}")


def test_an_unknown_post_processing_is_refused(sqlite_service: InProcess) -> None:
    collection, _ = reported(sqlite_service)
    answer = sqlite_service.get(path(collection), params={"post": "clip"}, headers=ADMIN)
    assert_problem(answer, 422, "invalid-parameters")


COLLECTABLE = [
    ("projective_geometry", {}),
    ("hybrid_projective_geometry", {}),
    ("randomized_response", {}),
    ("subset_selection", {}),
    ("hadamard_response", {}),
    ("spread", {}),
    ("spread", {"p": 2, "n": 5, "c": 3, "m": 3}),
]


@pytest.mark.parametrize(("name", "parameters"), COLLECTABLE)
def test_a_collection_takes_any_mechanism_whose_message_fits(
    sqlite_service: InProcess, name: str, parameters: dict[str, int]
) -> None:
    mechanism = create_mechanism(name, epsilon="1", domain_size=24, **parameters)
    collection = create(
        sqlite_service.post, items=[f"item {i}" for i in range(24)], mechanism=name, parameters=parameters
    )
    messages = mechanism.randomize_many(np.arange(2_000) % 24, np.random.default_rng(1)).tolist()
    for start in range(0, 2_000, 500):
        report(sqlite_service, collection, messages[start : start + 500])
    document = sqlite_service.get(path(collection), headers=ADMIN).json()
    EstimateOut.model_validate(document)
    expected = mechanism.decode(mechanism.tally(messages))
    assert document["n"] == 2_000
    assert [item["estimate"] for item in document["items"]] == expected.frequencies.tolist()
    assert document["report_space"] == mechanism.report_space


def test_a_mechanism_whose_message_does_not_fit_is_refused(sqlite_service: InProcess) -> None:
    for name in ("optimized_unary_encoding", "optimized_local_hashing"):
        body = {"name": "n", "question": "q", "domain_size": 100, "epsilon": "1", "mechanism": name}
        assert_problem(sqlite_service.post("/v1/collections", json=body, headers=ADMIN), 422, "invalid-parameters")
