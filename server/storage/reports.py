"""Segments of messages and the batch keys that make retries count once.

Within one transaction call `lock_states` first: it makes the writers of a collection take turns, so the segment ids of a version
grow in the order of commits and a reader may remember the last one it saw.

A group of uploads is stored column by column: the 16-byte hashes of all its keys are one parameter, cut into rows by the
database. Binding each row by itself costs more than everything else that an upload needs.
"""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, insert, select, text

from server.storage.tables import batch_keys, collections, segments

__all__ = [
    "HASH_BYTES",
    "BatchKey",
    "Segment",
    "insert_keys",
    "insert_segment",
    "known_keys",
    "lock_states",
]

HASH_BYTES = 16


class BatchKey(NamedTuple):
    """An upload that was counted. key_hash, body_hash: 16 bytes each · accepted: its number of reports."""

    key_hash: bytes
    body_hash: bytes
    accepted: int


class Segment(NamedTuple):
    """Messages of one version, window and cohort: little-endian uint32, ascending."""

    version: int
    window_index: int
    reports: int
    messages: bytes
    cohort: int = 0


_LOCK_STATES = (
    select(collections.c.number, collections.c.state)
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


def lock_states(connection: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """The states of collections, which stay as they are until this transaction ends; locked in one order, so none deadlocks."""
    return {number: state for number, state in connection.execute(_LOCK_STATES, {"numbers": numbers})}  # noqa: C416


def insert_keys(connection: Connection, version: int, window_index: int, keys: Sequence[BatchKey]) -> set[bytes]:
    """Store the keys that are new, whoever else is storing them. Returns the key hashes that were."""
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
