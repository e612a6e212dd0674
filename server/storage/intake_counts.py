"""How many uploads came and what became of them: a small SQLite file of its own beside the data, so counting never waits for reports.

A row is a collection, a window, an outcome: no finer time, nothing of any single upload. The processes of one machine share the file.
The length of a window stands beside its index, since a later version of a collection may count in others.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import BigInteger, Column, MetaData, String, Table, delete, select
from sqlalchemy.dialects.sqlite import insert

from server.storage.database import Database

__all__ = ["CountKey", "Counts", "add_counts", "counted_collections", "counts_of", "forget_counts", "prepare_counts"]

_metadata = MetaData()

_counts = Table(
    "intake",
    _metadata,
    Column("collection", String(16), primary_key=True),
    Column("window_seconds", BigInteger, primary_key=True),
    Column("window_index", BigInteger, primary_key=True),
    Column("outcome", String(40), primary_key=True),
    Column("uploads", BigInteger, nullable=False),
    Column("reports", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)


class CountKey(NamedTuple):
    """window_seconds: the length of the window · outcome: "accepted", "replayed" or the slug of the problem that rejected."""

    collection: str
    window_seconds: int
    window_index: int
    outcome: str

    @property
    def start(self) -> int:
        """When the window begins, in seconds since 1970."""
        return self.window_index * self.window_seconds


class Counts(NamedTuple):
    """Uploads, and the reports in those that were acknowledged."""

    uploads: int
    reports: int


def prepare_counts(database: Database) -> None:
    """Make the table unless it is there."""
    with database.write() as connection:
        _metadata.create_all(connection)


def add_counts(database: Database, added: Mapping[CountKey, Counts], *, keep_windows: int) -> None:
    """Add to what is there, and forget windows that began more than `keep_windows` of their lengths before the newest of
    each collection named."""
    statement = insert(_counts)
    statement = statement.on_conflict_do_update(
        index_elements=["collection", "window_seconds", "window_index", "outcome"],
        set_={
            "uploads": _counts.c.uploads + statement.excluded.uploads,
            "reports": _counts.c.reports + statement.excluded.reports,
        },
    )
    newest: dict[str, int] = {}
    for key in added:
        newest[key.collection] = max(key.start, newest.get(key.collection, key.start))
    with database.write() as connection:
        connection.execute(statement, [{**key._asdict(), **counts._asdict()} for key, counts in added.items()])
        for collection, start in newest.items():
            last_window = start - (_counts.c.window_index + keep_windows) * _counts.c.window_seconds
            connection.execute(delete(_counts).where(_counts.c.collection == collection, last_window >= 0))


def counts_of(database: Database, collection: str) -> dict[CountKey, Counts]:
    """All counts of a collection, the oldest window first."""
    with database.read() as connection:
        rows = connection.execute(
            select(_counts)
            .where(_counts.c.collection == collection)
            .order_by(_counts.c.window_index * _counts.c.window_seconds, _counts.c.outcome)
        )
        return {
            CountKey(row.collection, row.window_seconds, row.window_index, row.outcome): Counts(
                row.uploads, row.reports
            )
            for row in rows
        }


def counted_collections(database: Database) -> set[str]:
    """The ids of the collections that have counts."""
    with database.read() as connection:
        return set(connection.execute(select(_counts.c.collection).distinct()).scalars())


def forget_counts(database: Database, collections: Collection[str]) -> int:
    """Forget all counts of these collections. Returns how many rows."""
    with database.write() as connection:
        return connection.execute(delete(_counts).where(_counts.c.collection.in_(collections))).rowcount
