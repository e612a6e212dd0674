"""Segments of messages and the batch keys that make retries count once.

Within one transaction call `lock_states` first: it makes the writers of a collection take turns, so the segment ids of a version
grow in the order of commits and a reader may remember the last one it saw.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, Row, insert, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from server.storage.tables import batch_keys, collections, segments

__all__ = ["BatchKey", "Segment", "insert_keys", "insert_segments", "known_keys", "lock_states", "segments_after"]

KeyId = tuple[int, bytes]
"""version number and key hash: what is unique."""


class BatchKey(NamedTuple):
    """An upload that was counted. key_hash, body_hash: 16 bytes each · accepted: its number of reports."""

    version: int
    key_hash: bytes
    window_index: int
    body_hash: bytes
    accepted: int

    @property
    def id(self) -> KeyId:
        """What is unique."""
        return self.version, self.key_hash


class Segment(NamedTuple):
    """Messages of one version and window: little-endian uint32, ascending."""

    version: int
    window_index: int
    reports: int
    messages: bytes


_KEY_COLUMNS = (
    batch_keys.c.version,
    batch_keys.c.key_hash,
    batch_keys.c.window_index,
    batch_keys.c.body_hash,
    batch_keys.c.accepted,
)
_INSERT_KEYS = {
    name: dialect.insert(batch_keys)
    .on_conflict_do_nothing(index_elements=[batch_keys.c.version, batch_keys.c.key_hash])
    .returning(batch_keys.c.version, batch_keys.c.key_hash)
    for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
}
_INSERT_SEGMENTS = insert(segments)


def lock_states(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """The states of collections, which stay as they are until this transaction ends; locked in one order, so none deadlocks."""
    rows = connection.execute(
        select(collections.c.number, collections.c.state)
        .where(collections.c.number.in_(numbers))
        .order_by(collections.c.number)
        .with_for_update(key_share=True)
    )
    return {row.number: row.state for row in rows}


def insert_keys(connection: Connection, keys: Sequence[BatchKey]) -> set[KeyId]:
    """Store the keys that are new, whoever else is storing them. Returns which were."""
    rows = [key._asdict() for key in sorted(keys)]  # in one order: no deadlock, and no trace of arrival
    inserted = connection.execute(_INSERT_KEYS[connection.dialect.name], rows)
    return {(row.version, row.key_hash) for row in inserted}


def known_keys(connection: Connection, ids: Sequence[KeyId]) -> dict[KeyId, BatchKey]:
    """The stored keys among these."""
    rows: Sequence[Row[*tuple[object, ...]]] = connection.execute(
        select(*_KEY_COLUMNS).where(tuple_(batch_keys.c.version, batch_keys.c.key_hash).in_(ids))
    ).all()
    return {key.id: key for key in (BatchKey(*row) for row in rows)}  # type: ignore[arg-type]


def insert_segments(connection: Connection, new: Sequence[Segment]) -> None:
    """Store segments."""
    connection.execute(_INSERT_SEGMENTS, [segment._asdict() for segment in new])


def segments_after(connection: Connection, version: int, last_id: int) -> Iterator[tuple[int, bytes]]:
    """Id and messages of each segment of a version that came after `last_id`, in order."""
    rows = connection.execution_options(yield_per=256).execute(
        select(segments.c.id, segments.c.messages)
        .where(segments.c.version == version, segments.c.id > last_id)
        .order_by(segments.c.id)
    )
    for row in rows:
        yield row.id, row.messages
