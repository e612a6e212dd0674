"""Forgetting in small transactions, so that uploads never wait long: batch keys that can do no more good, deleted collections.

A key is forgotten only after the mark `closed_before` of its collection has passed the window that it names, and the mark is
committed first, alone. From then on no transaction counts a new key that names such a window. So a late replay of a
forgotten key is refused; it is never counted again, whatever the clock says.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from server.clock import Clock
from server.services.lifecycle import closed_until
from server.services.specs import intake_terms
from server.storage import purge as rows
from server.storage.database import Database
from server.storage.purge import EVERYTHING, Keeping

__all__ = ["Purged", "Retention"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Purged:
    """keys: batch keys that were forgotten · rows: of deleted collections that were removed."""

    keys: int = 0
    rows: int = 0


class Retention:
    """The purge.

    retry_horizon: seconds for which the keys of a window outlive it beyond its collection's retention · rows: that one
    transaction looks at · stopping: asked between transactions; what is left is done next time.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        retry_horizon: int,
        rows: int,
        stopping: Callable[[], bool] = lambda: False,
    ) -> None:
        self._database = database
        self._clock = clock
        self._retry_horizon = retry_horizon
        self._rows = rows
        self._stopping = stopping

    def purge(self) -> Purged:
        """Forget all that may be forgotten now."""
        keys = self.purge_keys()
        return Purged(keys, self.purge_deleted())

    def purge_keys(self) -> int:
        """Forget the keys of windows that are over for good. Returns how many."""
        with self._database.read() as connection:
            kept = rows.kept_collections(connection)
        return sum(self._purge_collection(one) for one in kept)

    def _purge_collection(self, kept: Keeping) -> int:
        with self._database.read() as connection:
            specs = rows.version_specs(connection, kept.number)
        lasts = {version: intake_terms(spec).window_seconds for version, spec in specs.items()}
        now = self._clock.now()
        # only what is written down as closed can never count again; that a moment to close has come does not suffice
        over = (
            kept.state == "closed"
            and kept.closes is not None
            and kept.closes + kept.retention + self._retry_horizon <= now
        )
        ends = [closed_until(seconds, kept.retention, self._retry_horizon, now) for seconds in lasts.values()]
        wanted = EVERYTHING if over else max(ends, default=0)
        if wanted <= kept.purged_before:
            return 0
        with self._database.write() as connection:
            mark = rows.raise_mark(connection, kept.number, wanted)
        deleted = 0
        for version, seconds in lasts.items():
            last_window = None if mark >= EVERYTHING else mark // seconds - 1
            forgotten = self._purge_version(version, last_window)
            if forgotten is None:
                return deleted
            deleted += forgotten
        with self._database.write() as connection:
            rows.finish_purge(connection, kept.number, mark)
        return deleted

    def _purge_version(self, version: int, last_window: int | None) -> int | None:
        """Walk the keys of a version once. Returns how many were forgotten, None when it was told to stop."""
        deleted, place = 0, b""
        while not self._stopping():
            with self._database.write() as connection:
                some, after = rows.purge_keys(connection, version, place, last_window, self._rows)
            deleted += some
            if after is None:
                return deleted
            place = after
        return None

    def purge_deleted(self) -> int:
        """Remove what is left of deleted collections. Returns how many rows. Several processes may do so at once."""
        with self._database.read() as connection:
            running = rows.running_operations(connection)
        return sum(self._remove(*one) for one in running)

    def _remove(self, operation_id: str, collection: int, total: int | None) -> int:
        if total is None:
            with self._database.write() as connection:
                rows.start_operation(connection, operation_id, rows.count_contents(connection, collection))
        removed = 0
        while not self._stopping():
            with self._database.write() as connection:
                some = rows.delete_contents(connection, collection, max(1, self._rows // 10))
                if some:
                    rows.advance_operation(connection, operation_id, some)
                else:
                    rows.finish_operation(connection, operation_id)
            removed += some
            if not some:
                _log.info("a deleted collection is gone: %d rows", removed)
                break
        return removed
