"""What is read against a model of it: any windows, cohort and version, whatever was folded, and whatever too few reports withhold.

Reports of randomized response count themselves, so the digest of a tally says exactly which reports went in.
"""

import hashlib
import json
import secrets
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from server.services.folding import Folder
from tests.server.assertions import assert_problem
from tests.server.machines import ServiceMachine, run_on_postgresql, run_on_sqlite
from tests.server.timed import HOUR, START, Timed
from tests.services.collection import create
from tests.services.in_process import ADMIN
from tests.services.postgresql import PostgresqlCluster

pytestmark = pytest.mark.thorough

ITEMS = 5
COHORTS = ["a", "b"]
WINDOWS = {"PT1H": HOUR, "PT5H": 5 * HOUR}
Cell = tuple[int, int, int]
"""Version, window, cohort."""

SIDES = st.tuples(
    st.none() | st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda ends: (min(ends), max(ends))),
    st.none() | st.integers(0, 1),
)
"""Windows from the first that holds reports, and a cohort; None for all."""


def digest(counts: np.ndarray) -> str:
    return hashlib.sha256(int(counts.sum()).to_bytes(8, "little") + counts.astype("<i8").tobytes()).hexdigest()


class Machine(ServiceMachine):
    """Phones, time, folding and readers."""

    def __init__(self) -> None:
        super().__init__()
        self.timed = Timed(self.url, self.folder, horizon=HOUR, window_grace_seconds=0)
        self.cells: dict[Cell, Counter[int]] = {}

    def teardown(self) -> None:
        self.timed.close()

    @initialize(min_reports=st.integers(0, 4))
    def begin(self, min_reports: int) -> None:
        self.collection = create(
            self.timed.service.post, items=None, domain_size=ITEMS, mechanism="randomized_response",
            cohorts=COHORTS, window="PT1H", min_reports=min_reports,
        )  # fmt: skip
        self.path, self.need = f"/v1/collections/{self.collection.id}", max(1, min_reports)
        self.versions = [(self.collection.created["spec_digest"], HOUR)]

    @rule(messages=st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=4), cohort=st.integers(0, 1))
    def report(self, messages: list[int], cohort: int) -> None:
        spec_digest, seconds = self.versions[-1]
        batch = {"spec_digest": spec_digest, "batch_key": secrets.token_hex(16), "messages": messages, "cohort": cohort}
        answer = self.timed.service.post(
            self.collection.reports_path, json=batch, headers=self.collection.write_headers
        )
        assert answer.status_code == 200
        cell = (len(self.versions) - 1, int(self.timed.clock.now()) // seconds, cohort)
        self.cells.setdefault(cell, Counter()).update(messages)

    @rule(seconds=st.sampled_from([-HOUR, -1, 1, HOUR, 3 * HOUR]))
    def turn(self, seconds: int) -> None:
        self.timed.clock.turn(max(seconds, START - self.timed.clock.now()))

    @rule(window=st.sampled_from(sorted(WINDOWS)))
    def add_version(self, window: str) -> None:
        if len(self.versions) < 3:
            answer = self.timed.service.post(f"{self.path}/versions", json={"window": window}, headers=ADMIN)
            self.versions.append((answer.json()["spec_digest"], WINDOWS[window]))

    @rule(everything=st.booleans(), reports=st.integers(1, 9))
    def fold(self, everything: bool, reports: int) -> None:
        folder = Folder(self.timed.services.database, reports=reports, clock=self.timed.clock.now)
        (folder.fold_all if everything else folder.fold_due)()

    @rule(more=st.integers(0, 2))
    def raise_min_reports(self, more: int) -> None:
        self.need += more
        changes = {"min_reports": self.need}
        assert self.timed.service.request("PATCH", self.path, json=changes, headers=ADMIN).status_code == 200

    @rule(version=st.integers(0, 2), side=SIDES)
    def estimate(self, version: int, side: Any) -> None:
        chosen, query, counts = self.chosen(version, side)
        answer = self.timed.service.get(
            f"{self.path}/estimates", params={**query, "version": chosen + 1}, headers=ADMIN
        )
        if counts.sum() < self.need:
            return assert_problem(answer, 422, "not-enough-reports", have=int(counts.sum()), need=self.need)
        assert json.loads(answer.headers["fano-provenance"])["counts_digest"] == digest(counts)
        assert sum(item["estimate"] for item in answer.json()["items"]) == pytest.approx(1)
        return None

    @rule(side=SIDES, messages=st.lists(st.integers(0, ITEMS - 1), min_size=1, max_size=4), cohort=st.integers(0, 1))
    def report_and_fold_between_two_looks(self, side: Any, messages: list[int], cohort: int) -> None:
        """What was remembered at the first look must not hide what was folded since."""
        current = len(self.versions) - 1
        self.estimate(current, side)
        self.report(messages, cohort)
        self.fold(everything=True, reports=1)
        self.estimate(current, side)

    @rule(version=st.integers(0, 2), side=SIDES)
    def series(self, version: int, side: Any) -> None:
        chosen, query, _ = self.chosen(version, side)
        document = self.timed.service.get(
            f"{self.path}/series", params={**query, "version": chosen + 1, "item": "0"}, headers=ADMIN
        ).json()
        expected: Counter[int] = Counter()
        for cell in self.selected(chosen, side):
            expected[cell[1]] += self.cells[cell].total()
        told = [(one["window"], one["n"], one["withheld"], len(one["items"])) for one in document["windows"]]
        assert told == [(w, n, n < self.need, int(n >= self.need)) for w, n in sorted(expected.items())]

    @rule(version=st.integers(0, 2), sides=st.tuples(SIDES, SIDES))
    def compare(self, version: int, sides: Any) -> None:
        (chosen, first, one), (_, second, other) = (self.chosen(version, side) for side in sides)
        body = {"first": first, "second": second, "version": chosen + 1}
        answer = self.timed.service.post(f"{self.path}/compare", json=body, headers=ADMIN)
        (windows, cohort), (others, another) = sides
        apart = windows and others and (windows[1] < others[0] or others[1] < windows[0])
        if not apart and (cohort is None or another is None or cohort == another):
            return assert_problem(answer, 422, "invalid-parameters")
        if min(one.sum(), other.sum()) < self.need:
            return assert_problem(answer, 422, "not-enough-reports", need=self.need)
        told = [answer.json()[side]["counts_digest"] for side in ("first", "second")]
        assert told == [digest(one), digest(other)]
        return None

    @rule()
    def look(self) -> None:
        listed = self.timed.service.get(f"{self.path}/versions", headers=ADMIN).json()["versions"]
        everything = (None, None)
        assert [one["n"] for one in listed] == [
            sum(self.cells[cell].total() for cell in self.selected(version, everything))
            for version in range(len(self.versions))
        ]

    def chosen(self, version: int, side: Any) -> tuple[int, dict[str, str], np.ndarray]:
        """The version, the side as a reader asks for it, and its counts."""
        version %= len(self.versions)
        windows, cohort = side
        query = {} if cohort is None else {"cohort": COHORTS[cohort]}
        if windows is not None:
            first, last = (START // self.versions[version][1] + offset for offset in windows)
            query["window"] = str(first) if first == last else f"{first}..{last}"
        counts = np.zeros(ITEMS, dtype=np.int64)
        for cell in self.selected(version, side):
            for message, number in self.cells[cell].items():
                counts[message] += number
        return version, query, counts

    def selected(self, version: int, side: Any) -> list[Cell]:
        windows, cohort = side
        begin = START // self.versions[version][1]
        return [
            cell
            for cell in self.cells
            if cell[0] == version
            and (windows is None or begin + windows[0] <= cell[1] <= begin + windows[1])
            and cohort in (None, cell[2])
        ]


def test_readers_hear_what_the_model_says(sqlite_template: Path) -> None:
    run_on_sqlite(Machine, sqlite_template, examples=12, steps=25)


@pytest.mark.slow
def test_readers_hear_what_the_model_says_at_length(sqlite_template: Path) -> None:
    run_on_sqlite(Machine, sqlite_template, examples=150, steps=60)


@pytest.mark.slow
@pytest.mark.postgres
def test_readers_of_postgresql_hear_what_the_model_says(postgresql: PostgresqlCluster, tmp_path: Path) -> None:
    run_on_postgresql(Machine, postgresql, tmp_path, examples=20, steps=40)
