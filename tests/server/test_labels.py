"""A collection of labels: one private bit for each row that the operator knows, counted as any report, read back by row."""

import csv
import io
from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.single_location.synthetic import draw_rows
from ldp_core.labels import OneBitOutcome, RowLabels
from ldp_core.wire import CollectionSpec
from server.services.folding import Folder
from tests.server.assertions import assert_problem
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess

LABELS = {"rows": 300, "bound": "2"}
ROWS = RowLabels(300, OneBitOutcome("1", 2))


def create_labels(service: InProcess, **changes: Any) -> TestCollection:
    return create(service.post, **{"items": None, "labels": LABELS, **changes})


def report(service: InProcess, collection: TestCollection, messages: list[int]) -> None:
    answer = service.post(collection.reports_path, json=collection.batch(messages), headers=collection.write_headers)
    assert answer.status_code == 200, answer.text


def read(service: InProcess, collection: TestCollection, **query: Any) -> dict[str, Any]:
    answer = service.get(f"/v1/collections/{collection.id}/labels", params=query, headers=ADMIN)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_a_collection_of_labels_says_what_it_asks_for(service: InProcess) -> None:
    made = create_labels(service)
    assert made.created["labels"] == LABELS
    assert (made.created["mechanism"], made.created["domain_size"]) == ("randomized_response", 2)
    assert made.created["report_space"] == 600
    raw = service.get(f"/c/{made.id}/spec").content
    spec = CollectionSpec.parse(raw, digest=made.created["spec_digest"])
    assert spec.labels == ROWS
    assert create(service.post).created["labels"] is None


def test_labels_are_read_back_by_row_folded_or_not(service: InProcess) -> None:
    made = create_labels(service)
    rng = np.random.default_rng(4)
    labels = np.linspace(-2, 1, 300)
    messages = ROWS.randomize_many(np.arange(300), labels, rng)
    report(service, made, messages[:200].tolist())
    assert Folder(service.app.state.services.database, reports=1).fold_all().reports == 200
    report(service, made, [*messages[200:].tolist(), 1])  # a second report for row 0
    found = read(service, made)
    assert (found["n"], found["rows"], found["rows_reported"], found["rows_repeated"]) == (301, 300, 299, 1)
    assert found["row_numbers"] == list(range(1, 300))
    assert found["bits"] == (messages[1:] % 2).tolist()
    assert found["magnitude"] == pytest.approx(ROWS.outcome.magnitude)
    assert found["mean"] == pytest.approx(ROWS.outcome.debias(messages[1:] % 2).mean())
    assert found["low"] < found["mean"] < found["high"]
    assert Folder(service.app.state.services.database, reports=1).fold_all().reports == 101
    assert read(service, made) == found
    short = read(service, made, rows="false")
    assert (short["row_numbers"], short["bits"], short["mean"]) == ([], [], found["mean"])


def test_labels_as_csv_and_only_when_they_changed(sqlite_service: InProcess) -> None:
    made = create_labels(sqlite_service)
    report(sqlite_service, made, [5, 8])
    path = f"/v1/collections/{made.id}/labels"
    answer = sqlite_service.get(path, params={"format": "csv"}, headers=ADMIN)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["row"], row["bit"]) for row in rows] == [("2", "1"), ("4", "0")]
    assert [float(row["label"]) for row in rows] == [ROWS.outcome.magnitude, -ROWS.outcome.magnitude]
    again = sqlite_service.get(
        path, params={"format": "csv"}, headers={**ADMIN, "If-None-Match": answer.headers["etag"]}
    )
    assert again.status_code == 304
    report(sqlite_service, made, [20])
    changed = sqlite_service.get(
        path, params={"format": "csv"}, headers={**ADMIN, "If-None-Match": answer.headers["etag"]}
    )
    assert changed.status_code == 200


def test_the_two_ends_of_all_labels_are_a_histogram(sqlite_service: InProcess) -> None:
    made = create_labels(sqlite_service)
    report(sqlite_service, made, [1, 3, 5, 6])
    path = f"/v1/collections/{made.id}"
    found = sqlite_service.get(f"{path}/estimates", headers=ADMIN).json()
    assert [item["item"] for item in found["items"]] == ["-2", "2"]
    expected = ROWS.mechanism.decode(ROWS.of_all_rows(ROWS.tally([1, 3, 5, 6])))
    assert [item["estimate"] for item in found["items"]] == expected.frequencies.tolist()
    assert found["report_space"] == 600
    series = sqlite_service.get(f"{path}/series", params={"item": "2"}, headers=ADMIN)
    assert series.status_code == 200, series.text


def test_the_privacy_label_says_that_the_row_is_not_hidden(sqlite_service: InProcess) -> None:
    def hidden(made: TestCollection) -> str:
        return str(sqlite_service.get(f"/v1/collections/{made.id}/privacy", headers=ADMIN).json()["not_hidden"])

    assert "which row a report is about" in hidden(create_labels(sqlite_service))
    assert "which row a report is about" not in hidden(create(sqlite_service.post))


