"""Runs queued jobs: claims them one at a time for each slot of the executor, keeps its hold on them, stores what comes of them.

Any number of processes may do so on one database. A job is held for some seconds at a time; a process that dies stops renewing its
hold, and another one, or the same after a restart, takes the job up again. Three attempts and it counts as failed.
"""

import logging
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from ldp_core.analysis.progress import Step
from server.clock import Clock
from server.jobs.executor import Executor
from server.jobs.task import Outcome, Task
from server.refusals import DatabaseUnavailable, Refusal
from server.storage import jobs as rows
from server.storage.database import Database
from server.storage.jobs import Claimed, Progressed

__all__ = ["JobRunner", "Prepared"]

_HELD_SECONDS = 20
_RENEW_SECONDS = 5.0
_TELL_SECONDS = 1.0
_LOOK_SECONDS = 0.5
_SEEK_SECONDS = 2.0
_ATTEMPTS = 3
_STORE_ATTEMPTS = 30
_CLOSE_SECONDS = 3.0
_LONGEST_WORD = 40

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prepared:
    """A task and what is done to its result before it is stored."""

    task: Task
    finish: Callable[[bytes], bytes]


@dataclass(eq=False)
class _Running:
    """A job that this process runs. renewed: when its hold was, by the monotonic clock."""

    claimed: Claimed
    cancelled: threading.Event = field(default_factory=threading.Event)
    progress: Progressed | None = None
    told: Progressed | None = None
    renewed: float = field(default_factory=time.monotonic)

    def tell(self, step: Step) -> None:
        metric = None if step.metric is None else step.metric[:_LONGEST_WORD]
        value = None if step.metric_value is None else float(step.metric_value)
        finite = value if value is not None and abs(value) < float("inf") else None  # false for what is no number, too
        self.progress = Progressed(int(step.done), int(step.total), step.unit[:_LONGEST_WORD], metric, finite)


