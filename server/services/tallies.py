"""Counts of messages, kept up to date by adding the segments that came since."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from ldp_core.mechanisms import Tally
from ldp_core.types import Counts
from server.storage.database import Database
from server.storage.reports import segments_after

__all__ = ["Tallies", "counts_digest"]

_REMEMBERED = 16


@dataclass
class _Running:
    last_id: int
    counts: Counts


class Tallies:
    """The tally of each version. Not safe for threads: one thread at a time may use it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._running: OrderedDict[int, _Running] = OrderedDict()

    def current(self, version: int, report_space: int) -> Tally:
        """The tally of everything acknowledged before this call. Its array is the caller's own."""
        running = self._running.pop(version, None) or _Running(0, np.zeros(report_space, dtype=np.int64))
        with self._database.read() as connection:
            for segment_id, messages in segments_after(connection, version, running.last_id):
                np.add.at(running.counts, np.frombuffer(messages, dtype="<u4"), 1)
                running.last_id = segment_id
        self._running[version] = running
        while len(self._running) > _REMEMBERED:
            self._running.popitem(last=False)
        return Tally(running.counts.copy())


def counts_digest(tally: Tally) -> str:
    """SHA-256 of the counts as little-endian int64, 64 hex digits: equal for equal histograms, wherever they were counted."""
    return hashlib.sha256(tally.counts.astype("<i8", copy=False).tobytes()).hexdigest()
