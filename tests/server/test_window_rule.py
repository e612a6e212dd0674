"""The one rule of windows, in both encodings, over every border: where a batch counts, and until when it is taken.

A batch names a window or none. It counts where it arrives, or in the window before, if it names that, within the grace. It is taken until
its window is over for good. `Machine` below holds the service to a model of this, whatever the clock and the purge do.
"""

import secrets
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select

from ldp_core.wire import PACKED_MEDIA_TYPE, ReportBatch
from server.clock import FakeClock
from server.services.count_vectors import unpack_counts
from server.services.retention import Retention
from server.storage.database import Database
from server.storage.tables import segments, tallies
from tests.server.assertions import assert_problem
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess
from tests.services.in_process import settings as service_settings
from tests.services.postgresql import PostgresqlCluster

pytestmark = pytest.mark.thorough

HOUR, DAY = 3_600, 86_400
START = 20_000 * DAY
W = START // DAY
ENCODINGS = ["json", "packed"]


@dataclass(frozen=True)
class Batch:
    """One report with what it states. window: None when it names none, which only JSON can."""

    digest: str
    message: int
    window: int | None
    key: bytes

    def send(self, service: InProcess, collection: TestCollection, encoding: str) -> Any:
        """Post it; returns what an asynchronous client returns when `service` is one."""
        headers = dict(collection.write_headers)
        if encoding == "json" or self.window is None:
            body: dict[str, Any] = {
                "spec_digest": self.digest,
                "batch_key": self.key.hex(),
                "messages": [self.message],
            }
            if self.window is not None:
                body["window"] = self.window
            return service.post(collection.reports_path, json=body, headers=headers)
        headers["Content-Type"] = PACKED_MEDIA_TYPE
        packed = ReportBatch(bytes.fromhex(self.digest[:16]), self.window, self.key, np.array([self.message]))
        return service.post(collection.reports_path, content=packed.pack(), headers=headers)


def counted(database: Database, cells: int) -> dict[tuple[int, int], Counter[int]]:
    """The messages of each version and window, in checkpoints and segments."""
    found: dict[tuple[int, int], Counter[int]] = {}
    with database.snapshot() as connection:
        for version, window, messages in connection.execute(
            select(segments.c.version, segments.c.window_index, segments.c.messages)
        ):
            found.setdefault((version, window), Counter()).update(np.frombuffer(messages, "<u4").tolist())
        for version, window, packed in connection.execute(
            select(tallies.c.version, tallies.c.window_index, tallies.c.counts)
        ):
            counts = unpack_counts(packed, cells)
            found.setdefault((version, window), Counter()).update(
                {int(message): int(counts[message]) for message in np.flatnonzero(counts)}
            )
    return found


class Timed:
    """A service whose clock is turned by hand and whose purge runs when it is told to."""

    def __init__(self, url: str, folder: Path, *, horizon: int, clock: FakeClock | None = None, **chosen: Any) -> None:
        self.clock = clock or FakeClock(START)
        self.service = InProcess(service_settings(url, data_dir=folder, fold_seconds=0, **chosen), self.clock)
        self.service.__enter__()
        self.services = self.service.app.state.services
        self.services.housekeeping.close()
        self.retention = Retention(self.services.database, self.clock, retry_horizon=horizon, rows=2)

    def close(self) -> None:
        self.service.__exit__()

    def at(self, moment: float) -> None:
        self.clock.turn(moment - self.clock.now())


@pytest.fixture
def timed(database_url: str, tmp_path: Path) -> Iterator[Timed]:
    timed = Timed(database_url, tmp_path, horizon=7 * DAY)
    yield timed
    timed.close()


def made(collection: TestCollection, message: int, window: int | None) -> Batch:
    return Batch(collection.created["spec_digest"], message, window, secrets.token_bytes(16))


