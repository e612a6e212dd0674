"""Windows, cohorts and versions from the command line, against the real service."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import Result

from server.clock import FakeClock
from tests.client.cli.conftest import Fano
from tests.services.collection import TestCollection
from tests.services.in_process import ADMIN, InProcess, settings

DAY = 86_400
FIRST, SECOND = 20_000, 20_001


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(FIRST * DAY + 10.0)


@pytest.fixture
def service(sqlite_url: str, clock: FakeClock) -> Iterator[InProcess]:
    with InProcess(settings(sqlite_url), clock) as running:
        yield running


@pytest.fixture
def fano(service: InProcess, fano_at: Callable[[InProcess], Fano]) -> Fano:
    started = fano_at(service)

    def run(*arguments: str) -> Result:
        result = started(*arguments)
        assert result.exit_code == 0, (result.output, result.exception)
        return result

    return run


@pytest.fixture
def collection(fano: Fano, service: InProcess, clock: FakeClock, tmp_path: Any) -> TestCollection:
    """Two windows; in each, cohort a sends 300 reports that support apple and cohort b 200 that do not."""
    (tmp_path / "items.txt").write_text("apple\nbanana\ncherry\n")
    told = ["--name", "fruit", "--question", "Which?", "--epsilon", "1", "--items-file", str(tmp_path / "items.txt")]
    cohorts = ["--cohort", "a", "--cohort", "b"]
    created = json.loads(fano("collection", "create", *told, *cohorts, "--retention", "P7D", "--json").stdout)
    assert (created["cohorts"], created["retention"]) == (["a", "b"], "P7D")
    made = TestCollection(created)
    fano("collection", "open", made.id)
    for window in (FIRST, SECOND):
        for cohort, message, n in ((0, 0, 300), (1, 1, 200)):
            sent = {**made.batch([message] * n), "cohort": cohort}
            assert service.post(made.reports_path, json=sent, headers=made.write_headers).status_code == 200
        clock.turn(DAY if window == FIRST else 0)
    return made


def test_an_estimate_of_a_window_or_a_cohort(fano: Fano, collection: TestCollection) -> None:
    def n(*chosen: str) -> int:
        return int(json.loads(fano("estimate", collection.id, *chosen, "--json").stdout)["n"])

    assert n() == 1_000
    assert n("--window", str(FIRST)) == 500
    assert n("--window", f"{FIRST}..{SECOND}", "--cohort", "b") == 400
    assert n("--cohort", "a", "--version", "1") == 600
    table = fano("estimate", collection.id, "--window", str(FIRST), "--cohort", "a")
    assert f"n = 300 reports of window {FIRST} of cohort a" in table.stderr
    rows = list(csv.DictReader(io.StringIO(fano("estimate", collection.id, "--cohort", "b", "--format", "csv").stdout)))
    assert {row["n"] for row in rows} == {"400"}


def test_a_series_is_what_the_service_says(fano: Fano, service: InProcess, collection: TestCollection) -> None:
    command = ["collection", "series", collection.id, "--item", "apple", "--item", "cherry"]
    document = json.loads(fano(*command, "--cohort", "a", "--json").stdout)
    query = {"item": ["apple", "cherry"], "cohort": "a"}
    assert document == service.get(f"/v1/collections/{collection.id}/series", params=query, headers=ADMIN).json()
    assert [(one["window"], one["n"]) for one in document["windows"]] == [(FIRST, 300), (SECOND, 300)]
    printed = fano(*command, "--window", str(SECOND), "--version", "1")
    assert "2024-10-05T00:00:00Z" in printed.stdout
    assert "1 window with reports, epsilon = 1" in printed.stderr


def test_windows_with_too_few_reports_are_shown_as_withheld(
    fano: Fano, service: InProcess, collection: TestCollection
) -> None:
    path = f"/v1/collections/{collection.id}"
    service.request("PATCH", path, json={"min_reports": 501}, headers=ADMIN)
    printed = fano("collection", "series", collection.id, "--item", "apple")
    assert printed.stdout.count("withheld") == 2
    assert "2 withheld, below 501 reports" in printed.stderr


def test_a_comparison_is_what_the_service_says(fano: Fano, collection: TestCollection) -> None:
    command = ["collection", "compare", collection.id, "--first-cohort", "a", "--second-cohort", "b"]
    document = json.loads(fano(*command, "--top", "2", "--version", "1", "--json").stdout)
    assert [document[side]["n"] for side in ("first", "second")] == [600, 400]
    assert (document["comparisons"], len(document["items"])) == (3, 2)
    by_window = ["--first-window", str(FIRST), "--second-window", str(SECOND), "--confidence", "0.9"]
    printed = fano("collection", "compare", collection.id, *by_window)
    assert "n = 500 and 500 reports, epsilon = 1. At 90 % confidence none of the 3 items differs." in printed.stderr
    assert "apple" in printed.stdout
