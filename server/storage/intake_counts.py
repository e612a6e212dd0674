"""How many uploads came and what became of them: a small SQLite file of its own beside the data, so counting never waits for reports.

A row is a collection, a window, an outcome: no finer time, nothing of any single upload. The processes of one machine share the file.
"""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, MetaData, String, Table, delete, select
from sqlalchemy.dialects.sqlite import insert

from server.storage.database import Database

__all__ = ["CountKey", "Counts", "add_counts", "counts_of", "prepare_counts"]

_metadata = MetaData()

_counts = Table(
    "intake_counts",
    _metadata,
    Column("collection", String(16), primary_key=True),
    Column("window_index", BigInteger, primary_key=True),
    Column("outcome", String(40), primary_key=True),
    Column("uploads", BigInteger, nullable=False),
    Column("reports", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)


class CountKey(NamedTuple):
    """outcome: "accepted", "replayed" or the slug of the problem that rejected."""

    collection: str
    window_index: int
    outcome: str


class Counts(NamedTuple):
    """Uploads, and the reports in those that were acknowledged."""

    uploads: int
    reports: int


def prepare_counts(database: Database) -> None:
    """Make the table unless it is there."""
    with database.write() as connection:
        _metadata.create_all(connection)


def add_counts(database: Database, added: Mapping[CountKey, Counts], *, keep_windows: int) -> None:
    """Add to what is there, and forget windows older than the last `keep_windows` of each collection named."""
    statement = insert(_counts)
    statement = statement.on_conflict_do_update(
        index_elements=["collection", "window_index", "outcome"],
        set_={
            "uploads": _counts.c.uploads + statement.excluded.uploads,
            "reports": _counts.c.reports + statement.excluded.reports,
        },
    )
    newest: dict[str, int] = {}
    for key in added:
        newest[key.collection] = max(key.window_index, newest.get(key.collection, key.window_index))
    with database.write() as connection:
        connection.execute(statement, [{**key._asdict(), **counts._asdict()} for key, counts in added.items()])
        for collection, window in newest.items():
            connection.execute(
                delete(_counts).where(
                    _counts.c.collection == collection, _counts.c.window_index <= window - keep_windows
                )
            )


def counts_of(database: Database, collection: str) -> dict[CountKey, Counts]:
    """All counts of a collection, the oldest window first."""
    with database.read() as connection:
        rows = connection.execute(
            select(_counts)
            .where(_counts.c.collection == collection)
            .order_by(_counts.c.window_index, _counts.c.outcome)
        )
        return {
            CountKey(row.collection, row.window_index, row.outcome): Counts(row.uploads, row.reports) for row in rows
        }
