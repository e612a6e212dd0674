"""Collections with their versions: rows in, rows out."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row, func, insert, select, update

from server.storage.tables import collections, segments, tallies, versions

__all__ = [
    "CollectionRow",
    "NewCollection",
    "count_reports",
    "deleted_collections",
    "find_collection",
    "insert_collection",
    "insert_version",
    "list_collections",
    "list_versions",
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
    opens: int | None = None
    closes: int | None = None
    retention: int = 28 * 86_400


@dataclass(frozen=True)
class CollectionRow:
    """A collection with one version; `number` and `version_number` are the database's own keys.

    state: as stored; when a time to open or close has come, it is behind · opens, closes: seconds since 1970 · retention: seconds
    after the end of its window in which a batch is still taken · successor: the id of the collection that follows.
    """

    number: int
    id: str
    name: str
    question: str
    state: str
    min_reports: int
    opens: int | None
    closes: int | None
    retention: int
    successor: str | None
    version_number: int
    version: int
    spec: bytes
    spec_digest: str
    items: bytes | None
    items_digest: str | None


_ROWS = (
    select(
        collections.c.number,
        collections.c.id,
        collections.c.name,
        collections.c.question,
        collections.c.state,
        collections.c.min_reports,
        collections.c.opens,
        collections.c.closes,
        collections.c.retention,
        collections.c.successor,
        versions.c.number.label("version_number"),
        versions.c.version,
        versions.c.spec,
        versions.c.spec_digest,
        versions.c["items"],  # `.items` is a method of the column collection
        versions.c.items_digest,
    )
    .join(versions, versions.c.collection == collections.c.number)
    .where(collections.c.deleted == 0)
)
_CURRENT = _ROWS.where(versions.c.number == collections.c.current)


def insert_collection(connection: Connection, new: NewCollection) -> int:
    """Store a draft with its version 1. Returns the collection's number."""
    created = connection.execute(
        insert(collections).values(
            id=new.id,
            name=new.name,
            question=new.question,
            state="draft",
            min_reports=new.min_reports,
            opens=new.opens,
            closes=new.closes,
            retention=new.retention,
        )
    )
    number = int(created.inserted_primary_key[0])  # type: ignore[index]
    insert_version(connection, number, 1, new.spec, new.spec_digest, new.items, new.items_digest)
    return number


def insert_version(
    connection: Connection,
    number: int,
    version: int,
    spec: bytes,
    spec_digest: str,
    items: bytes | None,
    items_digest: str | None,
) -> None:
    """Store the next version of a collection; from the commit on it is the one that takes reports."""
    made = connection.execute(
        insert(versions).values(
            collection=number,
            version=version,
            spec=spec,
            spec_digest=spec_digest,
            items=items,
            items_digest=items_digest,
        )
    )
    current = made.inserted_primary_key[0]  # type: ignore[index]
    connection.execute(update(collections).where(collections.c.number == number).values(current=current))


def find_collection(connection: Connection, collection_id: str, version: int | None = None) -> CollectionRow | None:
    """The collection of this id with its current version, or with the one asked for; None when there is none."""
    query = _CURRENT if version is None else _ROWS.where(versions.c.version == version)
    row = connection.execute(query.where(collections.c.id == collection_id)).one_or_none()
    return None if row is None else _collection(row)


def list_versions(connection: Connection, collection_id: str) -> Sequence[CollectionRow]:
    """The collection once for each of its versions, the first one first."""
    query = _ROWS.where(collections.c.id == collection_id).order_by(versions.c.version)
    return [_collection(row) for row in connection.execute(query)]


def list_collections(connection: Connection) -> Sequence[CollectionRow]:
    """All collections, the oldest first."""
    return [_collection(row) for row in connection.execute(_CURRENT.order_by(collections.c.number))]


def deleted_collections(connection: Connection, ids: Collection[str]) -> set[str]:
    """Which of these ids are those of collections that were deleted."""
    query = select(collections.c.id).where(collections.c.id.in_(ids), collections.c.deleted == 1)
    return set(connection.execute(query).scalars())


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
