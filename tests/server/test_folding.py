"""Folding: every report is in a checkpoint or in a segment, never in both, never in neither."""

import json
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from server.cli.db import db
from server.refusals import DatabaseUnavailable
from server.services import folding
from server.services.folding import Folded, Folder
from server.services.ingest import record_group
from server.services.specs import mechanism_of
from server.services.tallies import Tallies, counts_digest
from server.services.writer import Upload
from server.storage.collections import CollectionRow
from server.storage.database import Database
from server.storage.tables import segments, tallies
from server.storage.tallies import ALL_REPORTS, Selection
from tests.services.collection import create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.stored import stored_messages

pytestmark = pytest.mark.thorough


class Store:
    """A database with one open collection of 13 messages, written to below HTTP."""

    def __init__(self, url: str) -> None:
        with InProcess(settings(url)) as service:
            self.id = create(service.post, parameters={"q": 3, "t": 3}).id
            self.row: CollectionRow = service.app.state.services.collections.get(self.id)
        self.url = url
        self._opened: list[Database] = []
        self.database = self.open()
        self.mechanism = mechanism_of(self.row.spec)
        self.folder = Folder(self.database, reports=1, clock=lambda: 0.0)
        self.expected = np.zeros(13, dtype=np.int64)

    def open(self) -> Database:
        """The same database with connections of its own."""
        self._opened.append(Database(self.url))
        return self._opened[-1]

    def close(self) -> None:
        for database in self._opened:
            database.dispose()

    def add(self, messages: list[int], *, window: int = 0, cohort: int = 0, key: bytes | None = None) -> None:
        packed = np.array(messages, dtype="<u4").tobytes()
        upload = Upload(
            self.row.number,
            self.row.version_number,
            window,
            key or secrets.token_bytes(16),
            bytes(16),
            packed,
            len(messages),
            cohort=cohort,
        )
        (receipt,) = record_group(self.database, [upload])
        if not receipt.replayed:  # type: ignore[union-attr]
            self.expected += np.bincount(messages, minlength=13)

    def tally(self, selection: Selection = ALL_REPORTS) -> Any:
        """Counted by a reader that remembers nothing."""
        return Tallies(self.database).current(self.row.version_number, self.mechanism, selection)

    def assert_exact(self) -> None:
        tally = self.tally()
        assert tally.counts.tolist() == self.expected.tolist()
        assert tally.n == self.expected.sum()

    def rows(self) -> tuple[int, int]:
        """Segments and checkpoints."""
        with self.database.read() as connection:
            return tuple(connection.scalar(select(func.count()).select_from(t)) for t in (segments, tallies))  # type: ignore[return-value]


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    store = Store(database_url)
    yield store
    store.close()


def test_folding_changes_no_number(store: Store) -> None:
    rng = np.random.default_rng(1)
    remembering = Tallies(store.database)
    for _round in range(3):
        for _ in range(5):
            store.add(rng.integers(0, 13, 20).tolist(), window=int(rng.integers(0, 3)))
        before = store.tally()
        remembered = remembering.current(store.row.version_number, store.mechanism)
        folded = store.folder.fold_all()
        assert (folded.segments, folded.reports) == (5, 100)
        store.assert_exact()
        assert counts_digest(store.tally()) == counts_digest(before) == counts_digest(remembered)
        again = remembering.current(store.row.version_number, store.mechanism)
        assert counts_digest(again) == counts_digest(before)
        assert store.rows()[0] == 0
    assert store.folder.fold_all() == Folded()