END = START + DAY
GRACE = HOUR
WHERE = [  # arrival, named, where it counts
    (START, W, W),
    (START, None, W),
    (START, W - 1, W - 1),
    (START, W - 2, W),
    (START, W + 1, W),
    (START, W + 999, W),
    (END - 1, W, W),
    (END - 1, W - 1, W),
    (END - 0.001, W, W),
    (END, W, W),
    (END, None, W + 1),
    (END, W + 1, W + 1),
    (END, W - 1, W + 1),
    (END + GRACE - 1, W, W),
    (END + GRACE - 0.001, W, W),
    (END + GRACE, W, W + 1),
    (END + DAY, W, W + 2),
]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_where_a_batch_counts(timed: Timed, encoding: str) -> None:
    collection = create(timed.service.post, items=None, domain_size=40)
    expected: dict[int, Counter[int]] = {}
    for message, (arrival, named, window) in enumerate(WHERE):
        timed.at(arrival)
        assert made(collection, message, named).send(timed.service, collection, encoding).status_code == 200
        expected.setdefault(window, Counter())[message] += 1
    stored = counted(timed.services.database, collection.created["report_space"])
    assert {window: messages for (_, window), messages in stored.items()} == expected


@pytest.mark.parametrize(
    ("grace", "last_second"), [(0, -1), (HOUR - 1, HOUR - 2), (HOUR, HOUR - 1), (9 * HOUR, HOUR - 1)]
)
def test_grace_lasts_as_long_as_it_says_but_never_longer_than_a_window(
    sqlite_url: str, tmp_path: Path, grace: int, last_second: int
) -> None:
    timed = Timed(sqlite_url, tmp_path, horizon=0, window_grace_seconds=grace)
    collection = create(timed.service.post, window="PT1H", items=None, domain_size=40)
    named = START // HOUR
    for message, moment in enumerate((last_second, last_second + 1)):
        timed.at(START + HOUR + moment)
        made(collection, message, named).send(timed.service, collection, "packed")
    stored = counted(timed.services.database, collection.created["report_space"])
    where = {message: window for (_, window), messages in stored.items() for message in messages}
    timed.close()
    assert where[0] == named
    assert where[1] > named


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_until_when_a_batch_is_taken_and_its_retries_are_known(timed: Timed, encoding: str) -> None:
    """W ends at END, is closed 2 days later, and forgotten 7 days after that."""
    collection = create(timed.service.post, items=None, domain_size=40, retention="P2D")
    closed, forgotten = END + 2 * DAY, END + 9 * DAY
    other = ENCODINGS[1 - ENCODINGS.index(encoding)]
    first, late, unnamed = (made(collection, message, W if message < 2 else None) for message in range(3))

    def send(batch: Batch, how: str = encoding) -> httpx.Response:
        answer: httpx.Response = batch.send(timed.service, collection, how)
        return answer

    assert [send(batch).json()["replayed"] for batch in (first, unnamed)] == [False, False]
    timed.at(closed - 1)
    assert send(late).json()["replayed"] is False
    timed.at(closed)
    assert_problem(send(made(collection, 3, W)), 422, "window-closed", window=W)
    assert send(made(collection, 4, W + 1)).json()["replayed"] is False
    assert timed.retention.purge_keys() == 0
    timed.at(forgotten - 1)
    assert timed.retention.purge_keys() == 0
    assert [send(batch, how).json()["replayed"] for batch in (first, late) for how in ENCODINGS] == [True] * 4
    timed.at(forgotten)
    assert timed.retention.purge_keys() == 2
    for moment in (forgotten, closed, END, START, forgotten + 99 * DAY):  # the clock decides nothing any more
        timed.at(moment)
        for batch in (first, late, made(collection, 5, W), made(collection, 5, W - 3)):
            for how in (encoding, other):
                assert_problem(send(batch, how), 422, "window-closed", window=batch.window)
        assert send(unnamed).json()["replayed"] is True
    timed.services.folder.fold_all()
    stored = counted(timed.services.database, collection.created["report_space"])
    assert sum(stored.values(), Counter()) == {0: 1, 1: 1, 2: 1, 4: 1}


