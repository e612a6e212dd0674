"""Counts of messages: checkpoints and the segments since, kept up to date by adding what came after the last look."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from ldp_core.mechanisms import Tally
from ldp_core.types import Counts
from server.services.count_vectors import unpack_counts
from server.services.lifecycle import unknown_collection
from server.services.specs import Counter
from server.storage import tallies as rows
from server.storage.database import Connection, Database
from server.storage.tallies import ALL_REPORTS, Selection

__all__ = ["Tallies", "counts_digest"]

_REMEMBERED = 16
_COUNTED_AT_ONCE = 1 << 20
"""Messages gathered from segments before they are counted, and as many as there are counters if that is more: one pass over a count vector
serves many small segments. Much more costs time too, since every larger array is new memory."""


@dataclass
class _Running:
    """What was counted: everything selected up to segment `last_id`, in a checkpoint or not."""

    counts: Counts
    n: int = 0
    last_id: int = 0

    def add(self, tally: Tally) -> None:
        self.counts += tally.counts
        self.n += tally.n


class Tallies:
    """The tally of each version, or of some of its windows and cohorts. One thread at a time may use it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._running: OrderedDict[tuple[int, Selection], _Running] = OrderedDict()

    def current(
        self, version: int, counter: Counter, selection: Selection = ALL_REPORTS, *, remember: bool = True
    ) -> Tally:
        """The tally of everything selected that was acknowledged before this call.

        Raises UnknownCollection once the collection is deleted: never the tally of what is left of it.
        """
        running = self._running.pop((version, selection), None)
        with self._database.snapshot() as connection:
            if not rows.is_there(connection, version):
                raise unknown_collection()
            # ids grow in the order of commits, and a checkpoint that ends after last_id may hold what we have not seen
            if running is None or rows.last_folded(connection, version, selection) > running.last_id:
                running = _from_checkpoints(connection, version, counter, selection)
                self._add_segments(connection, version, counter, selection, running, 0)
            else:
                self._add_segments(connection, version, counter, selection, running, running.last_id)
        if remember:
            self._running[version, selection] = running
        while len(self._running) > _REMEMBERED:
            self._running.popitem(last=False)
        return Tally(running.counts.copy(), running.n)

    def windows(self, version: int, selection: Selection) -> list[tuple[int, int]]:
        """The windows that hold reports, each with their number, in order. Raises UnknownCollection as `current` does."""
        with self._database.snapshot() as connection:
            if not rows.is_there(connection, version):
                raise unknown_collection()
            return rows.windows_with_reports(connection, version, selection)

    @staticmethod
    def _add_segments(
        connection: Connection,
        version: int,
        counter: Counter,
        selection: Selection,
        running: _Running,
        after: int,
    ) -> None:
        gathered: list[bytes] = []
        size, enough = 0, max(_COUNTED_AT_ONCE, counter.tally_size)
        for segment_id, messages in rows.read_segments(connection, version, selection, after):
            gathered.append(messages)
            size += len(messages) // 4
            running.last_id = max(running.last_id, segment_id)
            if size >= enough:
                running.add(_counted(counter, gathered))
                gathered, size = [], 0
        if gathered:
            running.add(_counted(counter, gathered))


def _from_checkpoints(connection: Connection, version: int, counter: Counter, selection: Selection) -> _Running:
    running = _Running(np.zeros(counter.tally_size, dtype=np.int64))
    for checkpoint in rows.read_checkpoints(connection, version, selection):
        running.counts += unpack_counts(checkpoint.counts, counter.tally_size)
        running.n += checkpoint.reports
        running.last_id = max(running.last_id, checkpoint.last_segment)
    return running


def _counted(counter: Counter, segments: list[bytes]) -> Tally:
    return counter.tally(np.frombuffer(b"".join(segments), dtype="<u4"))


def counts_digest(tally: Tally) -> str:
    """SHA-256 of n and the counts as little-endian int64, 64 hex digits: equal for equal tallies, wherever they were made."""
    content = hashlib.sha256(tally.n.to_bytes(8, "little"))
    content.update(tally.counts.astype("<i8", copy=False).data)
    return content.hexdigest()
