"""A real `fano serve` in a process of its own, on a free port of 127.0.0.1."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SERVE = "from server.cli.serve import serve; serve()"
_START_SECONDS = 90


@dataclass
class RealServer:
    """A server that listens. stderr: the file that its standard error goes to."""

    process: subprocess.Popen[str]
    url: str
    admin_token: str | None
    stderr: Path

    def kill(self) -> None:
        """SIGKILL: no goodbye."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)

    def terminate(self, timeout: float = 15) -> int:
        """SIGTERM, and the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout)


def start_server(
    folder: Path,
    database_url: str,
    *,
    port: int = 0,
    environment: Mapping[str, str] = {},
    before: str = "",
    **options: str,
) -> RealServer:
    """before: statements that the process runs first."""
    arguments = ["--port", str(port), "--json", "--database", database_url]
    for name, value in options.items():
        arguments += [f"--{name}", value]
    stderr = folder / "server-stderr.txt"
    with stderr.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-c", before + _SERVE, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "FANO_DATA_DIR": str(folder), "FANO_WARM_DECODER": "false", **environment},
            start_new_session=True,
        )
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], _START_SECONDS)
    line = process.stdout.readline() if ready else ""
    if not line:
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
        process.wait(10)
        process.stdout.close()
        raise RuntimeError(f"the server did not start: {stderr.read_text()}")
    said = json.loads(line)
    return RealServer(process, said["url"], said["admin_token"], stderr)


def stop_server(server: RealServer) -> None:
    """Whatever its state, leave no process behind."""
    if server.process.poll() is None:
        server.kill()
    if server.process.stdout is not None:
        server.process.stdout.close()


@contextmanager
def real_server(folder: Path, database_url: str, **arguments: Any) -> Iterator[RealServer]:
    server = start_server(folder, database_url, **arguments)
    try:
        yield server
    finally:
        stop_server(server)
