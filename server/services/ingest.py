"""What one transaction does with a group of uploads: count the new ones, recognise the rest."""

from collections.abc import Sequence

import numpy as np

from server.refusals import (
    BatchKeyReused,
    CollectionClosed,
    CollectionNotOpen,
    CollectionPaused,
    DatabaseUnavailable,
    Refusal,
    UnknownCollection,
)
from server.services.writer import Outcome, Receipt, Upload
from server.storage import reports as rows
from server.storage.database import Connection, Database
from server.storage.reports import BatchKey, Segment

__all__ = ["pack_segment", "record_group"]

_Place = tuple[int, int, int]
"""Version number, window index and cohort: what a segment is for."""


def record_group(database: Database, uploads: Sequence[Upload]) -> list[Outcome]:
    """Store a group in one transaction; it is durable when this returns.

    A key that was counted before is answered again if its body is the same, whatever the state of the collection is by now;
    a new key is counted only while the collection is open and the window takes reports.
    """
    with database.write() as connection:
        states = rows.lock_states(connection, sorted({upload.collection for upload in uploads}))
        first: dict[tuple[int, bytes], Upload] = {}
        for upload in uploads:
            first.setdefault((upload.version, upload.key_hash), upload)
        counted = _count_new(
            connection, [u for u in first.values() if states.get(u.collection) == "open" and u.refusal is None]
        )
        known = _known(connection, [u for key, u in first.items() if key not in counted])
    return [_outcome(upload, counted, known, states) for upload in uploads]


def _count_new(connection: Connection, uploads: Sequence[Upload]) -> dict[tuple[int, bytes], Upload]:
    """Store the uploads whose keys are new, and return those."""
    places: dict[_Place, dict[bytes, Upload]] = {}
    for upload in uploads:
        places.setdefault((upload.version, upload.window_index, upload.cohort), {})[upload.key_hash] = upload
    counted = {}
    for (version, window, cohort), by_key in sorted(places.items()):
        keys = [BatchKey(upload.key_hash, upload.body_hash, upload.reports) for upload in by_key.values()]
        new = [by_key[key] for key in rows.insert_keys(connection, version, window, keys)]
        if new:
            rows.insert_segment(connection, pack_segment(version, window, new, cohort))
        counted.update({(version, upload.key_hash): upload for upload in new})
    return counted


def _known(connection: Connection, uploads: Sequence[Upload]) -> dict[tuple[int, bytes], BatchKey]:
    """What is stored of the keys of these uploads."""
    versions: dict[int, list[bytes]] = {}
    for upload in uploads:
        versions.setdefault(upload.version, []).append(upload.key_hash)
    return {
        (version, key_hash): key
        for version, key_hashes in versions.items()
        for key_hash, key in rows.known_keys(connection, version, key_hashes).items()
    }


def pack_segment(version: int, window_index: int, uploads: Sequence[Upload], cohort: int = 0) -> Segment:
    """The messages of uploads in value order: nothing of the order of arrival is left, not even within an upload."""
    messages = np.sort(np.frombuffer(b"".join([upload.messages for upload in uploads]), dtype="<u4"))
    return Segment(version, window_index, len(messages), messages.tobytes(), cohort)


def _outcome(
    upload: Upload,
    counted: dict[tuple[int, bytes], Upload],
    known: dict[tuple[int, bytes], BatchKey],
    states: dict[int, str],
) -> Outcome:
    key = (upload.version, upload.key_hash)
    new = counted.get(key)
    if new is upload:
        return Receipt(upload.reports, replayed=False)
    stored = known.get(key) if new is None else BatchKey(new.key_hash, new.body_hash, new.reports)
    if stored is None:
        state = states.get(upload.collection)
        return upload.refusal if upload.refusal is not None and state == "open" else _refused(state)
    if stored.body_hash != upload.body_hash:
        return BatchKeyReused(
            "this batch key was used before with another body; make a new key for every new batch and never change a sent one"
        )
    return Receipt(stored.accepted, replayed=True)


def _refused(state: str | None) -> Refusal:
    match state:
        case "draft":
            return CollectionNotOpen("this collection is not open yet; send the batch again once it is", state=state)
        case "paused":
            return CollectionPaused("this collection is paused; keep the batch and send it again later", state=state)
        case "closed":
            return CollectionClosed("this collection is closed; drop the batch and stop reporting to it", state=state)
        case "open":  # its key was there a moment ago and is gone: stored by nobody, so nothing was counted
            return DatabaseUnavailable("the batch was not stored; send it again, unchanged")
        case _:
            return UnknownCollection("no such collection here; check its id")
