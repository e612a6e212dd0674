"""Copying SQLite's write-ahead log into the database beside the commits, and not within one of them.

Left to itself SQLite does so in whichever commit makes the log long enough, and everybody who uploads then waits for it. A passive checkpoint
takes no lock that a commit wants, so a thread of its own does it early. Under steady load something is always left to copy,
and the log starts anew only after a commit that copies the rest: `database` sets how long it may become by then.
"""

import logging
import threading

from server.refusals import DatabaseUnavailable
from server.storage.database import Database

__all__ = ["Checkpoints"]

_DUE_PAGES = 4_000
_PAGE_BYTES = 4_096

_log = logging.getLogger(__name__)


class Checkpoints:
    """A thread that checkpoints. On PostgreSQL there is none: the server does it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._pages = 0
        self._due = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        if self._database.is_sqlite:
            self._thread = threading.Thread(target=self._run, name="fano-checkpoints", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread, after what it is at."""
        self._closing = True
        self._due.set()
        if self._thread is not None:
            self._thread.join()

    def written(self, rows: int, size: int) -> None:
        """Told of a commit: rows of batch keys, each of which touches a page, and bytes of messages. Belongs to one thread."""
        self._pages += rows + size // _PAGE_BYTES
        if self._pages >= _DUE_PAGES:
            self._pages = 0
            self._due.set()

    def _run(self) -> None:
        while self._due.wait() and not self._closing:
            self._due.clear()
            try:
                self._database.checkpoint()
            except DatabaseUnavailable:
                _log.warning("the write-ahead log was not copied; a commit will do it later")
