"""`fano collection labels` against the real service: the same numbers, every one with its interval."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ldp_core.labels import OneBitOutcome
from server.clock import FakeClock
from tests.client.cli.conftest import Fano
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess, settings

DAY = 86_400
WINDOW = 20_000
MAGNITUDE = OneBitOutcome("4", 2).magnitude


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(WINDOW * DAY + 10.0)


@pytest.fixture
def service(sqlite_url: str, clock: FakeClock) -> Iterator[InProcess]:
    with InProcess(settings(sqlite_url), clock) as running:
        yield running


@pytest.fixture
def fano(service: InProcess, fano_at: Callable[[InProcess], Fano]) -> Fano:
    return fano_at(service)


@pytest.fixture
def collection(service: InProcess, clock: FakeClock) -> TestCollection:
    """60 rows: in the first window the bits of rows 0 to 39, in the second those of 40 to 49, and row 3 again."""
    made = create(service.post, items=None, labels={"rows": 60, "bound": "2"}, epsilon="4")
    for messages in ([2 * row + (row % 4 > 0) for row in range(40)], [*range(80, 100, 2), 6]):
        sent = service.post(made.reports_path, json=made.batch(messages), headers=made.write_headers)
        assert sent.status_code == 200, sent.text
        clock.turn(DAY)
    return made


def document_of(fano: Fano, collection: TestCollection, *more: str) -> dict[str, Any]:
    done = fano("collection", "labels", collection.id, *more, "--json")
    assert done.exit_code == 0, done.exception
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_json_is_what_the_service_says(fano: Fano, service: InProcess, collection: TestCollection) -> None:
    path = f"/v1/collections/{collection.id}/labels"
    chosen = ["--window", str(WINDOW), "--version", "1", "--confidence", "0.9"]
    asked = {"window": str(WINDOW), "version": 1, "confidence": 0.9}
    document = document_of(fano, collection, *chosen)
    assert document == service.get(path, params=asked, headers=ADMIN).json()
    assert (document["n"], len(document["bits"])) == (40, 40)
    whole = document_of(fano, collection)
    assert (whole["n"], whole["rows_reported"], whole["rows_repeated"]) == (51, 49, 1)
    assert document_of(fano, collection, "--rows", "2") == {**whole, "row_numbers": [0, 1], "bits": [0, 1]}
    assert document_of(fano, collection, "--rows", "0") == {**whole, "row_numbers": [], "bits": []}


def test_a_table_shows_the_mean_and_then_rows_each_with_its_interval(fano: Fano, collection: TestCollection) -> None:
    told = fano("collection", "labels", collection.id, "--confidence", "0.8")
    document = document_of(fano, collection, "--confidence", "0.8")
    header, mean, *rows = [line.split() for line in told.stdout.splitlines()]
    assert " ".join(header) == "row estimate 80 % interval"
    assert mean == ["mean", *(f"{document[name]:.4g}" for name in ("mean", "low")), "…", f"{document['high']:.4g}"]
    furthest = f"{MAGNITUDE * 0.6:.4g}"
    assert rows[0] == ["0", f"-{MAGNITUDE:.4g}", "-2", "…", furthest]
    assert rows[1] == ["1", f"{MAGNITUDE:.4g}", f"-{furthest}", "…", "2"]
    assert [row[0] for row in rows] == [str(row) for row in range(21) if row != 3]
    assert "n = 51 reports, epsilon = 4. 49 of 60 rows were reported once, 1 more than once and left out" in told.stderr
    assert "20 are shown" in told.stderr
    alone = fano("collection", "labels", collection.id, "--rows", "0", "--window", f"{WINDOW + 1}")
    assert len(alone.stdout.splitlines()) == 2
    assert f"n = 11 reports of window {WINDOW + 1}" in alone.stderr


def test_csv_has_a_line_for_each_row(fano: Fano, collection: TestCollection) -> None:
    told = fano("collection", "labels", collection.id, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(told.stdout)))
    assert [int(row["row"]) for row in rows] == [row for row in range(50) if row != 3]
    for row in rows:
        assert float(row["estimate"]) == pytest.approx(MAGNITUDE * (2 * int(row["bit"]) - 1))
        assert (float(row["low"]), float(row["high"])) == OneBitOutcome("4", 2).interval(int(row["bit"]))
        assert (row["n"], row["epsilon"], row["confidence"]) == ("51", "4", "0.95")


def test_what_has_no_labels_is_refused_with_what_to_do(fano: Fano, service: InProcess) -> None:
    histogram = create(service.post)
    for messages in ([], [0] * 9):
        service.post(histogram.reports_path, json=histogram.batch(messages), headers=histogram.write_headers)
        told = fano("collection", "labels", histogram.id)
        assert told.exit_code == 1
        assert f"gathers a histogram and no labels; show it with: fano estimate {histogram.id}" in told.output
    waiting = fano("collection", "labels", create(service.post, items=None, labels={"rows": 9, "bound": "1"}).id)
    assert "Not enough reports yet" in str(waiting.exception)
    assert "fano collection list" in str(fano("collection", "labels", "nothing").exception)


@pytest.mark.parametrize("wrong", [["--rows", "-1"], ["--confidence", "1"], ["--version", "0"], ["--cohort", "a"]])
def test_wrong_usage(fano: Fano, wrong: list[str]) -> None:
    assert fano("collection", "labels", "C1", *wrong).exit_code == 2