def test_a_service_shows_the_same_before_and_after(service: InProcess, database_url: str) -> None:
    collection = create(service.post, parameters={"q": 3, "t": 3})
    batches = [collection.batch([i % 13, 3]) for i in range(40)]
    for batch in batches:
        answer = service.post(collection.reports_path, json=batch, headers=collection.write_headers)
        assert answer.status_code == 200
    path = f"/v1/collections/{collection.id}"
    before = service.get(f"{path}/estimates", headers=ADMIN)
    folder = service.app.state.services.folder
    assert folder.fold_all().reports == 80
    assert stored_messages(database_url) == {}
    after = service.get(f"{path}/estimates", headers=ADMIN)
    assert {**after.json(), "decode_seconds": 0} == {**before.json(), "decode_seconds": 0}
    assert after.headers["etag"] == before.headers["etag"]
    assert service.get(path, headers=ADMIN).json()["n"] == 80
    replays = [service.post(collection.reports_path, json=b, headers=collection.write_headers) for b in batches]
    assert all(answer.json()["replayed"] for answer in replays)
    assert service.get(path, headers=ADMIN).json()["n"] == 80
    with InProcess(settings(database_url)) as restarted:
        assert restarted.get(f"{path}/estimates", headers=ADMIN).headers["etag"] == before.headers["etag"]


