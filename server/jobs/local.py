"""The local executor: a few processes of this machine, started when they are first needed.

They are spawned, not forked: a fork of a process with threads may hang. A worker that does not stop when told to is killed and
replaced, so that no numeric call, however long, can hold up a cancellation; one that dies takes nothing with it but its task.
"""

import contextlib
import multiprocessing
import os
import queue
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from server.jobs.executor import Tell
from server.jobs.task import Outcome, Task
from server.jobs.worker import CANCEL, ENVIRONMENT, READY, main

__all__ = ["LocalExecutor"]

_environment = threading.Lock()
_LOADED_EARLY = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")  # not numba's: it looks again and again, here too

_LOOK_SECONDS = 0.05
_GRACE_SECONDS = 0.4
_END_SECONDS = 5


class LocalExecutor:
    """A pool of `slots` worker processes."""

    name = "local"

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._workers = [_Worker() for _ in range(slots)]
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        for worker in self._workers:
            self._idle.put(worker)

    def warm(self) -> None:
        """Start the processes now, so that the first task does not wait for them. Returns at once."""
        for worker in self._workers:
            worker.start()

    def execute(self, task: Task, tell: Tell, cancelled: threading.Event) -> Outcome:
        """Carry out a task in the worker that was busy last."""
        worker = self._idle.get()
        try:
            return worker.run(task, tell, cancelled)
        finally:
            self._idle.put(worker)

    def close(self) -> None:
        """Kill every worker. Whoever waits for one is told that it is lost."""
        for worker in self._workers:
            worker.close()


class _Worker:
    """One process with the pipe to it. One thread at a time runs tasks; any may close it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = threading.Lock()
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._closed = False
        self._loaded = False

    def run(self, task: Task, tell: Tell, cancelled: threading.Event) -> Outcome:
        """Send a task and wait for its outcome."""
        with self._running:
            try:
                pipe = self._ready(cancelled)
                if pipe is None:
                    return Outcome("cancelled")
                pipe.send(task)
                return self._wait(pipe, tell, cancelled, task.patience)
            except (EOFError, OSError):
                how = self._bury()
                return Outcome("cancelled") if self._closed else Outcome.lost(how)

    def _wait(self, pipe: Connection, tell: Tell, cancelled: threading.Event, patience: float | None) -> Outcome:
        begun, asked, late = time.monotonic(), None, False
        while True:
            if pipe.poll(_LOOK_SECONDS):
                message = pipe.recv()
                if isinstance(message, Outcome):
                    return message if message.state != "cancelled" or not late else _given_up(begun)
                tell(message)
            now = time.monotonic()
            late = late or (patience is not None and now - begun > patience)
            if (cancelled.is_set() or late) and asked is None:
                pipe.send(CANCEL)
                asked = now
            if asked is not None and now - asked > _GRACE_SECONDS:
                self._bury()
                return _given_up(begun) if late else Outcome("cancelled")

    def _ready(self, cancelled: threading.Event) -> Connection | None:
        """The pipe to a process that waits for a task; None when this worker is closed or the task no longer wanted."""
        pipe = self.start()
        while pipe is not None and not self._loaded:
            if cancelled.is_set():
                return None
            if pipe.poll(_LOOK_SECONDS):
                self._loaded = pipe.recv() == READY
        return pipe

    def start(self) -> Connection | None:
        """The pipe to a living process, which may still be loading; None when this worker is closed."""
        with self._lock:
            if self._closed:
                return None
            if self._process is None or not self._process.is_alive():
                self._end()
                self._spawn()
            return self._pipe

    def _spawn(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=main, args=(theirs,), name="fano-worker", daemon=True)
        with _one_thread_for_what_is_imported_first():
            self._process.start()
        theirs.close()  # so that the death of the process closes the pipe

    def _bury(self) -> str:
        """Make sure that the process is gone. Says how it ended."""
        with self._lock:
            return self._end()

    def _end(self) -> str:
        process, pipe = self._process, self._pipe
        self._process = self._pipe = None
        self._loaded = False
        if pipe is not None:
            pipe.close()
        if process is None:
            return "early"
        process.join(_LOOK_SECONDS)  # one that died by itself says how
        process.kill()
        process.join(_END_SECONDS)
        code = process.exitcode
        process.close()
        return f"by signal {-code}" if code is not None and code < 0 else f"with code {code}"

    def close(self) -> None:
        """Kill the process and start no other."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill()  # its end of the pipe closes, which wakes whoever waits
        with self._running:
            self._bury()


@contextlib.contextmanager
def _one_thread_for_what_is_imported_first() -> Iterator[None]:
    """A new process imports the program that started this one before anything else, and that may import numpy.

    The library behind numpy looks at its number of threads once, when it is loaded, so that must be in the environment already.
    """
    with _environment:
        before = {name: os.environ.get(name) for name in _LOADED_EARLY}
        os.environ.update({name: ENVIRONMENT[name] for name in _LOADED_EARLY})
        try:
            yield
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _given_up(begun: float) -> Outcome:
    return Outcome("too_long", predicted_seconds=2 * (time.monotonic() - begun))
