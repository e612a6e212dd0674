"""The child process of a demonstration: one at a time, told nothing it need not know, and gone when the service is."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.dashboard.fleet_process import FleetProcess, FleetRun, simulate_command

RUN = FleetRun("collection", 10, "zipf", 0, 0.0)


@pytest.fixture
def phones() -> Iterator[FleetProcess]:
    made = FleetProcess()
    yield made
    made.stop()


def python(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_is_stopped_with_the_service(phones: FleetProcess, tmp_path: Path) -> None:
    said = tmp_path / "pid"
    program = f"import os, time; open({str(said)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    assert phones.start(RUN, python(program), "key")
    until(lambda: said.exists() and bool(said.read_text()))
    assert phones.running
    assert not phones.start(RUN, python("pass"), "key"), "one fleet at a time"
    phones.stop()
    assert not phones.running
    with pytest.raises(ProcessLookupError):
        os.kill(int(said.read_text()), 0)
    assert phones.problem == "", "it was ended, it did not fail"


def test_one_that_does_not_listen_is_killed(
    phones: FleetProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.dashboard.fleet_process._STOP_SECONDS", 0.2)
    ready = tmp_path / "ready"
    program = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"open({str(ready)!r}, 'w').close(); time.sleep(600)"
    )
    phones.start(RUN, python(program), "key")
    until(ready.exists)
    phones.stop()
    assert not phones.running


def test_its_failure_is_told_in_one_line(phones: FleetProcess) -> None:
    program = "import sys; print('a line before', file=sys.stderr); sys.exit('Error: the collection is closed')"
    phones.start(RUN, python(program), "key")
    until(lambda: phones.problem != "")
    assert phones.problem == "Error: the collection is closed"
    assert phones.start(RUN, python("pass"), "key"), "another one may start"
    assert phones.problem == ""


def test_it_learns_the_write_key_and_no_other_secret(
    phones: FleetProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FANO_ADMIN_TOKEN", "an admin's")
    monkeypatch.setenv("FANO_DEMO_CODE", "a code")
    file = tmp_path / "environment"
    program = f"import json, os; open({str(file)!r}, 'w').write(json.dumps(dict(os.environ)))"
    phones.start(RUN, python(program), "a write key")
    until(lambda: not phones.running)
    told = file.read_text()
    assert '"FANO_WRITE_KEY": "a write key"' in told
    assert "an admin's" not in told
    assert "a code" not in told
    assert "key" not in " ".join(simulate_command("id", 5, "zipf", "http://127.0.0.1:1"))