def test_a_forgotten_batch_of_an_earlier_version_is_not_asked_for_again(timed: Timed) -> None:
    """spec-mismatch says: make new reports. Of a batch that counted, that would be a second count of the same phone."""
    collection = create(timed.service.post, items=None, domain_size=40)
    batch = made(collection, 1, W)
    assert batch.send(timed.service, collection, "json").status_code == 200
    assert timed.service.post(
        f"/v1/collections/{collection.id}/versions", json={"window": "PT1H"}, headers=ADMIN
    ).is_success
    assert batch.send(timed.service, collection, "packed").json()["replayed"] is True
    assert_problem(made(collection, 2, W).send(timed.service, collection, "json"), 422, "spec-mismatch")
    timed.at(END + 35 * DAY)
    assert timed.retention.purge_keys() == 1
    assert_problem(batch.send(timed.service, collection, "packed"), 422, "window-closed", window=W)


SIZE = 150
HORIZON = 2 * HOUR
MACHINE_GRACE = 1_200


@dataclass
class Version:
    number: int
    digest: str
    seconds: int


@dataclass
class Sent:
    batch: Batch
    version: Version
    known: bool | None = False  # None: a purge that was stopped may have forgotten its key, or not


class Machine(RuleBasedStateMachine):
    """url: of a fresh database, set before a run. Each batch holds a message of its own."""

    url = ""
    folder = Path()

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(START)
        self.start()
        self.sent: list[Sent] = []
        self.versions: list[Version] = []
        self.counted: dict[tuple[int, int], Counter[int]] = {}
        self.mark, self.retention_seconds = 0, 6 * HOUR
        self.numbers = count()

    def start(self) -> None:
        self.timed = Timed(self.url, self.folder, horizon=HORIZON, clock=self.clock, window_grace_seconds=MACHINE_GRACE)

    def teardown(self) -> None:
        self.timed.close()

    @initialize()
    def begin(self) -> None:
        self.collection = create(self.timed.service.post, items=None, domain_size=SIZE, window="PT1H", retention="PT6H")
        self.note_version(HOUR)

    def note_version(self, seconds: int) -> None:
        row = self.timed.services.collections.get(self.collection.id)
        self.versions.append(Version(row.version_number, row.spec_digest, seconds))

    @precondition(lambda self: len(self.versions) < 3)
    @rule(window=st.sampled_from([("PT1H", HOUR), ("PT3H", 3 * HOUR)]))
    def add_version(self, window: tuple[str, int]) -> None:
        path = f"/v1/collections/{self.collection.id}/versions"
        assert self.timed.service.post(path, json={"window": window[0]}, headers=ADMIN).status_code == 201
        self.note_version(window[1])

    @rule(hours=st.integers(1, 6))
    def shorten(self, hours: int) -> None:
        if hours * HOUR <= self.retention_seconds:
            path = f"/v1/collections/{self.collection.id}"
            answer = self.timed.service.request("PATCH", path, json={"retention": f"PT{hours}H"}, headers=ADMIN)
            assert answer.status_code == 200
            self.retention_seconds = hours * HOUR

    @rule(
        seconds=st.sampled_from([-9 * HOUR, -HOUR, -1, 1, MACHINE_GRACE - 1, MACHINE_GRACE, HOUR, 5 * HOUR, 9 * HOUR])
    )
    def turn(self, seconds: int) -> None:
        self.clock.turn(seconds)

    @precondition(lambda self: len(self.sent) < SIZE)
    @rule(version=st.integers(0, 2), age=st.none() | st.integers(-2, 14), encoding=st.sampled_from(ENCODINGS))
    def report(self, version: int, age: int | None, encoding: str) -> None:
        chosen = self.versions[-1 - version % len(self.versions)] if version < 2 else self.versions[-1]
        window = None if age is None else int(self.clock.now()) // chosen.seconds - age
        batch = Batch(chosen.digest, next(self.numbers), window, secrets.token_bytes(16))
        self.sent.append(Sent(batch, chosen))
        self.send(self.sent[-1], encoding)

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, SIZE), encoding=st.sampled_from(ENCODINGS))
    def send_again(self, which: int, encoding: str) -> None:
        self.send(self.sent[which % len(self.sent)], encoding)

    def send(self, sent: Sent, encoding: str) -> None:
        version, window, now = sent.version, sent.batch.window, self.clock.now()
        closed = window is not None and (window + 1) * version.seconds <= max(self.mark, now - self.retention_seconds)
        answer = sent.batch.send(self.timed.service, self.collection, encoding)
        if sent.known or (sent.known is None and answer.status_code == 200):
            assert answer.json() == {"accepted": 1, "replayed": True, "rejected": []}
        elif closed:
            assert_problem(answer, 422, "window-closed", window=window)
        elif version is not self.versions[-1]:
            assert_problem(answer, 422, "spec-mismatch", spec_digest=self.versions[-1].digest)
        else:
            assert answer.json() == {"accepted": 1, "replayed": False, "rejected": []}
            assert sent.known is False
            sent.known = True
            arrival = int(now // version.seconds)
            into = now - arrival * version.seconds
            place = arrival - 1 if window == arrival - 1 and into < MACHINE_GRACE else arrival
            self.counted.setdefault((version.number, place), Counter())[sent.batch.message] += 1

    @rule(looks=st.integers(0, 4))
    def purge(self, looks: int) -> None:
        """looks: transactions until it is told to stop; 0: it is not."""
        left = iter(range(looks))
        self.timed.retention._stopping = (lambda: next(left, None) is None) if looks else (lambda: False)
        self.timed.retention.purge()
        until = self.clock.now() - self.retention_seconds - HORIZON
        wanted = max(int(until // version.seconds) * version.seconds for version in self.versions)
        self.mark = max(self.mark, wanted)
        for sent in self.sent:
            window = sent.batch.window
            end = None if window is None else (window + 1) * sent.version.seconds
            if end is not None and end <= wanted and not looks:
                sent.known = False
            elif end is not None and end <= self.mark and sent.known:
                sent.known = None

    @rule()
    def fold(self) -> None:
        self.timed.services.folder.fold_all()

    @rule()
    def restart(self) -> None:
        self.timed.close()
        self.start()

    @invariant()
    def every_batch_counts_once_where_the_rule_says(self) -> None:
        cells = int(self.collection.created["report_space"])
        assert counted(self.timed.services.database, cells) == self.counted


def run(template: Path, *, examples: int, steps: int) -> None:
    with tempfile.TemporaryDirectory(prefix="fanoplane-windows-") as folder:
        numbers = count()

        class OnSqlite(Machine):
            def __init__(self) -> None:
                self.folder = Path(folder)
                self.url = f"sqlite:///{shutil.copy(template, self.folder / f'{next(numbers)}.sqlite3')}"
                super().__init__()

        run_state_machine_as_test(OnSqlite, settings=_settings(examples, steps))


def _settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )


def test_the_service_keeps_the_rule(sqlite_template: Path) -> None:
    run(sqlite_template, examples=12, steps=25)


@pytest.mark.slow
def test_the_service_keeps_the_rule_at_length(sqlite_template: Path) -> None:
    run(sqlite_template, examples=800, steps=60)


@pytest.mark.slow
@pytest.mark.postgres
def test_the_service_on_postgresql_keeps_the_rule(postgresql: PostgresqlCluster, tmp_path: Path) -> None:
    class OnPostgresql(Machine):
        folder = tmp_path

        def __init__(self) -> None:
            self.borrowed = postgresql.database()
            self.url = self.borrowed.__enter__()
            super().__init__()

        def teardown(self) -> None:
            super().teardown()
            self.borrowed.__exit__(None, None, None)

    run_state_machine_as_test(OnPostgresql, settings=_settings(60, 40))
