"""Collections with their versions: rows in, rows out."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, func, insert, select, update

from server.storage.tables import collections, segments, tallies, versions

__all__ = [
    "CollectionRow",
    "NewCollection",
    "count_reports",
    "find_collection",
    "insert_collection",
    "list_collections",
    "move_collection",
]


@dataclass(frozen=True)
class NewCollection:
    """What is stored at creation. `spec` and `items` are canonical bytes and are served as they are."""

    id: str
    name: str
    question: str
    min_reports: int
    spec: bytes
    spec_digest: str
    items: bytes | None
    items_digest: str | None


@dataclass(frozen=True)
class CollectionRow:
    """A collection with its current version; `number` and `version_number` are the database's own keys."""

    number: int
    id: str
    name: str
    question: str
    state: str
    min_reports: int
    version_number: int
    version: int
    spec: bytes
    spec_digest: str
    items: bytes | None
    items_digest: str | None


_CURRENT = (
    select(versions.c.collection, func.max(versions.c.version).label("version"))
    .group_by(versions.c.collection)
    .subquery("current")
)
_ROWS = (
    select(
        collections.c.number,
        collections.c.id,
        collections.c.name,
        collections.c.question,
        collections.c.state,
        collections.c.min_reports,
        versions.c.number.label("version_number"),
        versions.c.version,
        versions.c.spec,
        versions.c.spec_digest,
        versions.c["items"],  # `.items` is a method of the column collection
        versions.c.items_digest,
    )
    .join(_CURRENT, _CURRENT.c.collection == collections.c.number)
    .join(versions, (versions.c.collection == collections.c.number) & (versions.c.version == _CURRENT.c.version))
)


def insert_collection(connection: Connection, new: NewCollection) -> int:
    """Store a draft with its version 1. Returns the collection's number."""
    created = connection.execute(
        insert(collections).values(
            id=new.id, name=new.name, question=new.question, state="draft", min_reports=new.min_reports
        )
    )
    number = int(created.inserted_primary_key[0])  # type: ignore[index]
    connection.execute(
        insert(versions).values(
            collection=number,
            version=1,
            spec=new.spec,
            spec_digest=new.spec_digest,
            items=new.items,
            items_digest=new.items_digest,
        )
    )
    return number


def find_collection(connection: Connection, collection_id: str) -> CollectionRow | None:
    """The collection of this id, or None."""
    row = connection.execute(_ROWS.where(collections.c.id == collection_id)).one_or_none()
    return None if row is None else _collection(row)


def list_collections(connection: Connection) -> Sequence[CollectionRow]:
    """All collections, the oldest first."""
    return [_collection(row) for row in connection.execute(_ROWS.order_by(collections.c.number))]


def _collection(row: Row[*tuple[object, ...]]) -> CollectionRow:
    return CollectionRow(**row._mapping)


def count_reports(connection: Connection, version_numbers: Sequence[int]) -> dict[int, int]:
    """The number of reports of each of these versions."""
    counted = dict.fromkeys(version_numbers, 0)
    stored = [
        select(table.c.version, table.c.reports).where(table.c.version.in_(version_numbers))
        for table in (segments, tallies)
    ]
    both = (
        stored[0].union_all(stored[1]).subquery("stored")
    )  # one statement: folding moves reports from one to the other
    totals = select(both.c.version, func.sum(both.c.reports)).group_by(both.c.version)
    for version, total in connection.execute(totals):
        counted[version] = int(total)
    return counted


def move_collection(connection: Connection, collection_id: str, *, sources: Sequence[str], target: str) -> bool:
    """Set the state to `target` if it is one of `sources`. False when it is not, or there is no such collection."""
    moved = connection.execute(
        update(collections)
        .where(collections.c.id == collection_id, collections.c.state.in_(sources))
        .values(state=target)
    )
    return moved.rowcount == 1
