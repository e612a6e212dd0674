"""A service of one's own: a real `fano serve` process, started, heard and ended by its process id."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from client.sdk.errors import ServiceUnavailable

__all__ = ["RunningService", "serve_command", "started_service"]

_START_SECONDS = 90.0
_STOP_SECONDS = 15.0


@dataclass(frozen=True)
class RunningService:
    """A service that listens. url: its address · token: its admin token · process: what runs it."""

    url: str
    token: str
    process: "subprocess.Popen[str]"


def serve_command(folder: Path, port: int = 0) -> list[str]:
    """The command that serves a SQLite database in `folder` on this machine; port 0 picks a free one."""
    database = f"sqlite:///{folder / 'fano.db'}"
    serve = [
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--database",
        database,
        "--until-stdin-ends",
        "--json",
    ]
    return [sys.executable, "-m", "client.cli.main", *serve]


@contextmanager
def started_service(
    command: Sequence[str], folder: Path, token: str, more: Mapping[str, str] = {}
) -> Iterator[RunningService]:
    """Run a service until the block ends, however it ends.

    command: prints one JSON line with its `url` when it listens · folder: where its data and its log go · token: its admin
    token, passed by environment, where other users of the machine do not see it · more: further settings, passed likewise. Raises ServiceUnavailable, with the end of its
    log, when it does not listen within 90 seconds.
    """
    log_path = folder / "serve.log"
    environment = (
        os.environ | {"FANO_ADMIN_TOKEN": token, "FANO_DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1"} | dict(more)
    )
    with log_path.open("w", encoding="utf-8") as log:
        # A session of its own: Ctrl-C reaches this process first, which then ends the service in order.
        process = subprocess.Popen(  # noqa: S603 - the command is this program's own
            list(command),
            stdin=subprocess.PIPE,  # never written to; it ends with this process, however that ends
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment,
            text=True,
            start_new_session=True,
        )
        try:
            yield RunningService(_heard_url(process, log_path), token, process)
        finally:
            _stop(process)


def _heard_url(process: "subprocess.Popen[str]", log_path: Path) -> str:
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(process.stdout, lines), daemon=True).start()
    try:
        while line := lines.get(timeout=_START_SECONDS):
            url = _url_in(line)
            if url is not None:
                return url
        what = f"ended before it listened (exit code {process.wait(_STOP_SECONDS)})"
    except queue.Empty:
        what = f"did not listen within {_START_SECONDS:g} seconds"
    tail = log_path.read_text(encoding="utf-8", errors="replace")[-2_000:].strip()
    raise ServiceUnavailable(f"the service {what}. The end of its log:\n{tail or '(empty)'}")


def _listen(stdout: IO[str], lines: "queue.Queue[str]") -> None:
    """Pass on every line, and go on reading, so that the service never waits for a full pipe; "" is its end."""
    for line in stdout:
        lines.put(line)
    lines.put("")
    stdout.close()


def _url_in(line: str) -> str | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event["url"] if isinstance(event, dict) and isinstance(event.get("url"), str) else None


def _stop(process: "subprocess.Popen[str]") -> None:
    if process.stdin is not None:
        process.stdin.close()
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
