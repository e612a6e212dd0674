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
