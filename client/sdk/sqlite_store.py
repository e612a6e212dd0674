"""The memory of one device in one SQLite file, readable by its owner only.

The ledger entry and the message are written in one transaction and are on the disk before anything is sent. Whatever
is removed is overwritten. There is no time in it.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

from client.sdk.errors import StoreError
from client.sdk.ledger import LedgerEntry
from client.sdk.store import KeptSpec, Ledger, Outgoing

__all__ = ["SqliteStore"]

_SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE ledger (
    service TEXT NOT NULL, collection TEXT NOT NULL, version INTEGER NOT NULL,
    spec_digest TEXT NOT NULL, epsilon TEXT NOT NULL,
    PRIMARY KEY (service, collection, version)) WITHOUT ROWID;
CREATE TABLE outbox (
    position INTEGER PRIMARY KEY, batch_key TEXT NOT NULL UNIQUE,
    service TEXT NOT NULL, collection TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE spec (
    service TEXT NOT NULL, collection TEXT NOT NULL, digest TEXT NOT NULL, body BLOB NOT NULL, items BLOB,
    PRIMARY KEY (service, collection)) WITHOUT ROWID;
"""


class SqliteStore:
    """A device's memory at `path`, made when it is missing. Threads and processes may share it.

    Raises StoreError when the file cannot be used, or was written by a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._create_file()
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 0:
                for statement in filter(str.strip, _SCHEMA.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {_SCHEMA_VERSION}")
            elif version != _SCHEMA_VERSION:
                raise StoreError(
                    f"{self.path} has format {version} and this release reads {_SCHEMA_VERSION}; update it"
                )

    def _create_file(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be opened ({error.strerror}); name a file in a folder of your own"
            ) from error

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """One connection: what it did is committed at the end, or undone when the block raises."""
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(self.path, timeout=30, isolation_level=None)
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute("PRAGMA secure_delete = ON")
            yield connection
            if connection.in_transaction:
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} cannot be used: {error}") from error
        finally:
            if connection is not None:
                connection.close()  # what was not committed is undone

    @contextmanager
    def transaction(self) -> Iterator[Ledger]:
        """The ledger, alone: committed to disk at the end, undone when the block raises."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield _SqliteLedger(connection)

    def pending(self, service: str) -> list[Outgoing]:
        """The batches for a service that are not acknowledged yet, oldest first."""
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT batch_key, service, collection, body FROM outbox WHERE service = ? ORDER BY position",
                (service,),
            ).fetchall()
        return [Outgoing(*row) for row in rows]

    def forget(self, batch_key: str) -> None:
        """Remove a batch from the outbox."""
        with self._connection() as connection:
            connection.execute("DELETE FROM outbox WHERE batch_key = ?", (batch_key,))

    def kept_spec(self, service: str, collection: str) -> KeptSpec | None:
        """The spec last seen."""
        with self._connection() as connection:
            row = connection.execute(
                "SELECT digest, body, items FROM spec WHERE service = ? AND collection = ?", (service, collection)
            ).fetchone()
        return KeptSpec(*row) if row else None

    def keep_spec(self, service: str, collection: str, spec: KeptSpec) -> None:
        """Remember a spec in place of the one before."""
        with self._connection() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO spec VALUES (?, ?, ?, ?, ?)",
                (service, collection, spec.digest, spec.body, spec.items),
            )


class _SqliteLedger:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def answered(self, service: str, collection: str, version: int) -> LedgerEntry | None:
        row = self._connection.execute(
            "SELECT spec_digest, epsilon FROM ledger WHERE service = ? AND collection = ? AND version = ?",
            (service, collection, version),
        ).fetchone()
        return LedgerEntry(service, collection, version, row[0], Fraction(row[1])) if row else None

    def spent(self) -> Fraction:
        rows = self._connection.execute("SELECT epsilon FROM ledger").fetchall()
        return sum((Fraction(epsilon) for (epsilon,) in rows), Fraction(0))

    def record(self, entry: LedgerEntry, outgoing: Outgoing) -> None:
        self._connection.execute(
            "INSERT INTO ledger VALUES (?, ?, ?, ?, ?)",
            (entry.service, entry.collection, entry.version, entry.spec_digest, str(entry.epsilon)),
        )
        self._connection.execute(
            "INSERT INTO outbox (batch_key, service, collection, body) VALUES (?, ?, ?, ?)",
            (outgoing.batch_key, outgoing.service, outgoing.collection, outgoing.body),
        )
