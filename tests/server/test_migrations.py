"""The Alembic chain on both engines: up, down, up, and exactly the tables that the code uses."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from server.storage.database import Database
from server.storage.schema import SchemaError, current_revision, downgrade, head_revision, require_head, upgrade
from server.storage.tables import metadata
from tests.services.collection import create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.postgresql import PostgresqlCluster


def differences(database: Database) -> list[object]:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, metadata))


def test_up_down_up_ends_at_the_tables_of_the_code(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    assert current_revision(database) is None
    for _ in range(2):
        assert upgrade(database) == head_revision()
        require_head(database)
        assert differences(database) == []
        downgrade(database)
        with database.read() as connection:
            assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
    assert len(differences(database)) >= len(metadata.tables)  # the comparison does see differences
    database.dispose()


REVISIONS = ["0005", "0004", "0003", "0002", "0001"]
COUNTING_MESSAGES: list[dict[str, object]] = [{}, {"cohorts": ["a", "b"]}, {"mechanism": "hadamard_response"}]


def filled(service: InProcess, **changes: object) -> str:
    """The address of a collection with reports of two versions in three windows."""
    collection, services = create(service.post, **changes), service.app.state.services
    digest = collection.created["spec_digest"]
    for window, messages in enumerate(([0, 1, 1], [2], [1, 2, 2, 2]), 20_000):
        services.intake._clock = lambda window=window: window * 86_400.0
        batch = {**collection.batch(messages), "spec_digest": digest}
        batch |= {"cohort": window % 2} if "cohorts" in changes else {}
        assert service.post(collection.reports_path, json=batch, headers=collection.write_headers).status_code == 200
        if window == 20_001:
            path = f"/v1/collections/{collection.id}/versions"
            digest = service.post(path, json={"question": "And now?"}, headers=ADMIN).json()["spec_digest"]
    return f"/v1/collections/{collection.id}"


def estimates(service: InProcess, path: str) -> list[object]:
    """All that is published of a collection, without how long it took."""
    asked = [{"version": version, "window": window} for version in (1, 2) for window in (None, "20000", "20001..20002")]
    answers = [
        service.get(f"{path}/estimates", params={k: v for k, v in query.items() if v}, headers=ADMIN).json()
        for query in asked
    ]
    series = service.get(f"{path}/series", params={"item": ["apple", "cherry"], "version": 1}, headers=ADMIN).json()
    return [{k: v for k, v in answer.items() if k != "decode_seconds"} for answer in [*answers, series]]


@pytest.mark.parametrize("folded", [False, True])
def test_estimates_are_the_same_after_the_way_down_and_up(database_url: str, tmp_path: Path, folded: bool) -> None:
    chosen = settings(database_url, data_dir=tmp_path, job_workers=0)
    with InProcess(chosen) as service:
        paths = [filled(service, **changes) for changes in COUNTING_MESSAGES]
        if folded:
            service.app.state.services.folder.fold_all()
        before = [estimates(service, path) for path in paths]
    assert all("items" in answer for found in before for answer in found[:1])
    for revision in REVISIONS:
        database = Database(database_url)
        downgrade(database, revision)
        assert current_revision(database) == revision
        upgrade(database)
        assert differences(database) == []
        database.dispose()
        with InProcess(chosen) as service:
            assert [estimates(service, path) for path in paths] == before, revision


def test_a_way_down_that_would_lose_reports_is_refused(database_url: str, tmp_path: Path) -> None:
    """Bits that were counted are no messages any more."""
    chosen = settings(database_url, data_dir=tmp_path, job_workers=0)
    with InProcess(chosen) as service:
        path = filled(service, mechanism="symmetric_unary_encoding")
        service.app.state.services.folder.fold_all()
        before = estimates(service, path)
    database = Database(database_url)
    with pytest.raises(RuntimeError, match="restore a backup"):
        downgrade(database, "0001")
    assert current_revision(database) == head_revision()  # all or nothing
    database.dispose()
    with InProcess(chosen) as service:
        assert estimates(service, path) == before


def test_an_upgrade_keeps_what_is_there(database_url: str) -> None:
    with InProcess(settings(database_url)) as service:
        collection = create(service.post)
        service.post(collection.reports_path, json=collection.batch([1, 2]), headers=collection.write_headers)
    database = Database(database_url)
    assert upgrade(database) == head_revision()
    database.dispose()
    with InProcess(settings(database_url)) as service:
        assert service.get(f"/v1/collections/{collection.id}", headers=ADMIN).json()["n"] == 2


def test_an_embedded_database_is_upgraded_at_start(tmp_path: Path) -> None:
    with InProcess(settings(f"sqlite:///{tmp_path / 'new' / 'fano.sqlite3'}")) as service:
        assert service.get("/readyz").status_code == 200


@pytest.mark.postgres
def test_a_postgresql_database_must_be_upgraded_first(postgresql: PostgresqlCluster) -> None:
    with (
        postgresql.database(empty=True) as url,
        pytest.raises(SchemaError, match="fano db upgrade"),
        InProcess(settings(url)),
    ):
        pass


def test_a_database_of_a_newer_version_is_refused(database_url: str) -> None:
    database = Database(database_url)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError, match="9999"):
        upgrade(database)
    database.dispose()
    with pytest.raises(SchemaError, match="9999"), InProcess(settings(database_url)):
        pass
