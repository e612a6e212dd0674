"""The ages of what housekeeping has not yet folded or purged, read seldom enough to cost nothing."""

import threading
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from server.services.specs import intake_terms
from server.storage.backlog import oldest_windows
from server.storage.database import Database

__all__ = ["Ages", "Backlog"]

_READ_EVERY_SECONDS = 60.0
_SHARE_OF_TIME = 0.02


class Ages(NamedTuple):
    """Seconds since the start of the oldest window with segments, and with batch keys; 0 for none."""

    segment_seconds: float
    key_seconds: float


class Backlog:
    """Remembers the ages between readings: at most one a minute, and at most 2 % of the time is spent reading.

    clock: seconds since 1970.
    """

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._next = 0.0
        self._ages = Ages(0.0, 0.0)

    def ages(self) -> Ages:
        """The ages as last read. Raises DatabaseUnavailable when it is time to read and the database does not answer."""
        with self._lock:
            start = time.monotonic()
            if start >= self._next:
                self._ages = self._read()
                took = time.monotonic() - start
                self._next = start + max(_READ_EVERY_SECONDS, took / _SHARE_OF_TIME)
            return self._ages

    def _read(self) -> Ages:
        now = self._clock()
        found = [(intake_terms(entry.spec).window_seconds, entry) for entry in oldest_windows(self._database)]
        return Ages(
            _oldest(now, (seconds * entry.segment for seconds, entry in found if entry.segment is not None)),
            _oldest(now, (seconds * entry.key for seconds, entry in found if entry.key is not None)),
        )


def _oldest(now: float, starts: Iterable[float]) -> float:
    return max((max(0.0, now - start) for start in starts), default=0.0)