class JobRunner:
    """The threads that run jobs.

    prepare: makes a task of a claimed job; a Refusal that it raises is the job's outcome · result_bytes: most that is kept of a result.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        executor: Executor,
        prepare: Callable[[Claimed], Prepared],
        *,
        result_bytes: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._executor = executor
        self._prepare = prepare
        self._result_bytes = result_bytes
        self._holder = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._running: dict[str, _Running] = {}
        self._wake = threading.Event()
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Let go of what dead processes of this machine held, and start the threads; none where the executor has no slot."""
        if self._executor.slots == 0:
            return
        work: list[Callable[[], None]] = [self._keep, *[self._serve] * self._executor.slots]
        for number, target in enumerate(work):
            thread = threading.Thread(target=target, name=f"fano-job-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def wake(self) -> None:
        """There is a new job."""
        self._wake.set()

    def stop(self, job_id: str) -> None:
        """The job was cancelled: if it runs here, stop it at once."""
        running = self._running.get(job_id)
        if running is not None:
            running.cancelled.set()

    def progress(self, job_id: str) -> Progressed | None:
        """How far a job is that runs in this process, newer than what is stored."""
        running = self._running.get(job_id)
        return None if running is None else running.progress

    def close(self) -> None:
        """Stop all work and put it back into the queue."""
        self._closing.set()
        self._wake.set()
        for running in [*self._running.values()]:
            running.cancelled.set()
        deadline = time.monotonic() + _CLOSE_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._executor.close()

    def _serve(self) -> None:
        """One slot: run jobs as long as there are any, then wait."""
        while not self._closing.is_set():
            claimed = self._claim()
            if claimed is None:
                self._wake.wait()
                self._wake.clear()
            else:
                self._run(claimed)
        self._wake.set()  # so that the other slots see it too

    def _claim(self) -> Claimed | None:
        now = int(self._clock.now())
        try:
            with self._database.write() as connection:
                return rows.claim_job(
                    connection, self._holder, now=now, held_until=now + _HELD_SECONDS, attempts=_ATTEMPTS
                )
        except DatabaseUnavailable as refusal:
            _log.warning("jobs wait: %s", refusal.detail)
        except Exception:
            _log.exception("no job could be claimed; the next look is soon")
        return None

    def _run(self, claimed: Claimed) -> None:
        running = self._running[claimed.id] = _Running(claimed)
        if self._closing.is_set():
            running.cancelled.set()
        try:
            outcome, finish = self._outcome(running)
            self._store(running, outcome, finish)
        except Exception:
            _log.exception("a job could not be stored; it will be tried again")
        finally:
            if self._running.get(claimed.id) is running:  # else this process lost the job and has it again
                del self._running[claimed.id]

    def _outcome(self, running: _Running) -> tuple[Outcome, Callable[[bytes], bytes]]:
        try:
            prepared = self._prepare(running.claimed)
        except DatabaseUnavailable:
            raise
        except Refusal as refusal:
            return Outcome("failed", slug=refusal.slug, detail=refusal.detail, extras=refusal.extras), bytes
        return self._executor.execute(prepared.task, running.tell, running.cancelled), prepared.finish

    def _store(self, running: _Running, outcome: Outcome, finish: Callable[[bytes], bytes]) -> None:
        hold = running.claimed.hold
        if outcome.state == "done":
            content = finish(outcome.content)
            if len(content) > self._result_bytes:
                outcome = Outcome("failed", slug="job-failed", detail=_too_long(len(content), self._result_bytes))
        for _ in range(_STORE_ATTEMPTS):
            try:
                with self._database.write() as connection:
                    if outcome.state == "cancelled":
                        rows.release_job(connection, hold)  # does nothing to a job that somebody cancelled
                    else:
                        done = outcome.state == "done"
                        rows.end_job(
                            connection,
                            hold,
                            outcome.state,
                            int(self._clock.now()),
                            running.progress,
                            result=content if done else None,
                            problem=None if done else stored_problem(outcome),
                        )
                return
            except DatabaseUnavailable as refusal:
                _log.warning("the outcome of a job waits: %s", refusal.detail)
                if self._closing.wait(1):
                    return

    def _keep(self) -> None:
        """Twice a second: renew holds, tell progress, stop what is no longer ours; now and then look for jobs of others."""
        sought = -_SEEK_SECONDS
        self._bury_the_dead()
        while not self._closing.wait(_LOOK_SECONDS):
            try:
                self._renew()
                if time.monotonic() - sought >= _SEEK_SECONDS:
                    sought = time.monotonic()
                    self._seek()
            except DatabaseUnavailable as refusal:
                _log.warning("jobs go on, and their progress waits: %s", refusal.detail)
            except Exception:
                _log.exception("keeping the jobs failed and will be tried again")

    def _renew(self) -> None:
        running = [*self._running.values()]
        if not running:
            return
        numbers = [one.claimed.hold.number for one in running]
        with self._database.read() as connection:
            held = rows.still_held(connection, self._holder, numbers)
        for one in running:
            if (one.claimed.hold.number, one.claimed.hold.attempts) not in held:
                one.cancelled.set()
        now = time.monotonic()
        due = [
            one
            for one in running
            if now - one.renewed >= (_RENEW_SECONDS if one.progress == one.told else _TELL_SECONDS)
        ]
        if due:
            held_until = int(self._clock.now()) + _HELD_SECONDS
            with self._database.write() as connection:
                for one in due:
                    one.told = one.progress
                    rows.renew_hold(connection, one.claimed.hold, held_until, one.told)
            for one in due:
                one.renewed = now

    def _seek(self) -> None:
        now = int(self._clock.now())
        with self._database.read() as connection:
            waiting, abandoned = rows.count_free(connection, now, attempts=_ATTEMPTS)
        if abandoned:
            problem = stored_problem(Outcome.lost("each time that it was tried"))
            with self._database.write() as connection:
                rows.fail_abandoned(connection, attempts=_ATTEMPTS, now=now, problem=problem)
        if waiting:
            self._wake.set()

    def _bury_the_dead(self) -> None:
        """Processes of this machine that are gone hold nothing any more, whatever their rows say."""
        host = self._holder.partition(":")[0]
        try:
            with self._database.read() as connection:
                found = rows.holders(connection)
            dead = [one for one in found if one.partition(":")[0] == host and not _alive(one)]
            if dead:
                with self._database.write() as connection:
                    for holder in dead:
                        rows.lose_hold(connection, holder)
        except DatabaseUnavailable as refusal:
            _log.warning("jobs of earlier processes wait for their hold to end: %s", refusal.detail)
        self._wake.set()


def stored_problem(outcome: Outcome) -> bytes:
    """A failure as it is stored."""
    return msgspec.json.encode({"slug": outcome.slug, "detail": outcome.detail, "extras": dict(outcome.extras)})


def _too_long(size: int, limit: int) -> str:
    return f"the result has {size:,} bytes and at most {limit:,} are kept (FANO_JOB_RESULT_BYTES); ask for less"


def _alive(holder: str) -> bool:
    number = holder.split(":")[1]
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError):
        return True
    return True
