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
from server.storage.database import Database
from server.storage.reports import BatchKey, KeyId, Segment

__all__ = ["pack_segments", "record_group"]


def record_group(database: Database, uploads: Sequence[Upload]) -> list[Outcome]:
    """Store a group in one transaction; it is durable when this returns.

    A key that was counted before is answered again if its body is the same, whatever the state of the collection is by now;
    a new key is counted only while the collection is open.
    """
    with database.write() as connection:
        states = rows.lock_states(connection, sorted({upload.collection for upload in uploads}))
        first: dict[KeyId, Upload] = {}
        for upload in uploads:
            first.setdefault((upload.version, upload.key_hash), upload)
        wanted = {key: upload for key, upload in first.items() if states.get(upload.collection) == "open"}
        counted = rows.insert_keys(connection, [_key(upload) for upload in wanted.values()]) if wanted else set()
        others = [key for key in first if key not in counted]
        known = rows.known_keys(connection, others) if others else {}
        if counted:
            rows.insert_segments(connection, pack_segments([wanted[key] for key in counted]))
    known |= {key: _key(wanted[key]) for key in counted}
    return [_outcome(upload, first, counted, known, states) for upload in uploads]


def pack_segments(uploads: Sequence[Upload]) -> list[Segment]:
    """One segment for each version and window, its messages in value order: nothing of the order of arrival is left."""
    gathered: dict[tuple[int, int], list[bytes]] = {}
    for upload in uploads:
        gathered.setdefault((upload.version, upload.window_index), []).append(upload.messages)
    segments = []
    for (version, window), parts in sorted(gathered.items()):
        messages = np.sort(np.frombuffer(b"".join(parts), dtype="<u4"))
        segments.append(Segment(version, window, len(messages), messages.tobytes()))
    return segments


def _key(upload: Upload) -> BatchKey:
    return BatchKey(upload.version, upload.key_hash, upload.window_index, upload.body_hash, upload.reports)


def _outcome(
    upload: Upload,
    first: dict[KeyId, Upload],
    counted: set[KeyId],
    known: dict[KeyId, BatchKey],
    states: dict[int, str],
) -> Outcome:
    key = (upload.version, upload.key_hash)
    stored = known.get(key)
    if stored is None:
        return _refused(states.get(upload.collection))
    if stored.body_hash != upload.body_hash:
        return BatchKeyReused(
            "this batch key was used before with another body; make a new key for every new batch and never change a sent one"
        )
    return Receipt(stored.accepted, replayed=not (key in counted and first[key] is upload))


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
