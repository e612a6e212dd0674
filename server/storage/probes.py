"""Questions to the database about itself."""

from sqlalchemy import text, update

from server.storage.database import Database
from server.storage.tables import collections

__all__ = ["durability_trouble", "write_trouble"]

_SQLITE_FULL = 2


def write_trouble(database: Database) -> str | None:
    """Why no row could be changed now, or None. Takes the write lock and changes nothing.

    Raises DatabaseUnavailable when there is no answer.
    """
    with database.write() as connection:
        if not database.is_sqlite and connection.scalar(text("SELECT pg_is_in_recovery()")):
            return "this PostgreSQL server is a read-only standby"
        connection.execute(update(collections).where(text("1 = 0")).values(state="closed"))
    return None


def durability_trouble(database: Database) -> str | None:
    """Why a commit might not survive a loss of power, or None."""
    with database.read() as connection:
        if database.is_sqlite:
            level, mode = connection.scalar(text("PRAGMA synchronous")), connection.scalar(text("PRAGMA journal_mode"))
            if level is None or level < _SQLITE_FULL or mode != "wal":
                return f"synchronous is {level} and journal_mode {mode}; acknowledged reports need FULL and wal"
            return None
        unsafe = [name for name in ("fsync", "synchronous_commit") if connection.scalar(text(f"SHOW {name}")) == "off"]
    return f"PostgreSQL runs with {' and '.join(unsafe)} off; acknowledged reports need it on" if unsafe else None
