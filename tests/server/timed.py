"""A service on a clock that is turned by hand, batches that say when they were made, and where each of them counts."""

import secrets
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import select

from ldp_core.wire import PACKED_MEDIA_TYPE, ReportBatch
from server.clock import FakeClock
from server.services.count_vectors import unpack_counts
from server.services.retention import Retention
from server.storage.database import Database
from server.storage.tables import segments, tallies
from tests.services.collection import TestCollection
from tests.services.in_process import InProcess, settings

__all__ = ["DAY", "ENCODINGS", "HOUR", "START", "Batch", "Timed", "counted", "made"]

HOUR, DAY = 3_600, 86_400
START = 20_000 * DAY
ENCODINGS = ["json", "packed"]


@dataclass(frozen=True)
class Batch:
    """One report with what it states. window: None when it names none, which only JSON can."""

    digest: str
    message: int
    window: int | None
    key: bytes

    def send(self, service: InProcess, collection: TestCollection, encoding: str) -> Any:
        """Post it; returns what an asynchronous client returns when `service` is one."""
        headers = dict(collection.write_headers)
        if encoding == "json" or self.window is None:
            body: dict[str, Any] = {
                "spec_digest": self.digest,
                "batch_key": self.key.hex(),
                "messages": [self.message],
            }
            if self.window is not None:
                body["window"] = self.window
            return service.post(collection.reports_path, json=body, headers=headers)
        headers["Content-Type"] = PACKED_MEDIA_TYPE
        packed = ReportBatch(bytes.fromhex(self.digest[:16]), self.window, self.key, np.array([self.message]))
        return service.post(collection.reports_path, content=packed.pack(), headers=headers)


def counted(database: Database, cells: int) -> dict[tuple[int, int], Counter[int]]:
    """The messages of each version and window, in checkpoints and segments."""
    found: dict[tuple[int, int], Counter[int]] = {}
    with database.snapshot() as connection:
        for version, window, messages in connection.execute(
            select(segments.c.version, segments.c.window_index, segments.c.messages)
        ):
            found.setdefault((version, window), Counter()).update(np.frombuffer(messages, "<u4").tolist())
        for version, window, packed in connection.execute(
            select(tallies.c.version, tallies.c.window_index, tallies.c.counts)
        ):
            counts = unpack_counts(packed, cells)
            found.setdefault((version, window), Counter()).update(
                {int(message): int(counts[message]) for message in np.flatnonzero(counts)}
            )
    return found


class Timed:
    """A service whose clock is turned by hand and whose purge runs when it is told to."""

    def __init__(self, url: str, folder: Path, *, horizon: int, clock: FakeClock | None = None, **chosen: Any) -> None:
        self.clock = clock or FakeClock(START)
        # nobody asks for a job here, and the threads that would run one are a third of what a start costs
        self.service = InProcess(settings(url, data_dir=folder, fold_seconds=0, job_workers=0, **chosen), self.clock)
        self.services = self.service.app.state.services
        self.services.housekeeping.close()  # before it could begin
        self.service.__enter__()
        self.retention = Retention(self.services.database, self.clock, retry_horizon=horizon, rows=2)

    def close(self) -> None:
        self.service.__exit__()

    def at(self, moment: float) -> None:
        self.clock.turn(moment - self.clock.now())


def made(collection: TestCollection, message: int, window: int | None) -> Batch:
    return Batch(collection.created["spec_digest"], message, window, secrets.token_bytes(16))
