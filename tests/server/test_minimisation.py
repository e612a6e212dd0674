"""What the database may not know: who sent, when exactly, and which message a key belongs to."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import DateTime, select

from server.services.batches import batch_hashes
from server.storage.database import Database
from server.storage.tables import batch_keys, metadata
from tests.services.collection import create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.postgresql import PostgresqlCluster

MARKERS = {
    "User-Agent": "Marker-Agent/7531",
    "X-Forwarded-For": "203.0.113.77",
    "Forwarded": "for=198.51.100.23",
    "X-Device-Id": "device-marker-4242",
    "Cookie": "session=marker-cookie-99",
    "Referer": "https://marker.example/",
}
ADDRESS = "192.0.2.219"
PLANTED = ("Marker-Agent", "203.0.113.77", "198.51.100.23", "device-marker", "marker-cookie", "marker.example", ADDRESS)


def send_marked(database_url: str, folder: Path) -> dict[str, object]:
    """One marked upload from an unusual address. Returns its batch."""
    with InProcess(settings(database_url, data_dir=folder)) as service:
        service.client._transport.client = (ADDRESS, 45_678)  # type: ignore[attr-defined]
        collection = create(service.post)
        batch = collection.batch([2])
        for headers in (MARKERS, {}):
            answer = service.post(collection.reports_path, json=batch, headers={**collection.write_headers, **headers})
            assert answer.status_code == 200
        key = collection.created["write_key"]
    return {**batch, "write_key": key}


def forbidden(batch: dict[str, object]) -> list[bytes]:
    key = bytes.fromhex(str(batch["batch_key"]))
    texts = [*PLANTED, str(batch["batch_key"]), str(batch["write_key"])]
    return [text.encode() for text in texts] + [key]


def test_no_marker_reaches_a_sqlite_file(sqlite_url: str, tmp_path: Path) -> None:
    batch = send_marked(sqlite_url, tmp_path)
    content = b"".join(file.read_bytes() for file in tmp_path.glob("fano.sqlite3*"))
    assert b"Which fruit?" in content  # the search would find what is there
    assert [marker for marker in forbidden(batch) if marker in content] == []


def test_nothing_of_a_deleted_collection_is_left_in_a_sqlite_file(sqlite_url: str, tmp_path: Path) -> None:
    """Not on free pages either, once the write-ahead log is folded into the file."""
    with InProcess(settings(sqlite_url, data_dir=tmp_path)) as service:
        database, housekeeping = service.app.state.services.database, service.app.state.services.housekeeping
        with database.read() as connection:
            assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
        items = [f"marked item {i}" for i in range(400)]
        collection = create(service.post, name="marked name", question="A marked question?", items=items)
        kept = create(service.post, question="Which is kept?")
        assert service.request("DELETE", f"/v1/collections/{collection.id}", headers=ADMIN).status_code == 202
        housekeeping.close()
        housekeeping.retention._stopping = lambda: False
        housekeeping.retention.purge_deleted()
        assert service.get(f"/v1/collections/{kept.id}", headers=ADMIN).status_code == 200
    content = b"".join(file.read_bytes() for file in tmp_path.glob("fano.sqlite3*"))
    assert b"Which is kept?" in content
    assert [marked for marked in (b"marked item", b"marked name", b"marked question") if marked in content] == []


@pytest.mark.postgres
def test_no_marker_reaches_a_postgresql_dump(postgresql: PostgresqlCluster, tmp_path: Path) -> None:
    with postgresql.database() as url:
        batch = send_marked(url, tmp_path)
        dump = subprocess.run(
            [postgresql.binaries / "pg_dump", "--inserts", url], capture_output=True, check=True, timeout=60
        ).stdout
    assert b"Which fruit?" in dump
    markers = [*forbidden(batch), str(batch["batch_key"]).encode()]
    assert [marker for marker in markers if marker in dump] == []


def test_no_log_tells_who_sent(sqlite_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    send_marked(sqlite_url, tmp_path)
    logged = "\n".join([caplog.text, *(str(record.__dict__) for record in caplog.records if record.name != "httpx")])
    assert [marker for marker in PLANTED if marker in logged] == []


def test_no_column_is_finer_in_time_than_the_window() -> None:
    columns = {f"{table.name}.{column.name}": column for table in metadata.tables.values() for column in table.columns}
    assert not [name for name, column in columns.items() if isinstance(column.type, DateTime)]
    assert not [
        name for name in columns if any(word in name for word in ("time", "date", "created", "_at", "address", "agent"))
    ]


def test_no_foreign_key_leads_from_a_batch_key_to_a_segment() -> None:
    assert {key.column.table.name for key in batch_keys.foreign_keys} == {"versions"}
    assert set(batch_keys.columns.keys()) == {"version", "key_hash", "window_index", "body_hash", "accepted"}


def test_a_stored_key_does_not_tell_its_message(sqlite_url: str, tmp_path: Path) -> None:
    """Whoever reads the database can try all messages, but not all batch keys."""
    batch = send_marked(sqlite_url, tmp_path)
    database = Database(sqlite_url)
    with database.read() as connection:
        stored = connection.execute(select(batch_keys.c.key_hash, batch_keys.c.body_hash)).one()
    database.dispose()
    key, message = bytes.fromhex(str(batch["batch_key"])), (2).to_bytes(4, "little")
    assert tuple(stored) == batch_hashes(key, message)
    # without the key every message looks alike: keys that an attacker has do not reproduce the stored hash
    for guess in (stored.key_hash, bytes(16), hashlib.sha256(key).digest()[:16]):
        assert all(batch_hashes(guess, m.to_bytes(4, "little"))[1] != stored.body_hash for m in range(13))


def test_hashes_depend_on_key_and_messages() -> None:
    one, other = bytes(16), bytes([1] * 16)
    assert batch_hashes(one, b"abcd")[0] == batch_hashes(one, b"efgh")[0] != batch_hashes(other, b"abcd")[0]
    assert len({batch_hashes(k, m)[1] for k in (one, other) for m in (b"abcd", b"efgh")}) == 4
    assert {len(h) for h in batch_hashes(one, b"")} == {16}
