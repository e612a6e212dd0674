"""Folding beside deletion, in both orders: neither fails, and nothing of a deleted collection is left."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from server.clock import FakeClock
from server.services import folding
from server.services.changes import Changes
from server.services.collections import Collections
from server.services.folding import Folded, Folder
from server.services.retention import Retention
from server.storage.tables import batch_keys, segments, tallies, versions
from tests.server.test_folding import Store
from tests.services.in_process import settings

pytestmark = pytest.mark.thorough


class Deletable(Store):
    """A store whose collection can be deleted, and removed some rows at a time."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        clock = FakeClock()
        database = self.open()
        self.changes = Changes(database, Collections(database, settings(url), clock), clock)
        self.retention = Retention(database, clock, retry_horizon=0, rows=1)

    def delete(self) -> None:
        self.changes.delete(self.id, actor="test")

    def delete_and_remove(self) -> None:
        self.delete()
        self.retention.purge_deleted()

    def left(self) -> dict[str, int]:
        """The rows of each table that belongs to a version."""
        with self.database.read() as connection:
            counts = {
                table.name: connection.scalar(select(func.count()).select_from(table))
                for table in (versions, batch_keys, segments, tallies)
            }
        return {name: count for name, count in counts.items() if count}


@pytest.fixture
def store(database_url: str) -> Iterator[Deletable]:
    store = Deletable(database_url)
    yield store
    store.close()


def test_deletion_empties_checkpoints_and_segments(store: Deletable) -> None:
    for window in range(3):
        store.add([1, 2], window=window)
    assert store.folder.fold_all().segments == 3
    store.add([3])
    assert store.left() == {"versions": 1, "batch_keys": 4, "segments": 1, "tallies": 3}
    store.delete_and_remove()
    assert store.left() == {}
    assert store.changes.operation(_operation(store)).state == "done"


def _operation(store: Deletable) -> str:
    with store.database.read() as connection:
        return str(connection.exec_driver_sql("SELECT id FROM operations").scalar())


def test_a_deleted_collection_is_not_folded(store: Deletable) -> None:
    store.add([1])
    store.folder.fold_all()
    store.add([2])
    before = store.left()
    store.delete()
    assert store.folder.fold_all() == Folded()
    assert store.left() == before
    store.retention.purge_deleted()
    assert store.left() == {}


@pytest.mark.parametrize("folded_before", [False, True])
@pytest.mark.parametrize("removed", [0, 1, 2, None])
def test_a_collection_deleted_under_a_fold(
    store: Deletable, monkeypatch: pytest.MonkeyPatch, folded_before: bool, removed: int | None
) -> None:
    """The fold has read its segments and counted. removed: the steps that the deletion takes until the fold writes."""
    if folded_before:
        store.add([5])
        store.folder.fold_all()
    for message in range(3):
        store.add([message])
    real, steps = folding.pack_counts, iter(range(100))

    def late(counts: Any) -> bytes:
        store.delete()
        if removed is not None:
            store.retention._stopping = lambda: next(steps) >= removed
        store.retention.purge_deleted()
        return real(counts)

    with monkeypatch.context() as patched:
        patched.setattr(folding, "pack_counts", late)
        assert store.folder.fold_all() == Folded()
    store.retention._stopping = lambda: False
    store.retention.purge_deleted()
    assert store.left() == {}


@pytest.mark.parametrize("place", ["store_checkpoint", "retire_segments"])
@pytest.mark.parametrize("folded_before", [False, True])
def test_a_collection_deleted_while_a_fold_commits(
    store: Deletable, monkeypatch: pytest.MonkeyPatch, place: str, folded_before: bool
) -> None:
    """The deletion begins while the transaction of the fold is open: it waits, or finds what the fold has left."""
    if folded_before:
        store.add([5])
        store.folder.fold_all()
    for message in range(3):
        store.add([message])
    real: Callable[..., Any] = getattr(folding.rows, place)
    problems: list[str] = []
    deletion: list[threading.Thread] = []

    def delete() -> None:
        try:
            store.delete_and_remove()
        except Exception as error:
            problems.append(repr(error))

    def then_delete(*arguments: Any) -> Any:
        answer = real(*arguments)
        deletion.append(threading.Thread(target=delete))
        deletion[0].start()
        deletion[0].join(0.5)  # as far as it comes
        return answer

    monkeypatch.setattr(folding.rows, place, then_delete)
    Folder(store.open(), reports=1).fold_all()
    deletion[0].join(30)
    assert problems == []
    store.retention.purge_deleted()
    assert store.left() == {}
