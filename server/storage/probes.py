"""Questions to the database about itself."""

from sqlalchemy import text

from server.storage.database import Database

__all__ = ["durability_trouble", "write_trouble"]

_SQLITE_FULL = 2


def write_trouble(database: Database) -> str | None:
    """Why no row could be changed now, or None. Takes the write lock and changes nothing.

    Raises DatabaseUnavailable when there is no answer.
    """
    with database.write() as connection:  # SQLite: the write lock is taken here
        if not database.is_sqlite:
            if connection.scalar(text("SHOW transaction_read_only")) == "on":
                return "this PostgreSQL server, or the role that asks it, may only read"
            connection.execute(text("SELECT pg_current_xact_id()"))  # a real transaction, as only a writer has one
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
