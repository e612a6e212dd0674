"""The group-commit writer: one thread that turns whatever uploads are waiting into one transaction.

While a commit runs, new uploads gather; the next commit takes them all. So the cost of a durable commit is shared, and in busy hours
many uploads lose their order in one segment. After a commit the writer rests until as many uploads wait as were under way when it
ended, but for no more than half of the time that the commit took: those it has just answered come back, and would otherwise
find the next commit under way with the first few of them. It does not rest over big batches, to which a commit adds little. A client
that is alone never waits for others. The queue is bounded: beyond it an upload is refused at once rather than kept waiting. So is
patience: of a database that has fallen silent in the middle of a commit nothing is awaited, and all are told to come back.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from server.refusals import DatabaseUnavailable, Overloaded, Refusal
from server.storage.reports import NO_WINDOW

__all__ = ["GroupCommitWriter", "Outcome", "Receipt", "Upload"]

_GROUP_UPLOADS = 1_024
_GROUP_BYTES = 4 << 20
_WORTHWHILE_BYTES = 256 << 10
_LONGEST_REST = 0.02
_PATIENCE_SECONDS = 20.0
_SILENT = "the database does not answer; send this upload again, unchanged, in a moment: if it was stored after all, it counts once"

_log = logging.getLogger(__name__)


class Upload(NamedTuple):
    """An upload that passed every check that needs no transaction.

    collection, version: database numbers · key_hash, body_hash: 16 bytes · messages: little-endian uint32, `reports` of them.
    window_index: in which it counts · named_window: in which it was made, if it says so; it lasts window_seconds.
    """

    collection: int
    version: int
    window_index: int
    key_hash: bytes
    body_hash: bytes
    messages: bytes
    reports: int
    named_window: int = NO_WINDOW
    window_seconds: int = 0
    cohort: int = 0


class Receipt(NamedTuple):
    """What an accepted upload is told. replayed: it had been counted before."""

    accepted: int
    replayed: bool


Outcome = Receipt | Refusal
Commit = Callable[[Sequence[Upload]], Sequence[Outcome]]
"""Stores a group durably or not at all, and says for each upload what became of it."""

_Ticket = tuple[Upload, "asyncio.Future[Receipt]"]


class GroupCommitWriter:
    """Hands groups of uploads to `commit` from its own thread. `submit` belongs to one event loop."""

    def __init__(self, commit: Commit, *, waiting_uploads: int, waiting_bytes: int) -> None:
        self._commit = commit
        self._most_uploads, self._most_bytes = waiting_uploads, waiting_bytes
        self._waiting: deque[_Ticket] = deque()
        self._bytes = 0
        self._wake = threading.Condition()
        self._closing = False
        self._waking = False
        self._wanted = 1  # uploads that make a commit worth it
        self._rest = 0.0
        self._under_way: tuple[float, list[_Ticket]] | None = None  # since when, and what
        self._silent = False  # has the commit under way taken longer than anybody should wait?
        self._watch: asyncio.TimerHandle | None = None
        self._outage = False  # has it been logged that nothing can be stored?
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Start the thread. Call it inside the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="fano-writer", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Refuse new uploads, commit those that wait, end the thread, unless the database is silent."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(_PATIENCE_SECONDS)

    @property
    def trouble(self) -> str | None:
        """Why no upload can be stored now, or None."""
        if self._thread is None or not self._thread.is_alive():
            return "the writer does not run"
        if self._closing:
            return "the writer is shutting down"
        return "the database does not answer" if self._silent else None

    @property
    def crowded(self) -> str | None:
        """Why the next upload would be refused for want of room, or None."""
        return f"{len(self._waiting)} uploads are waiting, the most that may" if self._full(0) else None

    @property
    def waiting(self) -> int:
        """How many uploads wait for the next transaction."""
        return len(self._waiting)

    def _full(self, size: int) -> bool:
        return len(self._waiting) >= self._most_uploads or self._bytes + size > self._most_bytes

    def submit(self, upload: Upload) -> "asyncio.Future[Receipt]":
        """Queue an upload. The future ends after its commit, with a receipt or a refusal. Raises Overloaded or DatabaseUnavailable."""
        assert self._loop is not None, "start the writer first"
        future: asyncio.Future[Receipt] = self._loop.create_future()
        with self._wake:
            if self._closing:
                raise Overloaded("the service is shutting down; send this upload again, unchanged, in a moment")
            if self._silent:
                raise DatabaseUnavailable(_SILENT)
            if self._full(len(upload.messages)):
                raise Overloaded("too many uploads are waiting; send this one again, unchanged, in a moment")
            self._waiting.append((upload, future))
            self._bytes += len(upload.messages)
        if not self._waking:  # only after the other requests of this turn of the loop have submitted theirs too
            self._waking = True
            self._loop.call_soon(self._notify)
        if self._watch is None:
            self._watch = self._loop.call_later(_PATIENCE_SECONDS, self._look)
        return future

    def _notify(self) -> None:
        self._waking = False
        with self._wake:
            if self._due():
                self._wake.notify()

    def _due(self) -> bool:
        """Is a commit worth it now? Asked with the lock held."""
        return self._closing or len(self._waiting) >= self._wanted or self._bytes >= _WORTHWHILE_BYTES

    def _look(self) -> None:
        """Give up waiting for a commit that takes too long, as long as anything is under way."""
        assert self._loop is not None
        self._watch = None
        given_up: list[_Ticket] = []
        with self._wake:
            if self._under_way is None and not self._waiting:
                return
            since, group = self._under_way or (time.monotonic(), [])
            left = since + _PATIENCE_SECONDS - time.monotonic()
            if left <= 0:
                self._silent = True
                given_up = [*group, *self._waiting]
                self._waiting.clear()
                self._bytes = 0
        if left <= 0:
            self._told_outage("the database has fallen silent, and uploads are told to come back")
        _resolve([future for _, future in given_up], [DatabaseUnavailable(_SILENT) for _ in given_up])
        self._watch = self._loop.call_later(max(left, 1.0), self._look)

    def _run(self) -> None:
        while group := self._next_group():
            began = time.perf_counter()
            outcomes = self._outcomes([upload for upload, _ in group])
            with self._wake:
                self._under_way, self._silent = None, False
            self._rest = min((time.perf_counter() - began) / 2, _LONGEST_REST)
            self._wanted = min(len(group) + len(self._waiting), _GROUP_UPLOADS)
            futures = [future for _, future in group]
            assert self._loop is not None
            self._loop.call_soon_threadsafe(_resolve, futures, outcomes)

    def _next_group(self) -> list[_Ticket]:
        """The uploads that wait, up to the size of a group; empty when the writer is to end."""
        group: list[_Ticket] = []
        size = 0
        with self._wake:
            self._wake.wait_for(self._due, self._rest)
            self._wanted = 1
            self._wake.wait_for(self._due)
            while self._waiting and len(group) < _GROUP_UPLOADS and size < _GROUP_BYTES:
                ticket = self._waiting.popleft()
                size += len(ticket[0].messages)
                group.append(ticket)
            self._bytes -= size
            self._under_way = (time.monotonic(), group) if group else None
        return group

    def _outcomes(self, uploads: Sequence[Upload]) -> Sequence[Outcome | Exception]:
        try:
            outcomes = self._commit(uploads)
        except DatabaseUnavailable as refusal:
            self._told_outage("the database is unavailable, and uploads are told to come back", cause=True)
            return [DatabaseUnavailable(refusal.detail) for _ in uploads]
        except Exception as error:  # whatever it was, the uploads must be answered and the writer must live on
            _log.exception("a group of %d uploads was not stored", len(uploads))
            return [RuntimeError(f"the upload was not stored: {type(error).__name__}") for _ in uploads]
        if self._outage:
            self._outage = False
            _log.warning("uploads are stored again")
        return outcomes

    def _told_outage(self, what: str, *, cause: bool = False) -> None:
        """Log how an outage begins: once, and not for each of its uploads."""
        if not self._outage:
            self._outage = True
            _log.warning(what, exc_info=cause)


def _resolve(futures: Sequence["asyncio.Future[Receipt]"], outcomes: Sequence[Outcome | Exception]) -> None:
    for future, outcome in zip(futures, outcomes, strict=True):
        if future.done():  # whoever asked has gone away
            continue
        if isinstance(outcome, Receipt):
            future.set_result(outcome)
        else:
            future.set_exception(outcome)
