"""What operators and disks do to a database under a running service is told as 503, and passes without losing or doubling a report."""

from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import IntegrityError

from server.refusals import DatabaseUnavailable
from server.storage.database import Database
from tests.server.assertions import assert_problem
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.postgresql import PostgresqlCluster
from tests.services.stored import stored_messages


def assert_out_of_service(service: InProcess, collection: TestCollection, batch: dict[str, object]) -> None:
    for answer in (
        service.post(collection.reports_path, json=batch, headers=collection.write_headers),
        service.post(
            "/v1/collections", json={"name": "n", "question": "q", "items": ["a", "b"], "epsilon": "1"}, headers=ADMIN
        ),
    ):
        assert_problem(answer, 503, "database-unavailable")
        assert int(answer.headers["retry-after"]) >= 1


def assert_in_service(service: InProcess, collection: TestCollection, batch: dict[str, object], url: str) -> None:
    answer = service.post(collection.reports_path, json=batch, headers=collection.write_headers)
    assert answer.json() == {"accepted": 2, "replayed": False, "rejected": []}
    assert stored_messages(url) == {1: 1, 2: 1}


@pytest.mark.postgres
def test_a_server_that_became_a_standby(postgresql: PostgresqlCluster, tmp_path: Path) -> None:
    with postgresql.database() as url, InProcess(settings(url, data_dir=tmp_path)) as service:
        collection = create(service.post)
        batch = collection.batch([1, 2])
        database = service.app.state.services.database
        for value in ("on", "off"):
            admin = Database(url)
            with admin.write() as connection:
                connection.execute(text("SET TRANSACTION READ WRITE"))
                name = connection.dialect.identifier_preparer.quote(str(make_url(url).database))
                connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = {value}"))
            admin.dispose()
            database.dispose()  # new connections, as after a failover
            if value == "on":
                assert_out_of_service(service, collection, batch)
        assert_in_service(service, collection, batch, url)


@pytest.mark.postgres
def test_a_schema_that_is_just_being_restored(postgresql: PostgresqlCluster, tmp_path: Path) -> None:
    with postgresql.database() as url, InProcess(settings(url, data_dir=tmp_path)) as service:
        collection = create(service.post)
        batch = collection.batch([1, 2])
        for old, new in (("collections", "elsewhere"), ("elsewhere", "collections")):
            with service.app.state.services.database.write() as connection:
                connection.execute(text(f"ALTER TABLE {old} RENAME TO {new}"))
            if old == "collections":
                assert_out_of_service(service, collection, batch)
        assert_in_service(service, collection, batch, url)


def test_a_damaged_file_is_told_in_a_sentence(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    assert database.file is not None
    size = database.file.stat().st_size
    database.file.write_bytes(database.file.read_bytes()[:100] + b"\xff" * (size - 100))
    with pytest.raises(DatabaseUnavailable, match="damaged"), database.read() as connection:
        connection.execute(text("SELECT count(*) FROM collections"))
    database.dispose()


def test_a_fault_of_ours_is_no_unavailability(database_url: str) -> None:
    database = Database(database_url)
    with pytest.raises(IntegrityError), database.write() as connection:
        connection.execute(text("INSERT INTO audit_log (number) VALUES (1)"))  # it lacks what must be there
    database.dispose()


@pytest.mark.postgres
def test_a_connection_that_the_network_lost_is_noticed_soon(postgresql: PostgresqlCluster) -> None:
    """Unless the address says otherwise: the system would wait for hours."""
    with postgresql.database() as url:
        for address, idle in ((url, "15"), (f"{url}&keepalives_idle=77", "77")):
            database = Database(address)
            pooled = database.engine.raw_connection()
            driver = pooled.driver_connection
            assert driver is not None
            stated = driver.info.get_parameters()
            pooled.close()
            database.dispose()
            assert (stated["tcp_user_timeout"], stated["keepalives_idle"]) == ("15000", idle)
            assert int(stated["keepalives_interval"]) * int(stated["keepalives_count"]) <= 15
