"""Health, readiness and version say what is so."""

import platform
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, text

from server.services import readiness
from server.services.tokens import Scope, Tokens, new_token, token_sha256
from server.storage.database import Database
from server.storage.probes import durability_trouble
from server.storage.schema import SchemaError, downgrade, head_revision, upgrade
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.postgresql import PostgresqlCluster


def test_a_healthy_service(service: InProcess) -> None:
    assert service.get("/healthz").json() == {"status": "ok"}
    ready = service.get("/readyz")
    assert ready.status_code == 200
    checks = dict.fromkeys(("database", "schema", "durability", "writer", "queue", "disk"), "ok")
    assert ready.json() == {"status": "ok", "checks": checks}
    version = service.get("/version").json()
    assert version["python"] == platform.python_version()
    assert version["schema"] == head_revision()
    assert service.get("/docs").status_code == 200


def test_not_ready_without_the_schema(service: InProcess) -> None:
    downgrade(service.app.state.services.database)
    ready = service.get("/readyz")
    assert ready.status_code == 503
    assert "fano db upgrade" in ready.json()["checks"]["schema"]
    assert service.get("/healthz").status_code == 200


def test_not_ready_without_the_writer(sqlite_service: InProcess) -> None:
    sqlite_service.app.state.services.writer.close()
    ready = sqlite_service.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert ready.json()["checks"]["writer"] != "ok"


def test_a_silent_database_is_told_in_time_and_asked_once(
    sqlite_service: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, speaks = [], threading.Event()

    def silent(_: Database) -> None:
        asked.append(1)
        speaks.wait(60)

    monkeypatch.setattr(readiness, "_PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(readiness, "write_trouble", silent)
    for _ in range(3):
        ready = sqlite_service.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["checks"]["database"] == "the database does not answer"
        assert ready.json()["checks"]["writer"] == "ok"
    assert len(asked) == 1
    speaks.set()
    monkeypatch.setattr(readiness, "_PATIENCE_SECONDS", 60)
    assert sqlite_service.get("/readyz").status_code == 200


def test_not_ready_without_free_disk(sqlite_url: str) -> None:
    with InProcess(settings(sqlite_url, free_disk_bytes=1 << 60)) as service:
        ready = service.get("/readyz")
        assert ready.status_code == 503
        assert "bytes are free" in ready.json()["checks"]["disk"]


def test_commits_are_durable(database_url: str) -> None:
    database = Database(database_url)
    assert durability_trouble(database) is None
    database.dispose()


def test_an_unsafe_setting_is_seen(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    event.listen(
        database.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=NORMAL").close()
    )
    assert "FULL" in str(durability_trouble(database))
    database.dispose()


def test_the_first_admin_token_is_made_once(database_url: str) -> None:
    database = Database(database_url)
    tokens = Tokens(database)
    token = tokens.ensure_admin()
    assert token is not None
    assert tokens.ensure_admin() is None
    tokens.require_admin(token)
    database.dispose()
    with InProcess(settings(database_url, admin_token=None)) as service:
        assert service.get("/v1/collections", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        assert service.get("/v1/collections", headers=ADMIN).status_code == 401


def test_a_first_start_shows_the_token(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with InProcess(settings(database_url, admin_token=None)) as service:
        token = next(word for word in capsys.readouterr().err.split() if word.startswith("fano_admin_"))
        assert service.get("/v1/collections", headers={"Authorization": f"bearer {token}"}).status_code == 200


def test_a_configured_token_is_not_stored(database_url: str) -> None:
    with InProcess(settings(database_url)) as service:
        assert service.get("/v1/collections", headers=ADMIN).status_code == 200
    database = Database(database_url)
    assert Tokens(database).ensure_admin() is not None  # there was none in the database
    database.dispose()


def test_tokens_are_long_and_differ() -> None:
    tokens = {new_token(Scope.ADMIN) for _ in range(100)}
    assert len(tokens) == 100
    assert all(len(token) >= len("fano_admin_") + 43 for token in tokens)
    assert len(token_sha256("x")) == 32


def test_not_ready_with_a_full_queue(sqlite_service: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_service.app.state.services.writer, "_most_uploads", 0)
    ready = sqlite_service.get("/readyz")
    assert ready.status_code == 503
    assert {name for name, told in ready.json()["checks"].items() if told != "ok"} == {"queue"}


@pytest.mark.postgres
def test_not_ready_when_commits_are_not_durable(postgresql: PostgresqlCluster, tmp_path: Path) -> None:
    """fsync belongs to the whole server and is left alone; synchronous_commit stands for both."""
    with postgresql.database() as url, InProcess(settings(url, data_dir=tmp_path)) as service:
        database = service.app.state.services.database
        event.listen(database.engine, "checkout", lambda connection, *_: _commit_carelessly(connection))
        ready = service.get("/readyz")
        assert ready.status_code == 503
        assert "synchronous_commit off" in ready.json()["checks"]["durability"]


def _commit_carelessly(connection: Any) -> None:
    connection.execute("SET synchronous_commit = off")
    connection.commit()


@pytest.mark.postgres
def test_postgresql_is_not_served_at_another_revision(postgresql: PostgresqlCluster, tmp_path: Path) -> None:
    with postgresql.database(empty=True) as url:
        with pytest.raises(SchemaError, match="fano db upgrade"):
            InProcess(settings(url, data_dir=tmp_path)).__enter__()
        database = Database(url)
        upgrade(database)
        with database.write() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = 'from_the_future'"))
        database.dispose()
        with pytest.raises(SchemaError, match="from_the_future"):
            InProcess(settings(url, data_dir=tmp_path)).__enter__()
