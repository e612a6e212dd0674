"""Connections to SQLite or PostgreSQL, and what a transaction means on each.

SQLite: write-ahead log, synchronous=FULL so that a commit survives power loss, foreign keys, and BEGIN IMMEDIATE for
writes so that no transaction fails half-way for want of the write lock. PostgreSQL: read committed, synchronous commit.
Parameters never enter an error text or a log.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import psycopg
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from server.refusals import DatabaseUnavailable

__all__ = ["BareConnection", "Connection", "Database", "DatabaseUrlError", "parse_database_url"]

_LOCK_SECONDS = 5
_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",  # what is deleted is overwritten; some builds of SQLite do so unasked, others never
    "wal_autocheckpoint=32000",  # pages: from here on a commit copies what `checkpoints` has left, at 128 MiB of log
    "cache_size=-65536",  # KiB
)
_POSTGRESQL = {"postgres", "postgresql", "postgresql+psycopg"}
_SQLITE = {"sqlite", "sqlite+pysqlite"}


class _Cursor(Protocol):
    def __iter__(self) -> Iterator[tuple[Any, ...]]: ...


class _Execute(Protocol):
    def __call__(self, statement: str, parameters: Any = ..., /) -> _Cursor: ...


class BareConnection(NamedTuple):
    """A driver's own connection. dialect: "sqlite" or "postgresql", whose placeholders it takes."""

    dialect: str
    execute: _Execute


class DatabaseUrlError(ValueError):
    """An address of no database that the service can use."""


def parse_database_url(address: str) -> URL:
    """The address with its driver: psycopg 3 for PostgreSQL, a file for SQLite. Raises DatabaseUrlError."""
    wanted = "give sqlite:///path/to/file or postgresql://user@host/database"
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:  # the latter for a port that is no number
        raise DatabaseUrlError(f"the database address cannot be read; {wanted}") from error
    if "@" in (url.host or ""):
        raise DatabaseUrlError("the database address has more than one @; write one in a user name or password as %40")
    if url.drivername in _POSTGRESQL:
        _check_options(url)
        return url.set(drivername="postgresql+psycopg")
    if url.drivername not in _SQLITE:
        raise DatabaseUrlError(f"databases of kind {url.drivername!r} are not supported; {wanted}")
    if url.database in (None, "", ":memory:"):
        raise DatabaseUrlError(f"reports must survive a restart, so a database in memory is refused; {wanted}")
    return url.set(drivername="sqlite+pysqlite")


def _check_options(url: URL) -> None:
    try:
        psycopg.conninfo.make_conninfo("", **{name: str(value) for name, value in url.query.items()})
    except psycopg.ProgrammingError as error:
        raise DatabaseUrlError(f"the database address has an option that PostgreSQL does not know: {error}") from error


