"""Folding: segments become counts, and are deleted in the transaction that stores the counts.

Counting is done outside of the transaction, which then only exchanges the checkpoint, if it is still the one that was read, and
deletes exactly the segments that were counted. So it is short, and of two who fold the same cell one wins and the other begins
again: every report is in the checkpoint or in a segment, never in both, whoever is killed when. A collection that is deleted in
between is left to its deletion.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from server.refusals import DatabaseUnavailable
from server.services.count_vectors import pack_counts, unpack_counts
from server.services.specs import counter_of, intake_terms
from server.storage import tallies as rows
from server.storage.database import Database
from server.storage.tallies import Cell, Checkpoint, Pending

__all__ = ["Folded", "Folder", "Folding"]

_SEGMENTS = 1_000
"""A cell of more segments is folded even if they hold few reports: each costs a row."""
_REPORTS_AT_ONCE = 1 << 23
_MOST_AT_ONCE = 1 << 25
_TRIES = 20

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Folded:
    """What was folded: segments retired, the reports in them, and the cells (version, window, cohort) they belong to."""

    cells: int = 0
    segments: int = 0
    reports: int = 0

    def __add__(self, other: "Folded") -> "Folded":
        return Folded(self.cells + other.cells, self.segments + other.segments, self.reports + other.reports)


class _Overtaken(Exception):  # noqa: N818 - not an error: somebody else folded the cell, the transaction is undone
    pass


class Folder:
    """Folds cells.

    reports: a cell of so many waiting reports is due; so is one whose window is over · clock: seconds since 1970.
    """

    def __init__(self, database: Database, *, reports: int, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._reports = reports
        self._clock = clock

    def fold_due(self) -> Folded:
        """Fold the cells that are worth it now. Raises DatabaseUnavailable."""
        return self._fold(self._is_due)

    def fold_all(self) -> Folded:
        """Fold every segment there is. Raises DatabaseUnavailable."""
        return self._fold(lambda _pending: True)

    def _fold(self, wanted: Callable[[Pending], bool]) -> Folded:
        with self._database.read() as connection:
            pending = rows.pending_cells(connection)
        return sum((self._fold_cell(entry) for entry in pending if wanted(entry)), Folded())

    def _is_due(self, pending: Pending) -> bool:
        current = int(self._clock()) // intake_terms(pending.spec).window_seconds
        over = pending.cell.window_index < current - 1  # the previous one may still take batches
        return over or pending.reports >= self._reports or pending.segments >= _SEGMENTS

    def _fold_cell(self, pending: Pending) -> Folded:
        """Fold the segments that the cell had when it was looked at, a part at a time."""
        done, overtaken = Folded(), 0
        while done.reports < pending.reports and overtaken < _TRIES:
            try:
                part = self._fold_part(pending.cell, pending.spec)
            except _Overtaken:
                overtaken += 1
                continue
            if part is None:
                break
            done += part
        return Folded(1, done.segments, done.reports) if done.segments else done

    def _fold_part(self, cell: Cell, spec: bytes) -> Folded | None:
        counter = counter_of(spec)
        most = min(max(_REPORTS_AT_ONCE, 2 * counter.tally_size), _MOST_AT_ONCE)
        with self._database.snapshot() as connection:
            before = rows.find_checkpoint(connection, cell)
            ids, messages = rows.segments_of(connection, cell, most)
        if not ids:
            return None
        tally = counter.tally(np.frombuffer(b"".join(messages), dtype="<u4"))
        counts, reports = tally.counts, tally.n
        if before is not None:
            counts = counts + unpack_counts(before.counts, counter.tally_size)
            reports += before.reports
        after = Checkpoint(reports, ids[-1], pack_counts(counts))
        with self._database.write() as connection:
            if not rows.keep_version(connection, cell.version):
                return None
            previous = None if before is None else before.last_segment
            if not rows.store_checkpoint(connection, cell, after, previous):
                raise _Overtaken
            retired = rows.retire_segments(connection, cell, ids[-1])
            if retired != len(ids):
                raise _Overtaken
        return Folded(1, len(ids), tally.n)


class Folding:
    """Folds in the background: a thread that looks every `seconds` at what is due."""

    def __init__(self, folder: Folder, *, seconds: float) -> None:
        self._folder = folder
        self._seconds = seconds
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; with an interval of 0 there is none."""
        if self._seconds > 0:
            self._thread = threading.Thread(target=self._run, name="fano-folding", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread; a fold that runs is finished first."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._seconds):
            try:
                folded = self._folder.fold_due()
            except DatabaseUnavailable as refusal:
                _log.warning("nothing was folded: %s", refusal.detail)
            except Exception:  # the segments are as they were; the next round may succeed, and uploads must go on
                _log.exception("folding failed")
            else:
                if folded.segments:
                    _log.info("folded %d reports of %d segments", folded.reports, folded.segments)
