"""The write-ahead log of SQLite is copied beside the commits: not by them, not lost, and not on PostgreSQL."""

import secrets
import time
from pathlib import Path

from server.refusals import DatabaseUnavailable
from server.services.ingest import record_group
from server.services.writer import Receipt, Upload
from server.storage.checkpoints import Checkpoints
from server.storage.database import Database
from tests.services.collection import create
from tests.services.in_process import InProcess, settings
from tests.services.stored import stored_messages

_REPORTS = 1_000_000


def a_big_upload(database: Database) -> Upload:
    with InProcess(settings(str(database.url))) as service:
        row = service.app.state.services.collections.get(create(service.post).id)
    return Upload(
        row.number, row.version_number, 0, secrets.token_bytes(16), bytes(16), bytes(4 * _REPORTS), reports=_REPORTS
    )


def test_what_was_committed_reaches_the_file_without_another_commit(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    assert isinstance(database.file, Path)
    upload = a_big_upload(database)
    checkpoints = Checkpoints(database)
    checkpoints.start()
    try:
        for key in range(5):
            changed = upload._replace(key_hash=key.to_bytes(16, "big"))
            assert record_group(database, [changed]) == [Receipt(_REPORTS, replayed=False)]
        before = database.file.stat().st_size
        assert before < 4 * _REPORTS, "a commit copied its log, so this shows nothing"
        for _ in range(5):
            checkpoints.written(1, len(upload.messages))
        deadline = time.monotonic() + 20
        while database.file.stat().st_size < 5 * 4 * _REPORTS and time.monotonic() < deadline:
            time.sleep(0.01)
        assert database.file.stat().st_size > 5 * 4 * _REPORTS
        assert stored_messages(sqlite_url).total() == 5 * _REPORTS
    finally:
        checkpoints.close()
        database.dispose()


def test_little_is_left_where_it_is(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    checkpoints = Checkpoints(database)
    copied: list[None] = []
    database.checkpoint = lambda: copied.append(None)  # type: ignore[method-assign]
    checkpoints.start()
    for _ in range(3_999):
        checkpoints.written(1, 4)
    checkpoints.close()
    assert copied == []
    database.dispose()


def test_a_locked_database_ends_nothing(sqlite_url: str) -> None:
    """A checkpoint that fails is a warning, and the next one is tried."""
    database = Database(sqlite_url)
    tried: list[None] = []

    def fail() -> None:
        tried.append(None)
        raise DatabaseUnavailable("locked")

    database.checkpoint = fail  # type: ignore[method-assign]
    checkpoints = Checkpoints(database)
    checkpoints.start()
    for times in (1, 2):
        checkpoints.written(0, 1 << 30)
        deadline = time.monotonic() + 10
        while len(tried) < times and time.monotonic() < deadline:
            time.sleep(0.005)
        assert len(tried) == times
    checkpoints.close()
    database.dispose()