class Database:
    """One database. Cheap to make: the first connection is opened on first use."""

    def __init__(self, address: str) -> None:
        self.url = parse_database_url(address)
        self.engine = _sqlite_engine(self.url) if self.is_sqlite else _postgresql_engine(self.url)
        self._identity: tuple[int, int] | None = None

    @property
    def is_sqlite(self) -> bool:
        """Is it the embedded engine?"""
        return self.url.get_backend_name() == "sqlite"

    @property
    def file(self) -> Path | None:
        """The file of the embedded database."""
        return Path(self.url.database or "") if self.is_sqlite else None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that changes nothing. Raises DatabaseUnavailable when the database does not answer."""
        with _availability(self.file), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A transaction that changes nothing and whose statements all see the database as it was at the first."""
        with _availability(self.file), self.engine.connect() as plain:
            # SQLite reads from one snapshot anyway
            connection = plain if self.is_sqlite else plain.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block, durably, or changes nothing."""
        with _availability(self.file), self.engine.connect() as plain:
            connection = plain.execution_options(fano_writes=True)
            with connection.begin():
                self._require_same_file()
                yield connection

    @contextmanager
    def write_bare(self) -> Iterator[BareConnection]:
        """As `write`, on the driver's own connection: for what runs so often that the layers in between would cost more than it."""
        with _availability(self.file):
            pooled = self.engine.raw_connection()
            driver: Any = pooled.driver_connection
            try:
                if self.is_sqlite:
                    driver.execute("BEGIN IMMEDIATE")
                self._require_same_file()
                yield BareConnection(self.url.get_backend_name(), driver.execute)
                driver.commit()
            except BaseException:
                pooled.invalidate()  # with the connection ends its transaction
                raise
            finally:
                pooled.close()

    def _require_same_file(self) -> None:
        """Open connections go on writing to a file that was removed or replaced, and all that they commit would be gone with it."""
        if self.file is None:
            return
        try:
            found = self.file.stat()
            identity = (found.st_dev, found.st_ino)
        except OSError:
            identity = None
        self._identity = self._identity or identity
        if identity is None or identity != self._identity:
            raise DatabaseUnavailable(
                "the file of the database was removed or replaced while this process has it open; restart the service"
            )

    def checkpoint(self) -> None:
        """Copy what is committed from SQLite's write-ahead log into its file, as far as no reader needs the pages as they were. No
        commit waits for it. Raises DatabaseUnavailable."""
        with _availability(self.file):
            pooled = self.engine.raw_connection()
            try:
                pooled.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
            finally:
                pooled.close()

    def dispose(self) -> None:
        """Close every idle connection. The next one may find another file: nothing of the old one is held open any more."""
        self.engine.dispose()
        self._identity = None


_UNAVAILABLE = (
    PoolTimeout,
    sqlite3.OperationalError,
    sqlite3.InterfaceError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    # an operator's doing: a server that became a standby, a role that lost a right, a schema that is just being restored
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.InsufficientPrivilege,
    psycopg.errors.UndefinedTable,
)


def _is_unavailability(error: Exception) -> bool:
    cause = error.orig if isinstance(error, DBAPIError) else error
    # of SQLite's own class, and none below it, are a damaged file and one that is no database
    return isinstance(cause, _UNAVAILABLE) or type(cause) is sqlite3.DatabaseError


@contextmanager
def _availability(file: Path | None) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout, sqlite3.Error, psycopg.Error) as error:
        if not _is_unavailability(error):
            raise
        # the driver's own words, on one line and without SQLAlchemy's statement around them; SQLite's name no file
        reason = " ".join(str(getattr(error, "orig", None) or error).split())
        raise DatabaseUnavailable(
            "the database does not answer, is locked, damaged or not to be written, or has no space left; send the same again "
            "later, an upload counts once",
            reason=f"{file}: {reason}" if file else reason,
        ) from error


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(
        url, hide_parameters=True, connect_args={"timeout": _LOCK_SECONDS}, pool_timeout=_LOCK_SECONDS
    )

    def connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions are begun below, not by the driver
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("fano_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    event.listen(engine, "connect", connect)
    event.listen(engine, "begin", begin)
    return engine


_NOTICES_LOSS = {
    "connect_timeout": _LOCK_SECONDS,
    "tcp_user_timeout": 15_000,  # milliseconds in which what was sent must have arrived
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
"""How long a connection is believed in over which nothing comes: the system's own values are a quarter of an hour and two hours."""


class _BinaryServerCursor(psycopg.ServerCursor[Any]):
    """What reads many packed rows: as text, bytes would cross the connection as twice as many hex digits."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.format = psycopg.pq.Format.BINARY


def _postgresql_engine(url: URL) -> Engine:
    engine = create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_timeout=_LOCK_SECONDS,
        connect_args={name: value for name, value in _NOTICES_LOSS.items() if name not in url.query},
    )

    def connect(connection: Any, _record: Any) -> None:
        connection.server_cursor_factory = _BinaryServerCursor
        # a role or database may have switched this off, and then an acknowledged report could vanish
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
            )
        connection.commit()

    event.listen(engine, "connect", connect)
    return engine
