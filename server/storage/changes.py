"""Changes of a collection that exists: lock it, then write."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, update

from server.storage.collections import CollectionRow, find_collection
from server.storage.tables import collections, operations, versions

__all__ = [
    "OperationRow",
    "change_collection",
    "due_collections",
    "find_operation",
    "insert_operation",
    "lock_collection",
    "next_due",
    "replace_spec",
]


@dataclass(frozen=True)
class OperationRow:
    """Something that goes on by itself. done, total: rows; total is None before the first step."""

    id: str
    kind: str
    collection: int
    collection_id: str
    state: str
    done: int
    total: int | None


def lock_collection(connection: Connection, collection_id: str) -> CollectionRow | None:
    """The collection, which nobody else changes or reports to until the transaction ends; None when there is none."""
    # Locked first and read afterwards: only then does PostgreSQL show what the one before wrote.
    connection.execute(
        select(collections.c.number).where(collections.c.id == collection_id).with_for_update(key_share=True)
    ).all()
    return find_collection(connection, collection_id)


def change_collection(connection: Connection, number: int, **values: Any) -> None:
    """Set columns of a locked collection."""
    connection.execute(update(collections).where(collections.c.number == number).values(**values))


def replace_spec(connection: Connection, version_number: int, spec: bytes, spec_digest: str) -> None:
    """Rewrite the spec of a version that nobody has seen yet."""
    connection.execute(
        update(versions).where(versions.c.number == version_number).values(spec=spec, spec_digest=spec_digest)
    )


def due_collections(connection: Connection, now: float) -> list[str]:
    """The ids of the collections whose stored state is behind the time."""
    opening = and_(collections.c.state == "draft", collections.c.opens <= now)
    closing = and_(collections.c.state.in_(("open", "paused")), collections.c.closes <= now)
    query = select(collections.c.id).where(collections.c.deleted == 0, or_(opening, closing))
    return list(connection.execute(query).scalars())


def next_due(connection: Connection) -> int | None:
    """When the next collection opens or closes by itself, in seconds since 1970."""
    there = collections.c.deleted == 0
    opening = select(func.min(collections.c.opens)).where(there, collections.c.state == "draft")
    closing = select(func.min(collections.c.closes)).where(there, collections.c.state.in_(("open", "paused")))
    moments = [int(moment) for query in (opening, closing) if (moment := connection.scalar(query)) is not None]
    return min(moments, default=None)


def insert_operation(connection: Connection, operation_id: str, kind: str, collection: int) -> None:
    """Store an operation that has not begun."""
    connection.execute(
        insert(operations).values(id=operation_id, kind=kind, collection=collection, state="running", done=0)
    )


def find_operation(connection: Connection, operation_id: str) -> OperationRow | None:
    """The operation of this id, or None."""
    columns = [operations.c[name] for name in ("id", "kind", "collection", "state", "done", "total")]
    row = connection.execute(
        select(*columns, collections.c.id.label("collection_id"))
        .join(collections, collections.c.number == operations.c.collection)
        .where(operations.c.id == operation_id)
    ).one_or_none()
    return None if row is None else OperationRow(**row._mapping)
