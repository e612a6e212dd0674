"""An upload to a collection that is deleted between the upload's checks and its commit: the commit decides."""

import secrets
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from server.refusals import UnknownCollection
from server.services import ingest
from server.services.ingest import record_group
from server.services.writer import Outcome, Receipt, Upload
from server.storage.changes import change_collection, lock_collection
from tests.server.assertions import assert_problem
from tests.server.test_fold_and_delete import Deletable
from tests.services.collection import create
from tests.services.in_process import ADMIN, InProcess, settings


@pytest.fixture
def store(database_url: str) -> Iterator[Deletable]:
    store = Deletable(database_url)
    yield store
    store.close()


def an_upload(store: Deletable) -> Upload:
    return Upload(
        store.row.number, store.row.version_number, 0, secrets.token_bytes(16), bytes(16), bytes(4), reports=1
    )


def running(work: Callable[[], Any]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_an_upload_that_waits_for_a_deletion_is_refused(store: Deletable) -> None:
    outcomes: list[Outcome] = []
    before, uploads = store.left(), [an_upload(store)]
    other = store.open()
    with store.database.write() as connection:
        assert lock_collection(connection, store.id) is not None
        change_collection(connection, store.row.number, deleted=1, state="closed")
        upload = running(lambda: outcomes.extend(record_group(other, uploads)))
        upload.join(0.3)
        assert outcomes == []  # it waits, and has not looked at the collection yet
    upload.join(30)
    assert [type(outcome) for outcome in outcomes] == [UnknownCollection]
    assert store.left() == before


def test_a_deletion_that_waits_for_an_upload_removes_it(store: Deletable, monkeypatch: pytest.MonkeyPatch) -> None:
    real, deletions = ingest.rows.insert_segment, []

    def then_delete(*arguments: Any) -> None:
        real(*arguments)
        deletions.append(running(store.delete_and_remove))
        deletions[0].join(0.3)

    monkeypatch.setattr(ingest.rows, "insert_segment", then_delete)
    assert record_group(store.open(), [an_upload(store)]) == [Receipt(1, replayed=False)]
    deletions[0].join(30)
    store.retention.purge_deleted()
    assert store.left() == {}


def test_a_group_keeps_what_is_for_the_living(store: Deletable) -> None:
    """Of one transaction: the collection that is deleted gets nothing, the other one everything."""
    with InProcess(settings(store.url)) as service:
        living = service.app.state.services.collections.get(create(service.post).id)
    good = Upload(living.number, living.version_number, 0, secrets.token_bytes(16), bytes(16), bytes(4), reports=1)
    store.delete()
    outcomes = record_group(store.database, [an_upload(store), good])
    assert isinstance(outcomes[0], UnknownCollection)
    assert outcomes[1] == Receipt(1, replayed=False)
    store.retention.purge_deleted()
    assert store.left() == {"versions": 1, "batch_keys": 1, "segments": 1}


def test_a_process_that_remembers_a_deleted_collection_counts_nothing(service: InProcess, database_url: str) -> None:
    collection = create(service.post)

    def upload(batch: dict[str, Any]) -> Any:
        return service.post(collection.reports_path, json=batch, headers=collection.write_headers)

    counted = collection.batch([1])
    assert upload(counted).status_code == 200
    with InProcess(settings(database_url)) as other:
        path = f"/v1/collections/{collection.id}"
        assert other.request("DELETE", path, headers=ADMIN).status_code == 202
        for batch in (counted, collection.batch([2])):  # the first process read the collection a moment ago
            assert collection.id in service.app.state.services.intake._views
            assert_problem(upload(batch), 404, "unknown-collection")
