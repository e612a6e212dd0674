"""A backup is the database as it was at one moment: what is restored from it estimates the same, to the last bit."""

import json
import os
import shutil
import sqlite3
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from server.cli.db import db
from server.storage.backup import BackupError, back_up
from server.storage.database import Database
from tests.services.collection import create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.postgresql import PostgresqlCluster

pytestmark = pytest.mark.thorough


def fill(service: InProcess) -> tuple[str, dict[str, Any]]:
    """A collection with reports and one batch that may be sent again. Returns its path and that upload."""
    collection = create(service.post)
    for i in range(30):
        batch = collection.batch([0] * (i % 5 + 1) + [1, 2])
        answer = service.post(collection.reports_path, json=batch, headers=collection.write_headers)
        assert answer.status_code == 200
    return f"/v1/collections/{collection.id}", {"json": batch, "headers": collection.write_headers}


def estimates(service: InProcess, path: str) -> bytes:
    answer = service.get(f"{path}/estimates?post=norm_sub", headers=ADMIN)
    assert answer.status_code == 200
    document = answer.json()
    del document["decode_seconds"]
    return json.dumps(document).encode()


def check_restored(url: str, folder: Path, path: str, before: bytes, upload: dict[str, Any]) -> None:
    with InProcess(settings(url, data_dir=folder)) as restored:
        assert restored.get("/readyz").status_code == 200
        assert estimates(restored, path) == before
        again = restored.post(f"{path}/reports", **upload)
        assert again.json()["replayed"] is True  # the keys came along
        assert estimates(restored, path) == before


def test_a_restored_sqlite_database_estimates_the_same(sqlite_url: str, tmp_path: Path) -> None:
    copy = tmp_path / "backup.sqlite3"
    with InProcess(settings(sqlite_url, data_dir=tmp_path)) as service:
        path, upload = fill(service)
        before = estimates(service, path)
        told = CliRunner().invoke(db, ["backup", str(copy), "--database", sqlite_url, "--json"])
        assert told.exit_code == 0, told.output
        assert json.loads(told.stdout) == {"path": str(copy), "bytes": copy.stat().st_size}
        assert copy.stat().st_mode & 0o077 == 0
        fill(service)  # what comes after the backup is not in it
    restored = shutil.copy(copy, tmp_path / "restored.sqlite3")
    check_restored(f"sqlite:///{restored}", tmp_path / "elsewhere", path, before, upload)


@pytest.mark.postgres
def test_a_restored_postgresql_database_estimates_the_same(postgresql: PostgresqlCluster, tmp_path: Path) -> None:
    dump = tmp_path / "fano.dump"
    with postgresql.database() as url, postgresql.database(empty=True) as other:
        with InProcess(settings(url, data_dir=tmp_path)) as service:
            path, upload = fill(service)
            before = estimates(service, path)
            _run(postgresql.binaries / "pg_dump", "--format=custom", f"--file={dump}", url)
            fill(service)
        _run(postgresql.binaries / "pg_restore", "--exit-on-error", "--single-transaction", f"--dbname={other}", dump)
        check_restored(other, tmp_path / "elsewhere", path, before, upload)


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


def test_a_backup_under_load_is_of_one_moment(sqlite_url: str, tmp_path: Path) -> None:
    """Keys and messages are stored in one transaction, so in every backup they tell of the same reports."""
    sums = []
    with InProcess(settings(sqlite_url, data_dir=tmp_path)) as service:
        collection = create(service.post)
        done = threading.Event()

        def load() -> None:
            while not done.is_set():
                service.post(collection.reports_path, json=collection.batch([0, 1]), headers=collection.write_headers)

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            database = Database(sqlite_url)
            for i in range(6):
                copy = tmp_path / f"backup-{i}.sqlite3"
                back_up(database, copy)
                with sqlite3.connect(copy) as connection:
                    by_key = connection.execute("SELECT coalesce(sum(accepted), 0) FROM batch_keys").fetchone()[0]
                    by_segment = connection.execute("SELECT coalesce(sum(reports), 0) FROM segments").fetchone()[0]
                connection.close()
                sums.append((by_key, by_segment))
            database.dispose()
        finally:
            done.set()
            for thread in threads:
                thread.join(30)
    assert all(by_key == by_segment for by_key, by_segment in sums)
    assert sums == sorted(sums)
    assert sums[-1][0] > 0


def test_what_prevents_a_backup_is_said(sqlite_url: str, tmp_path: Path) -> None:
    there = tmp_path / "there"
    there.write_text("an older backup")
    database = Database(sqlite_url)
    with pytest.raises(BackupError, match="exists already"):
        back_up(database, there)
    assert there.read_text() == "an older backup"
    with pytest.raises(BackupError, match=r"no backup was made at .*/no folder/copy: No such file or directory$"):
        back_up(database, tmp_path / "no folder" / "copy")
    database.dispose()
    with pytest.raises(BackupError, match="no database"):
        back_up(Database(f"sqlite:///{tmp_path / 'none'}"), tmp_path / "copy")
    with pytest.raises(BackupError, match="pg_dump"):
        back_up(Database("postgresql://nobody@127.0.0.1:1/none"), tmp_path / "copy")
    assert [file.name for file in tmp_path.iterdir() if "partial" in file.name or "copy" in file.name] == []
    told = CliRunner().invoke(db, ["backup", str(there), "--database", sqlite_url])
    assert told.exit_code == 1
    assert "exists already" in told.stderr


@pytest.mark.parametrize("put_in_its_place", [False, True])
def test_nothing_is_acknowledged_into_a_file_that_is_gone(
    sqlite_url: str, tmp_path: Path, *, put_in_its_place: bool
) -> None:
    """A restore without stopping the service: connections that are open still write to the old file, which nobody will read again."""
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    with InProcess(settings(sqlite_url, data_dir=tmp_path)) as service:
        collection = create(service.post)
        first, second = collection.batch([0, 1]), collection.batch([2])
        assert service.post(collection.reports_path, json=first, headers=collection.write_headers).status_code == 200
        kept = file.rename(tmp_path / "kept.sqlite3")
        if put_in_its_place:
            shutil.copy(kept, file)
        refused = service.post(collection.reports_path, json=second, headers=collection.write_headers)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        ready = service.get("/readyz")
        assert ready.status_code == 503
        assert "removed or replaced" in ready.json()["checks"]["database"]
        file.unlink(missing_ok=True)
        kept.rename(file)
        again = service.post(collection.reports_path, json=second, headers=collection.write_headers)
        assert again.json() == {"accepted": 1, "replayed": False, "rejected": []}
        assert service.get("/readyz").status_code == 200


def test_a_backup_needs_no_links(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Network shares and memory sticks, where backups go, may have none."""

    def no_links(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    copy, database = tmp_path / "copy", Database(sqlite_url)
    assert back_up(database, copy) == copy.stat().st_size > 0
    with pytest.raises(BackupError, match="exists already"):
        back_up(database, copy)
    database.dispose()
    assert not copy.with_name("copy.partial").exists()
