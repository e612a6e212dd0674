"""A copy of the embedded database, made while it serves."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from server.storage.database import Database

__all__ = ["BackupError", "back_up"]

_PAGES_AT_ONCE = 2_048  # between two steps writers get their turn


class BackupError(RuntimeError):
    """No backup was made; the text says why and what to do."""


def back_up(database: Database, target: Path) -> int:
    """Copy a SQLite database as it is at one moment, between two commits, to a new file. Returns its size in bytes.

    Reports are taken meanwhile. The file appears under its name only when it is complete, checked and on disk.
    Raises BackupError, also for PostgreSQL, whose own tools do this.
    """
    if database.file is None:
        raise BackupError(
            "this is a PostgreSQL database, and its own tools back it up: "
            "pg_dump --format=custom --file=PATH URL; then pg_restore --dbname=URL PATH into an empty database"
        )
    if not database.file.is_file():
        raise BackupError(f"there is no database at {database.file}")
    if target.exists():
        raise BackupError(f"{target} exists already; name a new file, so that no older backup is lost")
    partial = target.with_name(target.name + ".partial")
    try:
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)  # its keeper's alone, as the folder of the database is
        _copy(database.file, partial)
        _give_name(partial, target)
    except (OSError, sqlite3.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise BackupError(f"no backup was made at {target}: {reason}") from error
    finally:
        partial.unlink(missing_ok=True)
    _sync(target.parent)
    return target.stat().st_size


def _give_name(partial: Path, target: Path) -> None:
    """Unlike a rename a link never replaces a file that came meanwhile; shares and memory sticks may have no links."""
    try:
        os.link(partial, target)
    except FileExistsError:
        raise
    except OSError:
        partial.rename(target)


def _copy(source: Path, partial: Path) -> None:
    address = f"{source.resolve().as_uri()}?mode=rw"
    with closing(sqlite3.connect(address, uri=True, timeout=30)) as live, closing(sqlite3.connect(partial)) as copy:
        live.execute("BEGIN")
        live.execute("SELECT count(*) FROM sqlite_master").fetchone()  # from here on one moment is read
        live.backup(copy, pages=_PAGES_AT_ONCE)
        copy.execute("PRAGMA journal_mode=DELETE").fetchone()  # one file, without a log beside it
        verdict = copy.execute("PRAGMA quick_check").fetchone()[0]
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"the copy is damaged: {verdict}")
    _sync(partial)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
