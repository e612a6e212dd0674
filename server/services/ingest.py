"""What one transaction does with a group of uploads: count the new ones, recognise the rest."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from server.refusals import (
    BatchKeyReused,
    CollectionClosed,
    CollectionNotOpen,
    CollectionPaused,
    DatabaseUnavailable,
    Refusal,
    SpecMismatch,
    UnknownCollection,
    WindowClosed,
)
from server.services.lifecycle import effective_state, unknown_collection, window_is_closed
from server.services.writer import Outcome, Receipt, Upload
from server.storage import reports as rows
from server.storage.database import BareConnection, Database
from server.storage.reports import BatchKey, Locked, Segment

__all__ = ["pack_segment", "record_group", "refused"]

_Place = tuple[int, int, int]
"""Version number, window index and cohort: what a segment is for."""


def record_group(database: Database, uploads: Sequence[Upload], now: Callable[[], float] = time.time) -> list[Outcome]:
    """Store a group in one transaction; it is durable when this returns.

    A key that was counted before is answered again if its body is the same, whatever the state of the collection is by now;
    a new key is counted only while the collection is open, its version current and the window it names not over for good.
    now: seconds since 1970, asked once the collections are locked.
    """
    with database.write_bare() as connection:
        locked = rows.lock_states(connection, sorted({upload.collection for upload in uploads}))
        refused = _refusals(connection, uploads, locked, now())
        first: dict[tuple[int, bytes], Upload] = {}
        for upload in sorted(
            uploads, key=lambda one: id(one) in refused
        ):  # of one key, one that may count if there is any
            first.setdefault((upload.version, upload.key_hash), upload)
        counted = _count_new(connection, [u for u in first.values() if id(u) not in refused])
        known = _known(connection, [u for key, u in first.items() if key not in counted])
    return [_outcome(upload, counted, known, refused.get(id(upload))) for upload in uploads]


def _refusals(
    connection: BareConnection, uploads: Sequence[Upload], locked: Mapping[int, Locked], now: float
) -> dict[int, Refusal]:
    """Why an upload would not be counted if its key is new, by the identity of the upload."""
    found = {
        id(upload): refusal for upload in uploads if (refusal := refused(upload, locked.get(upload.collection), now))
    }
    mismatched = [refusal for refusal in found.values() if isinstance(refusal, SpecMismatch)]
    if mismatched:
        digests = rows.spec_digests(connection, [refusal.extras["spec_digest"] for refusal in mismatched])
        for refusal in mismatched:
            refusal.extras["spec_digest"] = digests[refusal.extras["spec_digest"]]
    return found


def _count_new(connection: BareConnection, uploads: Sequence[Upload]) -> dict[tuple[int, bytes], Upload]:
    """Store the uploads whose keys are new, and return those."""
    places: dict[_Place, dict[bytes, Upload]] = {}
    for upload in uploads:
        places.setdefault((upload.version, upload.window_index, upload.cohort), {})[upload.key_hash] = upload
    counted = {}
    for (version, window, cohort), by_key in sorted(places.items()):
        new = [by_key[key] for key in _insert_keys(connection, version, by_key.values())]
        if new:
            rows.insert_segment(connection, pack_segment(version, window, new, cohort))
        counted.update({(version, upload.key_hash): upload for upload in new})
    return counted


def _insert_keys(connection: BareConnection, version: int, uploads: Iterable[Upload]) -> set[bytes]:
    """Store the keys that are new under the windows that their uploads name. Returns the key hashes that were."""
    named: dict[int, list[BatchKey]] = {}
    for upload in uploads:
        named.setdefault(upload.named_window, []).append(BatchKey(upload.key_hash, upload.body_hash, upload.reports))
    new: set[bytes] = set()
    for window, keys in sorted(named.items()):
        new |= rows.insert_keys(connection, version, window, keys)
    return new


def _known(connection: BareConnection, uploads: Sequence[Upload]) -> dict[tuple[int, bytes], BatchKey]:
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
    messages = np.frombuffer(bytearray().join([upload.messages for upload in uploads]), dtype="<u4")
    messages.sort()
    return Segment(version, window_index, len(messages), messages.tobytes(), cohort)


def _outcome(
    upload: Upload,
    counted: dict[tuple[int, bytes], Upload],
    known: dict[tuple[int, bytes], BatchKey],
    refusal: Refusal | None,
) -> Outcome:
    if isinstance(refusal, UnknownCollection):
        return refusal
    key = (upload.version, upload.key_hash)
    new = counted.get(key)
    if new is upload:
        return Receipt(upload.reports, replayed=False)
    stored = known.get(key) if new is None else BatchKey(new.key_hash, new.body_hash, new.reports)
    if stored is None:
        # without a refusal its key was there a moment ago and is gone: stored by nobody, so nothing was counted
        return refusal or DatabaseUnavailable("the batch was not stored; send it again, unchanged")
    if stored.body_hash != upload.body_hash:
        return BatchKeyReused(
            "this batch key was used before with another body; make a new key for every new batch and never change a sent one"
        )
    return Receipt(stored.accepted, replayed=True)


def refused(upload: Upload, locked: Locked | None, now: float) -> Refusal | None:
    """Why an upload with a new key is not counted at this moment, or None when it is.

    A SpecMismatch carries the number of the current version in place of its digest.
    """
    if locked is None or locked.deleted:
        return unknown_collection()
    state = effective_state(locked.state, locked.opens, locked.closes, now)
    if state == "draft":
        return CollectionNotOpen("this collection is not open yet; send the batch again once it is", state=state)
    if state == "paused":
        return CollectionPaused("this collection is paused; keep the batch and send it again later", state=state)
    if state == "closed":
        return CollectionClosed("this collection is closed; drop the batch and stop reporting to it", state=state)
    if window_is_closed(upload.named_window, upload.window_seconds, locked.retention, locked.closed_before, now):
        return WindowClosed(
            f"window {upload.named_window} is over for good; drop this batch: if it was counted before, it still counts, once",
            window=upload.named_window,
        )
    if (
        upload.version != locked.current
    ):  # asked last: whoever hears it may make new reports, which a late replay must not
        return SpecMismatch(
            "these reports were made under an earlier version; fetch the current spec and make new reports under it",
            spec_digest=locked.current,
        )
    return None
