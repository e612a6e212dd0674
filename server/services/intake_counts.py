"""Counting uploads by collection, window and outcome: in memory first, in a file every few seconds.

It is best effort and apart from the transaction that stores reports: a killed process loses the counts of its last seconds and never
a report, and a file that cannot be written delays no upload.
"""

import logging
import threading
from collections.abc import Callable, Collection
from pathlib import Path

from server.refusals import DatabaseUnavailable
from server.storage.database import Database
from server.storage.intake_counts import (
    CountKey,
    Counts,
    add_counts,
    counted_collections,
    counts_of,
    forget_counts,
    prepare_counts,
)

__all__ = ["IntakeCounts"]

_WRITE_EVERY_SECONDS = 5.0
_MOST_KEYS = 65_536
_KEPT_WINDOWS = 1_000
_FILE = "intake-counts.sqlite3"

_log = logging.getLogger(__name__)


class IntakeCounts:
    """Outcomes of uploads. window_of: length and index of the present window of a known collection, None for an unknown one."""

    def __init__(self, folder: Path, window_of: Callable[[str], tuple[int, int] | None]) -> None:
        self._folder = folder
        self._window_of = window_of
        self._waiting: dict[CountKey, Counts] = {}
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._opening = threading.Lock()
        self._file: Database | None = None
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Write to the file from time to time."""
        self._thread = threading.Thread(target=self._run, name="fano-intake-counts", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Write what is left and close the file."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()
        if self._file is not None:
            self._file.dispose()

    def acknowledged(self, collection: str, reports: int, *, replayed: bool) -> None:
        """An upload that was answered with a receipt."""
        self._count(collection, "replayed" if replayed else "accepted", reports)

    def rejected(self, collection: str, slug: str) -> None:
        """An upload that was answered with a problem. Uploads to collections that do not exist are not kept."""
        self._count(collection, slug, 0)

    def _count(self, collection: str, outcome: str, reports: int) -> None:
        window = self._window_of(collection)
        if window is None:
            return
        key = CountKey(collection, *window, outcome)
        with self._lock:
            before = self._waiting.get(key)
            if before is not None:
                self._waiting[key] = Counts(before.uploads + 1, before.reports + reports)
            elif len(self._waiting) < _MOST_KEYS:
                self._waiting[key] = Counts(1, reports)

    def flush(self) -> None:
        """Write what was counted since the last time; what cannot be written waits for the next."""
        with self._flushing:
            with self._lock:
                taken, self._waiting = self._waiting, {}
            if not taken:
                return
            try:
                add_counts(self._opened(), taken, keep_windows=_KEPT_WINDOWS)
            except (DatabaseUnavailable, OSError):
                _log.warning("the intake counts were not written; they are tried again in a few seconds")
                with self._lock:
                    for key, counts in taken.items():
                        since = self._waiting.get(key, Counts(0, 0))
                        self._waiting[key] = Counts(counts.uploads + since.uploads, counts.reports + since.reports)

    def of(self, collection: str) -> dict[CountKey, Counts]:
        """The counts of a collection, of all processes of this machine; those of other processes are seconds old.

        Raises DatabaseUnavailable when the file cannot be read.
        """
        self.flush()
        try:
            return counts_of(self._opened(), collection)
        except OSError as error:
            raise DatabaseUnavailable("the folder of the intake counts cannot be written") from error

    def forget_deleted(self, deleted: Callable[[Collection[str]], Collection[str]]) -> int:
        """Forget the counts of deleted collections. deleted: which of these are. Returns how many rows; what cannot be written
        now waits for the next time."""
        self.flush()
        if not (self._folder / _FILE).is_file():
            return 0
        try:
            file = self._opened()
            gone = deleted(counted_collections(file))
            return forget_counts(file, gone) if gone else 0
        except (DatabaseUnavailable, OSError):
            _log.warning("the intake counts of deleted collections were not forgotten; that is tried again")
            return 0

    def _opened(self) -> Database:
        with self._opening:
            if self._file is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                file = Database(f"sqlite:///{(self._folder / _FILE).resolve()}")
                prepare_counts(file)
                self._file = file
            return self._file

    def _run(self) -> None:
        while not self._end.wait(_WRITE_EVERY_SECONDS):
            self.flush()
