"""A Dask scheduler with worker processes, all real, on free ports of 127.0.0.1."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_START_SECONDS = 90


@dataclass
class Cluster:
    """address: of the scheduler · workers: by process id."""

    address: str
    workers: dict[int, subprocess.Popen[bytes]]

    def kill(self, worker: int) -> None:
        """SIGKILL: no goodbye."""
        self.workers[worker].send_signal(signal.SIGKILL)
        self.workers[worker].wait(10)


@contextmanager
def cluster(folder: Path, workers: int = 2, *, nanny: bool = False) -> Iterator[Cluster]:
    file, log = folder / "scheduler.json", (folder / "dask.log").open("wb")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONWARNINGS": "ignore"}

    def start(program: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{program}", "--scheduler-file", str(file), "--no-dashboard"]
        return subprocess.Popen(
            [*command, *arguments], env=environment, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )

    how = "--nanny" if nanny else "--no-nanny"
    running = [start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--idle-timeout", "600s")]
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        running += [
            start("dask_worker", "--nthreads", "1", how, "--host", "127.0.0.1", "--death-timeout", "60")
            for _ in range(workers)
        ]

        yield Cluster(json.loads(file.read_text())["address"], {one.pid: one for one in running[1:]})
    finally:
        for process in running[::-1]:
            if process.poll() is None:
                process.kill()
            process.wait(10)
        log.close()
