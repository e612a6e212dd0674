"""Forgetting, a few rows at a time: batch keys of windows that are over for good, everything of a deleted collection.

Keys are walked in the order of their primary key, which needs no index on the window and so costs an upload nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Column, Connection, Table, delete, func, select, tuple_, update

from server.storage.tables import batch_keys, collections, metadata, operations, versions

__all__ = [
    "EVERYTHING",
    "Keeping",
    "advance_operation",
    "count_contents",
    "delete_contents",
    "finish_operation",
    "finish_purge",
    "kept_collections",
    "purge_keys",
    "raise_mark",
    "running_operations",
    "start_operation",
    "version_specs",
]

EVERYTHING = (1 << 62) - 1
"""The mark of a collection whose keys may all be forgotten, since it never counts again."""


@dataclass(frozen=True)
class Keeping:
    """What decides how long the keys of a collection are kept. See `tables`."""

    number: int
    state: str
    closes: int | None
    retention: int
    closed_before: int
    purged_before: int


def kept_collections(connection: Connection) -> Sequence[Keeping]:
    """All collections that may hold keys which can be forgotten."""
    columns = [collections.c[name] for name in Keeping.__dataclass_fields__]
    rows = connection.execute(
        select(*columns)
        .where(collections.c.deleted == 0, collections.c.purged_before < EVERYTHING)
        .order_by(collections.c.number)
    )
    return [Keeping(*row) for row in rows]


def version_specs(connection: Connection, collection: int) -> dict[int, bytes]:
    """The spec of each version of a collection, by the version's number."""
    query = select(versions.c.number, versions.c.spec).where(versions.c.collection == collection)
    return {row.number: row.spec for row in connection.execute(query.order_by(versions.c.number))}


def raise_mark(connection: Connection, collection: int, closed_before: int) -> int:
    """Let windows that ended by this second be over for good. Waits for uploads in progress. Returns the mark, which never falls."""
    mark = select(collections.c.closed_before).where(collections.c.number == collection).with_for_update(key_share=True)
    reached = max(int(connection.scalar(mark) or 0), closed_before)
    connection.execute(update(collections).where(collections.c.number == collection).values(closed_before=reached))
    return reached


def purge_keys(
    connection: Connection, version: int, after: bytes, last_window: int | None, rows: int
) -> tuple[int, bytes | None]:
    """Look at up to `rows` keys behind `after` and delete those that name a window up to `last_window` (None: all of them).

    Returns how many were deleted and the key to go on from, None at the end.
    """
    behind = (batch_keys.c.version == version) & (batch_keys.c.key_hash > after)
    last = connection.scalar(
        select(batch_keys.c.key_hash).where(behind).order_by(batch_keys.c.key_hash).offset(rows - 1).limit(1)
    )
    gone = delete(batch_keys).where(behind if last is None else behind & (batch_keys.c.key_hash <= last))
    if last_window is not None:
        gone = gone.where(batch_keys.c.window_index.between(0, last_window))
    return connection.execute(gone).rowcount, last


def finish_purge(connection: Connection, collection: int, purged_before: int) -> None:
    """Remember that no key is left that names a window which ended by this second."""
    connection.execute(
        update(collections).where(collections.c.number == collection).values(purged_before=purged_before)
    )


def _contents() -> list[tuple[Table, Column[int]]]:
    """The tables whose rows belong to a version, each with its column that says so, and at last the versions themselves."""
    found = []
    for table in metadata.sorted_tables:
        found += [(table, key.parent) for key in table.foreign_keys if key.column is versions.c.number]
    return found[::-1]


def running_operations(connection: Connection) -> Sequence[tuple[str, int, int | None]]:
    """Id, collection and total of the operations that are not done, the oldest first."""
    query = select(operations.c.id, operations.c.collection, operations.c.total).where(operations.c.state == "running")
    return [(row.id, row.collection, row.total) for row in connection.execute(query.order_by(operations.c.number))]


def start_operation(connection: Connection, operation_id: str, total: int) -> None:
    """Store how many rows an operation has before it."""
    connection.execute(
        update(operations).where(operations.c.id == operation_id, operations.c.total.is_(None)).values(total=total)
    )


def count_contents(connection: Connection, collection: int) -> int:
    """How many rows belong to a collection: everything below its versions, and these."""
    owned = select(versions.c.number).where(versions.c.collection == collection)
    counts = [select(func.count()).select_from(versions).where(versions.c.collection == collection)]
    counts += [select(func.count()).select_from(table).where(column.in_(owned)) for table, column in _contents()]
    return sum(int(connection.scalar(count) or 0) for count in counts)


def delete_contents(connection: Connection, collection: int, rows: int) -> int:
    """Delete up to `rows` rows that belong to a collection, its versions last. Returns how many: 0 when nothing is left."""
    owned = select(versions.c.number).where(versions.c.collection == collection).order_by(versions.c.number)
    # locked, so that a fold which began before the deletion has ended and adds nothing to what is found empty here
    for number in connection.execute(owned.with_for_update()).scalars().all():
        for table, column in _contents():
            key = tuple_(*table.primary_key.columns)
            some = select(*table.primary_key.columns).where(column == number).limit(rows)
            deleted = connection.execute(delete(table).where(key.in_(some))).rowcount
            if deleted:
                return deleted
        if connection.execute(delete(versions).where(versions.c.number == number)).rowcount:
            return 1
    return 0


def advance_operation(connection: Connection, operation_id: str, deleted: int) -> None:
    """Count what was deleted, in the transaction that deletes it."""
    connection.execute(
        update(operations).where(operations.c.id == operation_id).values(done=operations.c.done + deleted)
    )


def finish_operation(connection: Connection, operation_id: str) -> None:
    """The operation is done."""
    connection.execute(update(operations).where(operations.c.id == operation_id).values(state="done"))
