"""A process of the local pool: takes one task at a time from its pipe and sends back steps and an outcome.

It imports numerics only after it was told how many threads they may have: two libraries that each take all cores make a
fit thirty times slower.
"""

import contextlib
import logging.config
import os
import queue
import signal
import threading
import time
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.observability.json_log import log_config

if TYPE_CHECKING:
    from ldp_core.analysis.progress import Step

__all__ = ["CANCEL", "ENVIRONMENT", "READY", "main"]

ENVIRONMENT: Mapping[str, str] = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
}
"""One thread each: there are as many workers as there are to be busy cores."""

CANCEL, READY = "cancel", "ready"
_TELL_SECONDS = 0.2


def main(connection: Connection) -> None:
    """Work until the other end of the pipe is closed, be it that the service has died."""
    os.environ.update(ENVIRONMENT)
    logging.config.dictConfig(log_config("warning"))  # no text of an error, which may quote what was sent
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the service, which closes the pipe
    _be_the_first_to_go()
    from server.jobs.work import perform, preload  # the numerics, after the number of threads

    preload()
    connection.send(READY)
    stop, tasks = threading.Event(), queue.SimpleQueue[Any]()
    threading.Thread(target=_listen, args=(connection, tasks, stop), daemon=True).start()
    while True:
        outcome = perform(tasks.get(), _Watch(connection, stop))
        connection.send(outcome)


def _listen(connection: Connection, tasks: "queue.SimpleQueue[Any]", stop: threading.Event) -> None:
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            os._exit(0)  # nobody waits for an answer any more
        if message == CANCEL:
            stop.set()
        else:
            stop.clear()
            tasks.put(message)


def _be_the_first_to_go() -> None:
    """Where memory runs out, the system is to end this process and not the service."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


class _Watch:
    """The progress of one task: stops it when told to, and tells how far it is a few times a second."""

    def __init__(self, connection: Connection, stop: threading.Event) -> None:
        self._connection, self._stop = connection, stop
        self._told = -_TELL_SECONDS

    def __call__(self, step: "Step") -> None:
        if self._stop.is_set():
            from ldp_core.analysis.progress import Cancelled

            raise Cancelled
        now = time.monotonic()
        if now - self._told >= _TELL_SECONDS or step.done == step.total:
            self._told = now
            self._connection.send(step)
