"""Metrics for Prometheus. Every label has few values: route templates, methods, classes of status, problem slugs.

With several worker processes the values live in files below PROMETHEUS_MULTIPROC_DIR, which `fano serve` makes, so whichever
worker answers a scrape tells the sums of all.
"""

import math
import os
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

__all__ = ["CONTENT_TYPE", "MULTIPROCESS_FOLDER", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MULTIPROCESS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"

_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_DECODE_SECONDS = (0.001, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300)
_GROUP_UPLOADS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """All metrics of one application. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        labels = ("route", "method", "status_class")
        self._requests = Counter("fano_requests", "Answered requests.", labels, registry=registry)
        self._seconds = Histogram(
            "fano_request_seconds",
            "From the request's head to the answer's end.",
            ("route",),
            buckets=_REQUEST_SECONDS,
            registry=registry,
        )
        self._problems = Counter(
            "fano_problems", "Answers that were problem documents.", ("problem",), registry=registry
        )
        self._uploads = Counter(
            "fano_uploads", "Uploads: accepted, replayed or rejected.", ("outcome",), registry=registry
        )
        self._rejected = Counter(
            "fano_uploads_rejected", "Rejected uploads by problem.", ("reason",), registry=registry
        )
        self._reports = Counter("fano_reports_accepted", "Reports counted, replays not.", registry=registry)
        self._group = Histogram(
            "fano_writer_group_uploads", "Uploads in one transaction.", buckets=_GROUP_UPLOADS, registry=registry
        )
        self._commit = Histogram(
            "fano_writer_commit_seconds",
            "Duration of a transaction that stores uploads.",
            buckets=_COMMIT_SECONDS,
            registry=registry,
        )
        self._decode = Histogram(
            "fano_decode_seconds", "Duration of a decoding.", buckets=_DECODE_SECONDS, registry=registry
        )
        self._waiting = _gauge(
            "fano_writer_waiting_uploads", "Uploads that wait for a transaction.", "livesum", registry
        )
        self._oldest_segment = _gauge(
            "fano_oldest_segment_age_seconds",
            "Since the start of the oldest window with reports not folded into counts, 0 for none.",
            "mostrecent",
            registry,
        )
        self._oldest_key = _gauge(
            "fano_oldest_batch_key_age_seconds",
            "Since the start of the oldest window with batch keys not purged, 0 for none.",
            "mostrecent",
            registry,
        )
        self._accepted, self._replayed, _ = (
            self._uploads.labels(outcome) for outcome in ("accepted", "replayed", "rejected")
        )
        self._routes: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """An answered request. route: a template, never a path · method: one of a few."""
        found = self._routes.get((route, method, status // 100))
        if found is None:  # the library's own look-up costs more than the counting
            found = self._requests.labels(route, method, f"{status // 100}xx"), self._seconds.labels(route)
            self._routes[route, method, status // 100] = found
        found[0].inc()
        found[1].observe(seconds)

    def problem(self, slug: str, *, upload: bool) -> None:
        """An answer that was a problem document; `upload` when it rejected one."""
        self._problems.labels(slug).inc()
        if upload:
            self._uploads.labels("rejected").inc()
            self._rejected.labels(slug).inc()

    def upload(self, accepted: int, *, replayed: bool) -> None:
        """An acknowledged upload of so many reports."""
        (self._replayed if replayed else self._accepted).inc()
        if not replayed:
            self._reports.inc(accepted)

    def group(self, uploads: int, seconds: float) -> None:
        """A transaction of the writer, committed or not."""
        self._group.observe(uploads)
        self._commit.observe(seconds)

    def decoded(self, seconds: float) -> None:
        """A decoding."""
        self._decode.observe(seconds)

    def waiting(self, uploads: int) -> None:
        """How many uploads wait now."""
        self._waiting.set(uploads)

    def backlog(self, *, segment_seconds: float, key_seconds: float) -> None:
        """Ages of the oldest segment and batch key."""
        self._oldest_segment.set(segment_seconds)
        self._oldest_key.set(key_seconds)

    def backlog_unknown(self) -> None:
        """The database did not answer: an age from before would look like good news."""
        self.backlog(segment_seconds=math.nan, key_seconds=math.nan)

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format, of all worker processes."""
        folder = os.environ.get(MULTIPROCESS_FOLDER)
        if folder is None:
            return generate_latest(self._registry)
        _forget_dead_workers(Path(folder))
        together = CollectorRegistry()
        MultiProcessCollector(together, folder)  # type: ignore[no-untyped-call]
        return generate_latest(together)


def _gauge(name: str, text: str, mode: str, registry: CollectorRegistry) -> Gauge:
    return Gauge(name, text, multiprocess_mode=mode, registry=registry)  # type: ignore[arg-type]


def _forget_dead_workers(folder: Path) -> None:
    """The uploads that waited in a killed worker wait no longer."""
    for file in folder.glob("gauge_live*_*.db"):
        number = file.stem.rpartition("_")[2]
        if number.isdigit() and not _alive(int(number)):
            mark_process_dead(int(number), str(folder))  # type: ignore[no-untyped-call]


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
