"""`fano db`: the schema of the service's database."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from server.cli.options import database_option

if TYPE_CHECKING:
    from server.storage.database import Database

__all__ = ["db"]

_json_option = click.option("--json", "as_json", is_flag=True, help="Answer as one line of JSON on stdout.")


@click.group(short_help="Keep the service's database: schema and backup.")
def db() -> None:
    """Keep the service's database: its schema and its backup.

    A SQLite database is upgraded whenever the service starts. A PostgreSQL database is upgraded here, before the first
    start and after each new version. Exit code 1 means that the database could not be read, upgraded or copied.
    """


@db.command(short_help="Bring the schema to what this version needs.")
@database_option
@_json_option
def upgrade(database: str | None, as_json: bool) -> None:
    """Bring the schema to what this version needs, in one transaction. Does nothing when it is there already.

    \b
    Example:
      fano db upgrade --database postgresql://fano@localhost/fano
    """
    from server.storage.schema import current_revision
    from server.storage.schema import upgrade as upgrade_schema

    with _opened(database) as opened:
        if opened.file is not None:
            opened.file.parent.mkdir(parents=True, exist_ok=True)
        before = current_revision(opened)
        after = upgrade_schema(opened)
    if as_json:
        click.echo(json.dumps({"before": before, "after": after}))
    elif before == after:
        click.echo(f"The schema is at revision {after} already.", err=True)
    else:
        click.echo(f"The schema moved from {before or 'nothing'} to revision {after}.", err=True)


@db.command(short_help="Show where the schema stands.")
@database_option
@_json_option
def current(database: str | None, as_json: bool) -> None:
    """Show the revision of the database and the one that this version needs. Exit code 1 when they differ."""
    from server.storage.schema import current_revision, head_revision, require_head

    with _opened(database) as opened:
        revision, head = current_revision(opened), head_revision()
        if as_json:
            click.echo(json.dumps({"current": revision, "head": head, "up_to_date": revision == head}))
        else:
            click.echo(f"{revision or 'empty'}\t(this version needs {head})")
        require_head(opened)


@db.command(short_help="Copy the embedded database to a file, while it serves.")
@click.argument("path", type=click.Path(dir_okay=False))
@database_option
@_json_option
def backup(path: str, database: str | None, as_json: bool) -> None:
    """Copy the embedded SQLite database to a new file PATH as it is at one moment, while the service goes on.

    The copy is checked and on disk when this ends. To restore it, stop the service and put the file in the place of the
    database, without any `-wal` or `-shm` file beside it. PostgreSQL is backed up by its own tools (docs/operations.md).

    \b
    Example:
      fano db backup /backups/fano-2026-11-24.sqlite3
    """
    from server.storage.backup import back_up

    with _opened(database) as opened:
        size = back_up(opened, Path(path))
    if as_json:
        click.echo(json.dumps({"path": path, "bytes": size}))
    else:
        click.echo(f"{path} holds the whole database now ({size:,} bytes).", err=True)


@db.command(short_help="Forget now what may be forgotten.")
@database_option
@_json_option
def purge(database: str | None, as_json: bool) -> None:
    """Forget now what may be forgotten: batch keys of windows that are over for good, deleted collections.

    The service does this by itself, a few rows at a time. This may run beside it.
    """
    from server.clock import SystemClock
    from server.services.retention import Retention
    from server.settings import Settings
    from server.storage.schema import require_head

    with _opened(database) as opened:
        require_head(opened)
        settings = Settings()
        done = Retention(
            opened,
            SystemClock(),
            retry_horizon=settings.retry_horizon_days * 86_400,
            rows=settings.purge_rows,
        ).purge()
    if as_json:
        click.echo(json.dumps({"batch_keys": done.keys, "rows_of_deleted_collections": done.rows}))
    else:
        click.echo(f"Forgot {done.keys:,} batch keys and {done.rows:,} rows of deleted collections.", err=True)


@db.command(short_help="Fold stored reports into counts.")
@database_option
@_json_option
def fold(database: str | None, as_json: bool) -> None:
    """Fold all stored reports into counts now. The service may run; it does the same by itself, when it is worth it."""
    from server.services.folding import Folder
    from server.storage.schema import require_head

    with _opened(database) as opened:
        require_head(opened)
        folded = Folder(opened, reports=1).fold_all()
    if as_json:
        click.echo(json.dumps(asdict(folded)))
    else:
        click.echo(f"Folded {folded.reports:,} reports of {folded.segments:,} segments into counts.", err=True)


@contextmanager
def _opened(address: str | None) -> "Iterator[Database]":
    """The database of a command, which makes none by itself."""
    from server.cli.failures import failures_told
    from server.settings import Settings
    from server.storage.database import Database

    with failures_told("db"):
        database = Database(address or Settings().database)
        try:
            yield database
        finally:
            database.dispose()
