"""How far housekeeping is behind: the oldest window of which segments or batch keys are left, for each version."""

from typing import NamedTuple

from sqlalchemy import func, select

from server.storage.database import Database
from server.storage.reports import NO_WINDOW
from server.storage.tables import batch_keys, segments, versions

__all__ = ["OldestWindows", "oldest_windows"]

_SEGMENT = (
    select(segments.c.window_index)
    .where(segments.c.version == versions.c.number)
    .order_by(segments.c.id)
    .limit(1)
    .scalar_subquery()
)
_KEY = (  # a key whose upload named no window is kept for good and has no age
    select(func.min(batch_keys.c.window_index))
    .where(batch_keys.c.version == versions.c.number, batch_keys.c.window_index > NO_WINDOW)
    .scalar_subquery()
)


class OldestWindows(NamedTuple):
    """Of one version: its spec, and the indices of the oldest windows, None where nothing is left."""

    spec: bytes
    segment: int | None
    key: int | None


def oldest_windows(database: Database) -> list[OldestWindows]:
    """One entry for each version that has anything left."""
    with database.read() as connection:
        rows = connection.execute(select(versions.c.spec, _SEGMENT.label("segment"), _KEY.label("key")))
        return [OldestWindows(*row) for row in rows if row.segment is not None or row.key is not None]
