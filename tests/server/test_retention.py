"""Keys are forgotten, and still every batch counts at most once: whatever the purge, the retries and the clock do."""

import secrets
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from server.cli.db import db
from server.clock import FakeClock
from server.refusals import Refusal
from server.services.collections import Collections, Proposal
from server.services.ingest import record_group
from server.services.lifecycle import closed_until, window_is_closed
from server.services.retention import Retention
from server.services.writer import Receipt, Upload
from server.storage.database import Database
from server.storage.tables import collections as collections_table
from server.storage.tables import versions
from tests.server.assertions import assert_problem
from tests.services.collection import create
from tests.services.in_process import ADMIN, InProcess
from tests.services.in_process import settings as service_settings
from tests.services.stored import stored_keys, stored_messages

pytestmark = pytest.mark.thorough

HOUR, DAY = 3_600, 86_400
START = 20_000 * DAY
HORIZON = 2 * HOUR


@given(
    st.integers(-1, 100),
    st.integers(1, 24),
    st.integers(0, 50),
    st.integers(0, 50),
    st.integers(0, 400),
    st.integers(0, 400),
)
def test_keys_outlive_the_window_that_takes_them(
    window: int, length: int, retention: int, horizon: int, now: int, mark: int
) -> None:
    """What may be forgotten at some moment is no longer taken at that moment, with or without the mark."""
    forgotten_until = closed_until(length, retention, horizon, now)
    assert forgotten_until % length == 0
    if window >= 0 and (window + 1) * length <= forgotten_until:
        assert window_is_closed(window, length, retention, 0, now)
    assert window_is_closed(window, length, retention, mark, now) or not window_is_closed(
        window, length, retention, 0, now
    )
    assert not window_is_closed(-1, length, retention, mark, now)


Step = tuple[str, int, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.integers(0, 5), st.integers(-3, 3)),  # which batch, made in which window from now
        st.tuples(
            st.just("turn"), st.sampled_from([-30 * HOUR, -HOUR, 900, HOUR, 3 * HOUR, 9 * HOUR, 40 * HOUR]), st.just(0)
        ),
        st.tuples(st.just("purge"), st.integers(0, 3), st.just(0)),  # stopped after so many looks, 0: not at all
        st.tuples(st.just("shorten"), st.integers(1, 4), st.just(0)),
        st.tuples(st.just("close"), st.just(0), st.just(0)),
    ),
    min_size=4,
    max_size=40,
)


