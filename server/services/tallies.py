"""Counts of messages, kept up to date by adding the segments that came since."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from ldp_core.mechanisms import Mechanism, Tally
from server.storage.database import Database
from server.storage.reports import segments_after

__all__ = ["Tallies", "counts_digest"]

_REMEMBERED = 16
_COUNTED_AT_ONCE = 1 << 22
"""Messages gathered from segments before they are counted: one pass over a count vector serves many small segments."""


@dataclass
class _Running:
    last_id: int
    tally: Tally


class Tallies:
    """The tally of each version. Not safe for threads: one thread at a time may use it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._running: OrderedDict[int, _Running] = OrderedDict()

    def current(self, version: int, mechanism: Mechanism) -> Tally:
        """The tally of everything acknowledged before this call."""
        running = self._running.pop(version, None) or _Running(0, mechanism.tally([]))
        gathered: list[bytes] = []
        size = 0
        with self._database.read() as connection:
            for segment_id, messages in segments_after(connection, version, running.last_id):
                gathered.append(messages)
                size += len(messages) // 4
                running.last_id = segment_id
                if size >= _COUNTED_AT_ONCE:
                    running.tally = running.tally.merge(_counted(mechanism, gathered))
                    gathered, size = [], 0
        if gathered:
            running.tally = running.tally.merge(_counted(mechanism, gathered))
        self._running[version] = running
        while len(self._running) > _REMEMBERED:
            self._running.popitem(last=False)
        return running.tally


def _counted(mechanism: Mechanism, segments: list[bytes]) -> Tally:
    return mechanism.tally(np.frombuffer(b"".join(segments), dtype="<u4"))


def counts_digest(tally: Tally) -> str:
    """SHA-256 of n and the counts as little-endian int64, 64 hex digits: equal for equal tallies, wherever they were made."""
    content = hashlib.sha256(tally.n.to_bytes(8, "little"))
    content.update(tally.counts.astype("<i8", copy=False).data)
    return content.hexdigest()
