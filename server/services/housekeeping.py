"""What the service does by itself, in one thread: open and close collections when it is due, forget what may be forgotten.

Every process may run one; each step is a transaction that does nothing when another process has done it.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from server.clock import Clock
from server.refusals import DatabaseUnavailable
from server.services.changes import Changes
from server.services.retention import Retention
from server.storage.database import Database

__all__ = ["Housekeeping"]

_DAY = 86_400
_STOP_SECONDS = 10

_log = logging.getLogger(__name__)


class Housekeeping:
    """The background work.

    retry_horizon_days, rows: see `Retention` · at_most: seconds between two rounds · also: done in each round, last.
    """

    def __init__(
        self,
        database: Database,
        changes: Changes,
        clock: Clock,
        *,
        retry_horizon_days: int,
        rows: int,
        at_most: float,
        also: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._also = also
        self._changes = changes
        self._clock = clock
        self._at_most = at_most
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.retention = Retention(
            database, clock, retry_horizon=retry_horizon_days * _DAY, rows=rows, stopping=self._stopping.is_set
        )

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="fano-housekeeping", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look now: there is something new to do, or another moment to wait for."""
        self._wake.set()

    def close(self) -> None:
        """End the thread after the transaction it is in. What is left is done after the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            begun = self._clock.now()
            pause = self._round()
            # from the beginning of the round, which may have missed what came due while it ran; a clock that steps back changes nothing
            self._clock.wait(self._wake, min(pause, begun + pause - self._clock.now()))

    def _round(self) -> float:
        """One round. Returns the seconds until the next; whatever went wrong, there is a next."""
        try:
            self._changes.write_down_due()
            self.retention.purge()
            for work in self._also:
                work()
            next_due = self._changes.seconds_to_next()
        except DatabaseUnavailable as refusal:
            _log.warning("the background work waits: %s", refusal.detail)
            return self._at_most
        except Exception:
            _log.exception("the background work failed and will be tried again")
            return self._at_most
        return self._at_most if next_due is None else min(self._at_most, next_due)