class Service:
    """The transactions of the service on a database, without HTTP. Batch b holds the message b alone."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock = database, FakeClock(START)
        made, _ = Collections(database, service_settings(str(database.url)), self.clock).create(
            Proposal("q", "Which?", "1", domain_size=50, window="PT1H", retention="PT4H"), actor="test"
        )
        self.number, self.version = made.number, made.version_number
        with database.write() as connection:
            connection.execute(
                update(collections_table).where(collections_table.c.number == self.number).values(state="open")
            )
        self.sent: dict[int, Upload] = {}
        self.accepted: set[int] = set()

    def send(self, batch: int, window: int) -> None:
        """The first time the batch is made; later it is sent again, unchanged, as a phone does."""
        now = int(self.clock.now())
        fresh = Upload(
            self.number, self.version, now // HOUR, secrets.token_bytes(16), secrets.token_bytes(16),
            batch.to_bytes(4, "little"), 1, now // HOUR + window if window < 3 else -1, HOUR,
        )  # fmt: skip
        upload = self.sent.setdefault(batch, fresh)
        (outcome,) = record_group(self.database, [upload], self.clock.now)
        if isinstance(outcome, Receipt):
            assert outcome.replayed <= (batch in self.accepted)
            self.accepted.add(batch)
        else:
            assert isinstance(outcome, Refusal)

    def purge(self, looks: int) -> None:
        left = iter(range(looks))
        stopping = (lambda: next(left, None) is None) if looks else (lambda: False)
        Retention(self.database, self.clock, retry_horizon=HORIZON, rows=2, stopping=stopping).purge()

    def change(self, **values: Any) -> None:
        with self.database.write() as connection:
            connection.execute(
                update(collections_table).where(collections_table.c.number == self.number).values(**values)
            )


def run_steps(database: Database, url: str, steps: list[Step]) -> None:
    service = Service(database)
    retention = 4
    for name, first, second in steps:
        if name == "send":
            service.send(first, second)
        elif name == "turn":
            service.clock.turn(first)
        elif name == "purge":
            service.purge(first)
        elif name == "shorten":
            retention = min(retention, first)
            service.change(retention=retention * HOUR)
        else:
            service.change(state="closed", closes=int(service.clock.now()))
    # every batch that was ever acknowledged is there once, and nothing is there twice or without an acknowledgement
    assert stored_messages(url) == Counter(dict.fromkeys(service.accepted, 1))


@contextmanager
def fresh_sqlite(template: Path) -> Iterator[tuple[Database, str]]:
    with tempfile.TemporaryDirectory(prefix="fanoplane-") as folder:
        url = f"sqlite:///{shutil.copy(template, Path(folder) / 'fano.sqlite3')}"
        database = Database(url)
        try:
            yield database, url
        finally:
            database.dispose()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_every_batch_counts_at_most_once(sqlite_template: Path, steps: list[Step]) -> None:
    with fresh_sqlite(sqlite_template) as (database, url):
        run_steps(database, url, steps)


@pytest.mark.slow
@settings(max_examples=1_500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_every_batch_counts_at_most_once_at_length(sqlite_template: Path, steps: list[Step]) -> None:
    with fresh_sqlite(sqlite_template) as (database, url):
        run_steps(database, url, steps)


def test_a_purge_without_the_mark_would_count_twice(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test above has teeth: without the mark, a clock that steps back is enough."""
    monkeypatch.setattr("server.storage.purge.raise_mark", lambda _connection, _collection, wanted: wanted)
    database = Database(sqlite_url)
    steps: list[Step] = [("send", 1, 0), ("turn", 40 * HOUR, 0), ("purge", 0, 0), ("turn", -30 * HOUR, 0)]
    steps += [("turn", -9 * HOUR, 0), ("send", 1, 0)]
    with pytest.raises(AssertionError):
        run_steps(database, sqlite_url, steps)
    database.dispose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
def timed(database_url: str, tmp_path: Path, clock: FakeClock) -> Iterator[InProcess]:
    with InProcess(service_settings(database_url, data_dir=tmp_path), clock) as service:
        yield service


def upload(service: InProcess, collection: Any, batch: dict[str, Any]) -> Any:
    return service.post(collection.reports_path, json=batch, headers=collection.write_headers)


