"""Segments of messages and the batch keys that make retries count once.

Within one transaction call `lock_states` first: it makes the writers of a collection take turns, so the segment ids of a version
grow in the order of commits and a reader may remember the last one it saw.

A group of uploads is stored column by column: the 16-byte hashes of all its keys are one parameter, cut into rows by the
database. Binding each row by itself costs more than everything else that an upload needs.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from server.storage.database import BareConnection

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
    """Messages of one version, window and cohort: little-endian uint32, ascending."""

    version: int
    window_index: int
    reports: int
    messages: bytes
    cohort: int = 0


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


# Written out for the driver: most of these run for every group, and what a toolkit does around a statement costs more than running it.

_LOCKED = ", ".join(Locked._fields)
_LOCK_STATES = {
    "sqlite": f"SELECT number, {_LOCKED} FROM collections WHERE number IN (SELECT value FROM json_each(:numbers))",  # noqa: S608
    "postgresql": f"SELECT number, {_LOCKED} FROM collections WHERE number = ANY(%(numbers)s::bigint[]) "  # noqa: S608
    "ORDER BY number FOR NO KEY UPDATE",
}
_INSERT_KEYS = {
    "sqlite": "INSERT INTO batch_keys (version, key_hash, window_index, body_hash, accepted) "
    "SELECT :version, substr(:keys, 16 * key + 1, 16), :window_index, substr(:bodies, 16 * key + 1, 16), value "
    "FROM json_each(:accepted) WHERE true ON CONFLICT DO NOTHING RETURNING key_hash",
    "postgresql": "INSERT INTO batch_keys (version, key_hash, window_index, body_hash, accepted) "
    "SELECT %(version)s, substring(%(keys)s::bytea FROM 16 * place + 1 FOR 16), "
    "%(window_index)s, substring(%(bodies)s::bytea FROM 16 * place + 1 FOR 16), accepted "
    "FROM (SELECT accepted, ordinality::integer - 1 AS place "
    "FROM unnest(%(accepted)s::integer[]) WITH ORDINALITY AS listed (accepted, ordinality)) AS numbered "
    "ON CONFLICT DO NOTHING RETURNING key_hash",
}
_KNOWN_KEYS = {
    "sqlite": "SELECT key_hash, body_hash, accepted FROM batch_keys WHERE version = :version AND key_hash IN "
    "(SELECT substr(:keys, 16 * key + 1, 16) FROM json_each(:places))",
    "postgresql": "SELECT key_hash, body_hash, accepted FROM batch_keys WHERE version = %(version)s AND key_hash IN "
    "(SELECT substring(%(keys)s::bytea FROM 16 * place + 1 FOR 16) FROM unnest(%(places)s::integer[]) AS listed (place))",
}
_SPEC_DIGESTS = {
    "sqlite": "SELECT number, spec_digest FROM versions WHERE number IN (SELECT value FROM json_each(:numbers))",
    "postgresql": "SELECT number, spec_digest FROM versions WHERE number = ANY(%(numbers)s::bigint[])",
}
_INSERT_SEGMENT = {
    "sqlite": "INSERT INTO segments (version, window_index, reports, messages, cohort) VALUES (?, ?, ?, ?, ?)",
    "postgresql": "INSERT INTO segments (version, window_index, reports, messages, cohort) VALUES (%s, %s, %s, %s, %s)",
}


def _array(connection: BareConnection, numbers: Iterable[int]) -> str:
    """Integers as one text parameter: a JSON list for SQLite, an array literal for PostgreSQL."""
    listed = ",".join(map(str, numbers))
    return f"[{listed}]" if connection.dialect == "sqlite" else f"{{{listed}}}"


def lock_states(connection: BareConnection, numbers: Sequence[int]) -> dict[int, Locked]:
    """Lock collections, in one order so that none deadlocks. All that decides is in their own rows: PostgreSQL reads those
    anew when it had to wait, and only those."""
    rows = connection.execute(_LOCK_STATES[connection.dialect], {"numbers": _array(connection, numbers)})
    return {number: Locked(*rest) for number, *rest in rows}


def spec_digests(connection: BareConnection, version_numbers: Sequence[int]) -> dict[int, str]:
    """The digest of the spec of each of these versions."""
    rows = connection.execute(_SPEC_DIGESTS[connection.dialect], {"numbers": _array(connection, version_numbers)})
    return dict(rows)


def insert_keys(connection: BareConnection, version: int, window_index: int, keys: Sequence[BatchKey]) -> set[bytes]:
    """Store the keys that are new, whoever else is storing them. window_index: the one that the uploads name. Returns the key hashes that were."""
    ordered = sorted(keys)  # in one order: no deadlock, and no trace of arrival
    columns = {
        "version": version,
        "window_index": window_index,
        "keys": b"".join([key.key_hash for key in ordered]),
        "bodies": b"".join([key.body_hash for key in ordered]),
        "accepted": _array(connection, [key.accepted for key in ordered]),
    }
    return {key_hash for (key_hash,) in connection.execute(_INSERT_KEYS[connection.dialect], columns)}


def known_keys(connection: BareConnection, version: int, key_hashes: Sequence[bytes]) -> dict[bytes, BatchKey]:
    """The stored keys among these, by key hash."""
    columns = {
        "version": version,
        "keys": b"".join(key_hashes),
        "places": _array(connection, range(len(key_hashes))),
    }
    rows = connection.execute(_KNOWN_KEYS[connection.dialect], columns)
    return {key_hash: BatchKey(key_hash, *rest) for key_hash, *rest in rows}


def insert_segment(connection: BareConnection, segment: Segment) -> None:
    """Store a segment."""
    connection.execute(_INSERT_SEGMENT[connection.dialect], tuple(segment))