def test_a_message_beyond_the_rows_is_refused(sqlite_service: InProcess) -> None:
    made = create_labels(sqlite_service)
    answer = sqlite_service.post(made.reports_path, json=made.batch([3, 600]), headers=made.write_headers)
    assert_problem(answer, 422, "message-out-of-range", position=1, report_space=600)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"items": ["a", "b"]}, "body"),
        ({"domain_size": 2}, "body"),
        ({"mechanism": "randomized_response"}, "body"),
        ({"cohorts": ["a", "b"]}, "body"),
        ({"labels": {"rows": 0, "bound": "2"}}, "labels.rows"),
        ({"labels": {"rows": 5}}, "labels.bound"),
        ({"labels": {"rows": 5, "bound": "-2"}}, "labels"),
        ({"labels": {"rows": 5, "bound": "1e3"}}, "labels"),
        ({"labels": {"rows": 1 << 30, "bound": "2"}}, "labels"),
        ({"epsilon": "30"}, "epsilon"),
    ],
)
def test_what_labels_cannot_be_is_refused(sqlite_service: InProcess, changes: dict[str, Any], field: str) -> None:
    body = {"name": "n", "question": "?", "epsilon": "1", "labels": LABELS, **changes}
    answer = sqlite_service.post("/v1/collections", json=body, headers=ADMIN)
    assert_problem(answer, 422, "invalid-parameters")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_there_are_no_labels_where_none_were_asked_for_or_came(sqlite_service: InProcess) -> None:
    histogram = create(sqlite_service.post)
    report(sqlite_service, histogram, [0, 1])
    answer = sqlite_service.get(f"/v1/collections/{histogram.id}/labels", headers=ADMIN)
    assert_problem(answer, 422, "invalid-parameters")
    made = create_labels(sqlite_service, min_reports=3)
    path = f"/v1/collections/{made.id}/labels"
    assert_problem(sqlite_service.get(path, headers=ADMIN), 422, "not-enough-reports", have=0, need=3)
    report(sqlite_service, made, [4, 4, 4])
    assert_problem(sqlite_service.get(path, headers=ADMIN), 422, "not-enough-reports", have=0, need=1)
    assert_problem(sqlite_service.get("/v1/collections/nothing/labels", headers=ADMIN), 404, "unknown-collection")
    assert_problem(sqlite_service.get(path, headers=made.write_headers), 403, "insufficient-scope")


def test_a_new_version_keeps_the_rows(sqlite_service: InProcess) -> None:
    made = create_labels(sqlite_service)
    path = f"/v1/collections/{made.id}"
    changed = sqlite_service.post(f"{path}/versions", json={"epsilon": "1/2", "question": "And now?"}, headers=ADMIN)
    assert changed.status_code == 201, changed.text
    assert (changed.json()["labels"], changed.json()["epsilon"]) == (LABELS, "0.5")
    refused = sqlite_service.post(f"{path}/versions", json={"items": ["a", "b"]}, headers=ADMIN)
    assert_problem(refused, 422, "invalid-parameters")
    draft = create_labels(sqlite_service, opened=False)
    patched = sqlite_service.request(
        "PATCH", f"/v1/collections/{draft.id}", json={"question": "Another?"}, headers=ADMIN
    )
    assert (patched.status_code, patched.json()["labels"]) == (200, LABELS)


@pytest.mark.thorough
def test_a_fit_takes_its_outcomes_from_the_rows_that_were_reported(sqlite_service: InProcess) -> None:
    rows = draw_rows(400, 4, 3, gamma=0.8, noise_sd=0.1, rng=np.random.default_rng(1))
    labels = RowLabels(400, OneBitOutcome("8", 3))
    made = create(sqlite_service.post, items=None, labels={"rows": 400, "bound": "3"}, epsilon="8")
    messages = labels.randomize_many(np.arange(390), rows.y[:390], np.random.default_rng(2))
    report(sqlite_service, made, [*messages.tolist(), int(messages[7])])
    body = {"X": rows.X.round(3).tolist(), "label_collection_id": made.id, "return_attention_for": [7, 399], "seed": 3}
    answer = sqlite_service.post("/v1/analysis/single-location/fit", json=body, headers=ADMIN)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["params_effective"]["label_epsilon"] == "8"
    assert found["params_effective"]["label_bound"] == 3
    assert sum(found["diagnostics"]["rows"].values()) == 389
    assert [row["row"] for row in found["result"]["attention_rows"]] == [7, 399]
    assert found["inputs"][0]["n"] == 391
    bits: list[int | None] = (messages % 2).tolist() + [None] * 10
    bits[7] = None
    direct = {**body, "y": bits, "label_epsilon": "8", "label_bound": 3}
    del direct["label_collection_id"]
    same = sqlite_service.post("/v1/analysis/single-location/fit", json=direct, headers=ADMIN).json()
    assert same["result"] == found["result"]


@pytest.mark.thorough
def test_a_fit_says_what_it_cannot_read_labels_from(sqlite_service: InProcess) -> None:
    def refused(body: dict[str, Any], field: str, code: str) -> None:
        answer = sqlite_service.post("/v1/analysis/single-location/fit", json=body, headers=ADMIN)
        assert_problem(answer, 422, "invalid-analysis", code=code, field=field)

    X = np.random.default_rng(0).normal(size=(60, 2, 2)).tolist()
    histogram = create(sqlite_service.post)
    report(sqlite_service, histogram, [0, 1])
    refused({"X": X, "label_collection_id": histogram.id}, "label_collection_id", "wrong_shape")
    refused({"X": X, "label_collection_id": 7}, "label_collection_id", "wrong_type")
    made = create_labels(sqlite_service)
    report(sqlite_service, made, list(range(0, 120, 2)))
    refused({"X": X, "label_collection_id": made.id, "y": [1.0] * 60}, "y", "unknown_field")
    refused({"X": X, "label_collection_id": made.id}, "y", "wrong_shape")  # 300 rows and 60 rows
