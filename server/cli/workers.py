"""Several processes that serve: the one that keeps them, and what ties each of them to it."""

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from socket import socket

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

__all__ = ["Supervisor", "end_with_supervisor"]


class Supervisor(Multiprocess):
    """Starts the workers, replaces those that die, and ends them in order at SIGTERM, SIGINT or SIGHUP."""

    def __init__(self, config: uvicorn.Config, sockets: list[socket]) -> None:
        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        super().__init__(config, sockets)
        if ignored:  # as nohup has it
            signal.signal(signal.SIGHUP, signal.SIG_IGN)

    @property
    def failed(self) -> bool:
        """Could a worker not start? Then nothing is served, and trying again would not help."""
        return any(process.exitcode == STARTUP_FAILURE for process in self.processes)

    def handle_hup(self) -> None:
        """The terminal is gone: end, as a service of one process does."""
        self.should_exit.set()


def end_with_supervisor() -> None:
    """In a worker: leave hanging up to the supervisor, and end when that was killed: nobody could tell this process to end any more,
    and it would hold the port."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