@pytest.mark.parametrize("place", ["store_checkpoint", "retire_segments"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_inside_a_fold_changes_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch, place: str, moment: str
) -> None:
    real: Callable[..., Any] = getattr(folding.rows, place)

    def crash(*arguments: Any) -> Any:
        if moment == "after":
            real(*arguments)
        raise DatabaseUnavailable("killed")

    for _ in range(2):  # without and with a checkpoint
        for _ in range(3):
            store.add([1, 2, 12])
        before = store.rows()
        with monkeypatch.context() as patched:
            patched.setattr(folding.rows, place, crash)
            with pytest.raises(DatabaseUnavailable):
                store.folder.fold_all()
        assert store.rows() == before
        store.assert_exact()
        assert store.folder.fold_all().reports == 9
        store.assert_exact()


@pytest.mark.parametrize("first_fold", [True, False])
def test_who_is_overtaken_begins_again(store: Store, monkeypatch: pytest.MonkeyPatch, first_fold: bool) -> None:
    if not first_fold:
        store.add([5])
        store.folder.fold_all()
    store.add([1, 2])
    store.add([3])
    other, real, overtakes = Folder(store.open(), reports=1), folding.pack_counts, [0]

    def late(counts: Any) -> bytes:
        if not overtakes[0]:
            overtakes[0] = 1
            assert other.fold_all().reports == 3  # between this folder's reading and its writing
            store.add([7, 7])
        return real(counts)

    monkeypatch.setattr(folding, "pack_counts", late)
    store.folder.fold_all()
    store.assert_exact()
    store.folder.fold_all()
    store.assert_exact()
    assert store.rows() == (0, 1)


def test_readers_never_see_half_a_fold(store: Store) -> None:
    """A writer, two folders and readers at once: the tally only grows, and every batch is seen whole."""
    stop, problems, lock = threading.Event(), [], threading.Lock()

    def guarded(work: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                work()
            except Exception as error:
                with lock:
                    problems.append(repr(error))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def fold() -> None:
        folder = Folder(store.open(), reports=1)
        while not stop.is_set():
            folder.fold_all()

    def read() -> None:
        remembering, last = Tallies(store.open()), 0
        while not stop.is_set():
            for tally in (store.tally(), remembering.current(store.row.version_number, store.mechanism)):
                assert tally.n % 3 == 0
                assert tally.counts[1] == tally.counts[2] == tally.counts[12] == tally.n / 3
                assert tally.n >= last
                last = tally.n

    threads = [guarded(work) for work in (fold, fold, read, read)]
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline and not problems:
        store.add([12, 1, 2])
    stop.set()
    for thread in threads:
        thread.join(30)
    assert problems == []
    store.assert_exact()
    store.folder.fold_all()
    store.assert_exact()


_FOLD_FOREVER = """
import sys
from server.services.folding import Folder
from server.storage.database import Database
folder = Folder(Database(sys.argv[1]), reports=1)
print("ready", flush=True)
while True:
    folder.fold_all()
"""


@pytest.mark.service
def test_folding_processes_may_be_killed_at_any_time(store: Store) -> None:
    """Two processes fold the same cell while uploads and replays come in; one after the other is killed."""

    def start() -> "subprocess.Popen[str]":
        process = subprocess.Popen([sys.executable, "-c", _FOLD_FOREVER, store.url], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    rng = np.random.default_rng(5)
    processes = [start(), start()]
    keys: list[tuple[bytes, list[int]]] = []
    try:
        for _ in range(6):
            deadline = time.monotonic() + float(rng.uniform(0.05, 0.4))
            while time.monotonic() < deadline:
                key, messages = secrets.token_bytes(16), rng.integers(0, 13, 50).tolist()
                keys.append((key, messages))
                store.add(messages, key=key, window=int(rng.integers(0, 2)))
                again, replayed = keys[int(rng.integers(0, len(keys)))]
                store.add(replayed, key=again)
            processes[0].kill()
            processes.pop(0).communicate(timeout=10)
            processes.append(start())
            store.assert_exact()
    finally:
        for process in processes:
            process.kill()
            process.communicate(timeout=10)
    store.assert_exact()
    assert store.expected.sum() == 50 * len(keys)
    store.folder.fold_all()
    store.assert_exact()
    assert store.rows()[0] == 0


def test_only_what_is_worth_it_is_folded_by_itself(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 10 * 86_400.0
    folder = Folder(store.database, reports=6, clock=lambda: now)
    store.add([1] * 5, window=10)
    store.add([1] * 5, window=9)
    assert folder.fold_due() == Folded()
    store.add([2] * 5, window=8)  # a window that is over
    assert folder.fold_due() == Folded(1, 1, 5)
    store.add([3], window=10)  # six reports wait
    assert folder.fold_due() == Folded(1, 2, 6)
    monkeypatch.setattr(folding, "_SEGMENTS", 2)
    store.add([4], window=10)
    assert folder.fold_due() == Folded()
    store.add([4], window=10)
    assert folder.fold_due() == Folded(1, 2, 2)
    store.assert_exact()


def test_parts_of_a_cell_are_folded_one_after_the_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "_REPORTS_AT_ONCE", 1)
    monkeypatch.setattr(folding, "_MOST_AT_ONCE", 1)
    for number in range(7):
        store.add([number] * 3)
    assert store.folder.fold_all() == Folded(1, 7, 21)
    store.assert_exact()


def test_windows_and_cohorts_stay_apart(store: Store) -> None:
    for fold in (False, True):
        for window in (3, 4, 6):
            for cohort in (0, 1):
                store.add([window, cohort], window=window, cohort=cohort)
        if fold:
            store.folder.fold_all()
    assert store.rows() == (0, 6)
    store.add([9], window=4, cohort=1)
    for selection, n in (
        (Selection(), 25),
        (Selection(4, 4), 9),
        (Selection(3, 4), 17),
        (Selection(cohort=1), 13),
        (Selection(4, 4, 1), 5),
        (Selection(5, 5), 0),
        (Selection(7, None), 0),
    ):
        assert store.tally(selection).n == n


def test_a_service_folds_in_the_background(sqlite_url: str) -> None:
    with InProcess(settings(sqlite_url, fold_seconds=0.02, fold_reports=1)) as service:
        collection = create(service.post)
        service.post(collection.reports_path, json=collection.batch([1, 2]), headers=collection.write_headers)
        deadline = time.monotonic() + 20
        while stored_messages(sqlite_url) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert stored_messages(sqlite_url) == {}
        assert service.get(f"/v1/collections/{collection.id}/estimates", headers=ADMIN).json()["n"] == 2


def test_the_command_folds_everything(store: Store) -> None:
    store.add([1, 2, 3])
    result = CliRunner().invoke(db, ["fold", "--database", store.url, "--json"])
    assert json.loads(result.stdout) == {"cells": 1, "segments": 1, "reports": 3}
    assert CliRunner().invoke(db, ["fold", "--database", store.url]).exit_code == 0
    store.assert_exact()
