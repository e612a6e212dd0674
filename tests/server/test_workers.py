"""Several processes that serve end together: at a signal, when their supervisor is killed, and when they cannot start."""

import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from starlette.applications import Starlette

from tests.services.real_server import real_server

pytestmark = pytest.mark.service

RUN_BROKEN = """
import socket, sys, uvicorn
from server.cli.workers import Supervisor

with socket.socket() as listener:
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config("tests.server.test_workers:broken", factory=True, workers=2)
    supervisor = Supervisor(config, [listener])
    supervisor.run()
sys.exit(7 if supervisor.failed else 0)
"""


def broken() -> Starlette:
    """An application that cannot start, as when the database went away."""

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        raise OSError("no database")
        yield

    return Starlette(lifespan=lifespan)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_terminal_that_closes_ends_the_service_in_order(workers: str, sqlite_url: str, tmp_path: Path) -> None:
    no_nohup = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); "  # as these tests may themselves be run
    with real_server(tmp_path, sqlite_url, workers=workers, before=no_nohup) as server:
        server.process.send_signal(signal.SIGHUP)
        assert server.process.wait(15) == 0
    assert server.stderr.read_text() == ""


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nohup_outlives_its_terminal(workers: str, sqlite_url: str, tmp_path: Path) -> None:
    nohup = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
    with real_server(tmp_path, sqlite_url, workers=workers, before=nohup) as server:
        server.process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            server.process.wait(2)
        assert server.terminate() == 0


def test_workers_end_when_their_supervisor_is_killed(sqlite_url: str, tmp_path: Path) -> None:
    """Else they would go on serving, hold the port against a restart, and no signal to the service would reach them."""
    with real_server(tmp_path, sqlite_url, workers="2") as server:
        family = psutil.Process(server.process.pid).children(recursive=True)
        assert len(family) >= 2
        server.process.kill()
        server.process.wait(10)
        deadline = time.monotonic() + 15
        while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family):
            assert time.monotonic() < deadline, "they live on"
            time.sleep(0.1)


def test_workers_that_cannot_start_are_a_failure() -> None:
    ended = subprocess.run([sys.executable, "-c", RUN_BROKEN], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 7, ended.stderr
