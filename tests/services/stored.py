"""What a database really holds, read past the service."""

from collections import Counter

import numpy as np
from sqlalchemy import select

from server.services.count_vectors import unpack_counts
from server.storage.database import Database
from server.storage.tables import batch_keys, segments, tallies


def stored_messages(url: str) -> Counter[int]:
    """How often each message waits in a segment, over all versions."""
    database = Database(url)
    try:
        with database.read() as connection:
            packed = connection.execute(select(segments.c.messages)).scalars().all()
    finally:
        database.dispose()
    return Counter(np.frombuffer(b"".join(packed), dtype="<u4").tolist())


def counted_messages(url: str, report_space: int) -> Counter[int]:
    """How often each message is counted, in a checkpoint or a segment; of a mechanism whose tally counts messages."""
    database = Database(url)
    try:
        with database.snapshot() as connection:
            packed = connection.execute(select(segments.c.messages)).scalars().all()
            checkpoints = connection.execute(select(tallies.c.counts)).scalars().all()
    finally:
        database.dispose()
    counts = np.bincount(np.frombuffer(b"".join(packed), dtype="<u4"), minlength=report_space)
    counts = sum((unpack_counts(folded, report_space) for folded in checkpoints), counts)
    used = np.flatnonzero(counts)
    return Counter(dict(zip(used.tolist(), counts[used].tolist(), strict=True)))


def stored_keys(url: str) -> int:
    """The number of batch keys."""
    database = Database(url)
    try:
        with database.read() as connection:
            return len(connection.execute(select(batch_keys.c.key_hash)).all())
    finally:
        database.dispose()
