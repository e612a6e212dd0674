"""What a database really holds, read past the service."""

from collections import Counter

import numpy as np
from sqlalchemy import select

from server.storage.database import Database
from server.storage.tables import batch_keys, segments


def stored_messages(url: str) -> Counter[int]:
    """How often each message is stored, over all versions."""
    database = Database(url)
    try:
        with database.read() as connection:
            packed = connection.execute(select(segments.c.messages)).scalars().all()
    finally:
        database.dispose()
    return Counter(np.frombuffer(b"".join(packed), dtype="<u4").tolist())


def stored_keys(url: str) -> int:
    """The number of batch keys."""
    database = Database(url)
    try:
        with database.read() as connection:
            return len(connection.execute(select(batch_keys.c.key_hash)).all())
    finally:
        database.dispose()
