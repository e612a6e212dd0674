"""Jobs outlive the processes that run them: killed, ended, started again, several on one database."""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.storage import jobs as rows
from server.storage.database import Database
from tests.services.real_server import RealServer, real_server, start_server, stop_server

pytestmark = pytest.mark.service

SOME_SECONDS = {"d": 50, "steps": 16_000, "runs": 30, "log_points": 2}
FOREVER = {"d": 50, "steps": 300_000, "runs": 100, "log_points": 2}


class Asking:
    """Somebody with an admin token, at whichever server is named. Each request has a connection of its own."""

    def __init__(self, server: RealServer, token: str | None = None) -> None:
        self.token = token or str(server.admin_token)
        self._url = server.url

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.request(method, self._url + path, headers=headers, trust_env=False, timeout=60, **more)

    def begin(self, body: Mapping[str, Any]) -> str:
        answer = self.ask("POST", "/v1/analysis/single-location/dynamics", json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def job(self, job: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/v1/jobs/{job}").json()
        return found

    def until(self, job: str, *states: str, progress: bool = False, seconds: float = 150) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            found = self.job(job)
            if found["status"] in states and not (progress and found["progress"] is None):
                return found
            time.sleep(0.1)
        raise AssertionError(f"expected {states}: {found}")


@pytest.fixture
def where(database_url: str, tmp_path: Path) -> Iterator[list[RealServer]]:
    servers = [start_server(tmp_path, database_url)]
    yield servers
    for server in servers:
        stop_server(server)


def children(process: int) -> list[int]:
    """The processes whose parent this is."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == process:
                found.append(int(entry.name))
    return found


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def until_gone(processes: list[int], seconds: float = 30) -> list[int]:
    deadline = time.monotonic() + seconds
    while (left := [one for one in processes if alive(one)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def test_kill_9_during_a_job_loses_neither_the_job_nor_a_process(
    where: list[RealServer], database_url: str, tmp_path: Path
) -> None:
    asking = Asking(where[0])
    job = asking.begin(SOME_SECONDS)
    asking.until(job, "running", progress=True)
    workers = children(where[0].process.pid)
    os.kill(
        where[0].process.pid, signal.SIGKILL
    )  # the process alone, not its group: workers are to notice by themselves
    where[0].process.wait(10)
    where.append(start_server(tmp_path, database_url))
    again = Asking(where[1], asking.token)
    ended = again.until(job, "done")
    assert ended["result"]["params_effective"]["steps"] == SOME_SECONDS["steps"]
    assert until_gone(workers) == []
    assert {one["status"] for one in again.ask("GET", "/v1/jobs").json()["jobs"]} == {"done"}


def test_sigterm_puts_a_job_back_and_the_next_process_does_it(
    where: list[RealServer], database_url: str, tmp_path: Path
) -> None:
    asking = Asking(where[0])
    job = asking.begin(SOME_SECONDS)
    asking.until(job, "running", progress=True)
    workers = children(where[0].process.pid)
    assert where[0].terminate(20) == 0
    assert until_gone(workers) == []
    database = Database(database_url)
    with database.read() as connection:
        row = rows.find_job(connection, job)
    database.dispose()
    assert row is not None
    assert row.state == "queued"
    where.append(start_server(tmp_path, database_url))
    Asking(where[1], asking.token).until(job, "done")


def test_a_job_runs_in_one_of_two_servers_and_is_cancelled_through_the_other(
    where: list[RealServer], database_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    where.append(start_server(folder, database_url))
    first = Asking(where[0])
    second = Asking(where[1], first.token)
    jobs = [first.begin(FOREVER) for _ in range(4)]
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if all(second.job(job)["progress"] is not None for job in jobs):
            break
        time.sleep(0.2)
    database = Database(database_url)
    with database.read() as connection:
        holders = rows.holders(connection)
    database.dispose()
    assert len(holders) == 2  # two slots each, four jobs: nobody has one twice
    for asked, other in zip(jobs, (first, second, first, second), strict=True):
        answer = other.ask("DELETE", f"/v1/jobs/{asked}")
        assert answer.json()["status"] == "cancelled"
    last = first.begin(SOME_SECONDS)  # it needs a slot whose work has stopped
    assert second.until(last, "done")["error"] is None


def test_a_job_whose_process_dies_three_times_has_failed(sqlite_url: str, tmp_path: Path) -> None:
    attempts = (
        "import os, time; from server.services.job_runner import JobRunner; "
        "JobRunner._outcome = lambda *_: (time.sleep(5), os._exit(9)); "
    )
    token = None
    job = ""
    for attempt in range(3):
        with real_server(tmp_path, sqlite_url, before=attempts) as server:
            token = token or server.admin_token
            if attempt == 0:
                job = Asking(server, token).begin(SOME_SECONDS)
            assert server.process.wait(60) == 9
    with real_server(tmp_path, sqlite_url) as server:
        failed = Asking(server, token).until(job, "failed")
        assert failed["error"]["type"] == "urn:fanoplane:problem:job-failed"
        assert failed["result"] is None