def test_a_late_replay_is_refused_before_and_after_its_key_is_gone(
    timed: InProcess, clock: FakeClock, database_url: str
) -> None:
    timed.app.state.services.housekeeping.close()
    retention = timed.app.state.services.housekeeping.retention
    retention._stopping = lambda: False
    collection = create(timed.post, retention="P2D")
    named = {**collection.batch([1]), "window": START // DAY}
    unnamed = collection.batch([2])
    for batch in (named, unnamed):
        assert upload(timed, collection, batch).json()["replayed"] is False
    assert_problem(upload(timed, collection, {**named, "window": START // DAY + 1}), 422, "batch-key-reused")
    late = {**collection.batch([0]), "window": START // DAY}
    clock.turn(3 * DAY - 1)
    assert upload(timed, collection, late).status_code == 200
    clock.turn(1)  # a day for the window, two for the retention
    fresh = {**collection.batch([0]), "window": START // DAY}
    assert_problem(upload(timed, collection, fresh), 422, "window-closed", window=START // DAY)
    assert upload(timed, collection, named).json()["replayed"] is True  # its key is still known
    clock.turn(7 * DAY - 1)
    assert retention.purge_keys() == 0
    clock.turn(1)
    assert retention.purge_keys() == 2
    assert retention.purge_keys() == 0
    assert_problem(upload(timed, collection, named), 422, "window-closed", window=START // DAY)
    clock.turn(-9 * DAY)  # even with the clock set back
    assert_problem(upload(timed, collection, named), 422, "window-closed", window=START // DAY)
    assert upload(timed, collection, unnamed).json()["replayed"] is True
    assert stored_messages(database_url) == {0: 1, 1: 1, 2: 1}


def test_a_closed_collection_forgets_all_its_keys_in_the_end(
    timed: InProcess, clock: FakeClock, database_url: str
) -> None:
    timed.app.state.services.housekeeping.close()
    retention = timed.app.state.services.housekeeping.retention
    retention._stopping = lambda: False
    collection = create(timed.post)
    batch = collection.batch([1])
    upload(timed, collection, batch)
    timed.post(f"/v1/collections/{collection.id}/close", headers=ADMIN)
    clock.turn(35 * DAY - 1)
    assert retention.purge_keys() == 0
    assert upload(timed, collection, batch).json()["replayed"] is True
    clock.turn(1)
    assert retention.purge_keys() == 1
    assert stored_keys(database_url) == 0
    assert_problem(upload(timed, collection, batch), 410, "collection-closed")
    estimate = timed.get(f"/v1/collections/{collection.id}/estimates", headers=ADMIN)
    assert estimate.json()["n"] == 1


@pytest.mark.parametrize("window", [-1, 1 << 40, 1.5, "1", True])
def test_a_window_is_a_whole_number(sqlite_service: InProcess, window: object) -> None:
    collection = create(sqlite_service.post)
    answer = upload(sqlite_service, collection, {**collection.batch([1]), "window": window})
    assert_problem(answer, 422, "invalid-parameters")
    assert answer.json()["errors"][0]["field"] == "window"


def test_the_housekeeping_forgets_by_itself(timed: InProcess, clock: FakeClock, database_url: str) -> None:
    collection = create(timed.post)
    for _ in range(3):
        upload(timed, collection, {**collection.batch([1]), "window": START // DAY})
    assert stored_keys(database_url) == 3
    clock.turn(36 * DAY)
    deadline = time.monotonic() + 20
    while stored_keys(database_url) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert stored_keys(database_url) == 0
    assert stored_messages(database_url) == {1: 3}


def test_what_comes_due_during_a_round_is_done_in_the_next(
    timed: InProcess, clock: FakeClock, database_url: str
) -> None:
    housekeeping = timed.app.state.services.housekeeping
    collection = create(timed.post)
    upload(timed, collection, {**collection.batch([1]), "window": START // DAY})
    turned = threading.Event()

    def turn_once() -> None:
        if not turned.is_set():
            turned.set()
            clock.turn(36 * DAY)  # after the purge of this round

    housekeeping._also = (turn_once,)
    housekeeping.wake()
    deadline = time.monotonic() + 20
    while stored_keys(database_url) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert turned.is_set()
    assert stored_keys(database_url) == 0


def test_db_purge_forgets_now(database_url: str, tmp_path: Path) -> None:
    with InProcess(service_settings(database_url, data_dir=tmp_path), FakeClock(START)) as service:
        collection = create(service.post)
        upload(service, collection, {**collection.batch([1]), "window": START // DAY})
        service.app.state.services.housekeeping.close()
    result = CliRunner().invoke(db, ["purge", "--database", database_url, "--json"])
    assert result.output == '{"batch_keys": 1, "rows_of_deleted_collections": 0}\n'
    assert stored_keys(database_url) == 0


def test_many_keys_go_in_small_transactions(database_url: str) -> None:
    database = Database(database_url)
    service = Service(database)
    uploads = [
        Upload(
            service.number,
            service.version,
            0,
            secrets.token_bytes(16),
            bytes(16),
            bytes(4),
            1,
            START // HOUR + i % 2,
            HOUR,
        )
        for i in range(1_001)
    ]
    assert all(isinstance(outcome, Receipt) for outcome in record_group(database, uploads, service.clock.now))
    service.clock.turn(4 * HOUR + HORIZON + HOUR)  # the first of the two windows is over for good
    looks = iter(range(100))
    retention = Retention(
        database, service.clock, retry_horizon=HORIZON, rows=100, stopping=lambda: next(looks, None) is None
    )
    assert retention.purge_keys() == 501
    assert next(looks) == 11  # 1,001 keys, 100 at a time
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM batch_keys").scalar() == 500
        assert connection.execute(versions.select()).all()
    database.dispose()
