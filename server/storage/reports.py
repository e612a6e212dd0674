"""Segments of messages and the batch keys that make retries count once.

Within one transaction call `lock_states` first: it makes the writers of a collection take turns, so the segment ids of a version
grow in the order of commits and a reader may remember the last one it saw.

A group of uploads is stored column by column: the 16-byte hashes of all its keys are one parameter, cut into rows by the
database. Binding each row by itself costs more than everything else that an upload needs.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, text

from server.storage.tables import batch_keys, collections, segments, versions

__all__ = [
    "HASH_BYTES",
    "NO_WINDOW",
    "BatchKey",
    "Locked",
    "Segment",
    "insert_keys",
    "insert_segment",
    "known_keys",
    "lock_states",
    "segments_after",
    "spec_digests",
]

HASH_BYTES = 16

NO_WINDOW = -1
"""Stands for the window of an upload that names none. Its key stays as long as its collection can count."""


class BatchKey(NamedTuple):
    """An upload that was counted. key_hash, body_hash: 16 bytes each · accepted: its number of reports."""

    key_hash: bytes
    body_hash: bytes
    accepted: int


class Segment(NamedTuple):
    """Messages of one version and window: little-endian uint32, ascending."""

    version: int
    window_index: int
    reports: int
    messages: bytes


class Locked(NamedTuple):
    """What decides about uploads to a collection; it stays as it is until the transaction ends.

    current: the number of the version that takes reports · opens, closes, retention, closed_before: see `tables`.
    """

    state: str
    deleted: int
    current: int | None
    opens: int | None
    closes: int | None
    retention: int
    closed_before: int


_LOCK_STATES = (
    select(collections.c.number, *(collections.c[name] for name in Locked._fields))
    .where(collections.c.number.in_(bindparam("numbers", expanding=True)))
    .order_by(collections.c.number)
    .with_for_update(key_share=True)
)
_INSERT_KEYS = {
    "sqlite": text(
        "INSERT INTO batch_keys (version, key_hash, window_index, body_hash, accepted) "
        "SELECT :version, substr(:keys, 16 * key + 1, 16), :window_index, substr(:bodies, 16 * key + 1, 16), value "
        "FROM json_each(:accepted) WHERE true ON CONFLICT DO NOTHING RETURNING key_hash"
    ),
    "postgresql": text(
        "INSERT INTO batch_keys (version, key_hash, window_index, body_hash, accepted) "
        "SELECT CAST(:version AS bigint), substring(CAST(:keys AS bytea) FROM 16 * place + 1 FOR 16), "
        "CAST(:window_index AS bigint), substring(CAST(:bodies AS bytea) FROM 16 * place + 1 FOR 16), CAST(value AS integer) "
        "FROM (SELECT value, CAST(ordinality - 1 AS integer) AS place "
        "FROM json_array_elements_text(CAST(:accepted AS json)) WITH ORDINALITY AS listed (value, ordinality)) AS numbered "
        "ON CONFLICT DO NOTHING RETURNING key_hash"
    ),
}
_INSERT_SEGMENT = insert(segments).inline()


def lock_states(connection: Connection, numbers: Sequence[int]) -> dict[int, Locked]:
    """Lock collections, in one order so that none deadlocks. All that decides is in their own rows: PostgreSQL reads those
    anew when it had to wait, and only those."""
    return {number: Locked(*rest) for number, *rest in connection.execute(_LOCK_STATES, {"numbers": numbers})}


def spec_digests(connection: Connection, version_numbers: Sequence[int]) -> dict[int, str]:
    """The digest of the spec of each of these versions."""
    query = select(versions.c.number, versions.c.spec_digest).where(versions.c.number.in_(version_numbers))
    return {row.number: row.spec_digest for row in connection.execute(query)}


def insert_keys(connection: Connection, version: int, window_index: int, keys: Sequence[BatchKey]) -> set[bytes]:
    """Store the keys that are new, whoever else is storing them. window_index: the one that the uploads name. Returns the key hashes that were."""
    ordered = sorted(keys)  # in one order: no deadlock, and no trace of arrival
    columns = {
        "version": version,
        "window_index": window_index,
        "keys": b"".join([key.key_hash for key in ordered]),
        "bodies": b"".join([key.body_hash for key in ordered]),
        "accepted": str([key.accepted for key in ordered]),
    }
    return set(connection.execute(_INSERT_KEYS[connection.dialect.name], columns).scalars())


def known_keys(connection: Connection, version: int, key_hashes: Sequence[bytes]) -> dict[bytes, BatchKey]:
    """The stored keys among these, by key hash."""
    rows = connection.execute(
        select(batch_keys.c.key_hash, batch_keys.c.body_hash, batch_keys.c.accepted).where(
            batch_keys.c.version == version, batch_keys.c.key_hash.in_(key_hashes)
        )
    )
    return {row.key_hash: BatchKey(*row) for row in rows}


def insert_segment(connection: Connection, segment: Segment) -> None:
    """Store a segment."""
    connection.execute(_INSERT_SEGMENT, segment._asdict())


def segments_after(connection: Connection, version: int, last_id: int) -> Iterator[tuple[int, bytes]]:
    """Id and messages of each segment of a version that came after `last_id`, in order."""
    rows = connection.execution_options(yield_per=256).execute(
        select(segments.c.id, segments.c.messages)
        .where(segments.c.version == version, segments.c.id > last_id)
        .order_by(segments.c.id)
    )
    for row in rows:
        yield row.id, row.messages
