"""Simulated phones as one bounded child process, for demonstrations: started here, watched here, ended with the service.

The service may not import the phones' code, and should not: they reach it over HTTP as phones do, through the command line program
that is installed beside it.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["MOST_PHONES", "FleetProcess", "FleetRun", "simulate_command"]

MOST_PHONES = 100_000

_STOP_SECONDS = 5.0
_LONGEST_SECONDS = 600.0
_TALK = 2_000


@dataclass(frozen=True)
class FleetRun:
    """One fleet. before: reports that the collection held when it started · started: seconds of the service's clock."""

    collection: str
    phones: int
    population: str
    before: int
    started: float


def simulate_command(collection: str, phones: int, population: str, url: str) -> list[str]:
    """The command that lets each phone report by itself; the write key is passed by environment, where nobody else sees it."""
    simulate = ["simulate", collection, "--phones", str(phones), "--population", population, "--one-by-one"]
    return [sys.executable, "-m", "client.cli.main", *simulate, "--connections", "8", "--url", url, "--json"]


class FleetProcess:
    """At most one fleet at a time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._run: FleetRun | None = None
        self._problem = ""
        self._lock = threading.Lock()

    @property
    def run(self) -> FleetRun | None:
        """The last fleet that was started."""
        return self._run

    @property
    def running(self) -> bool:
        """Is it still reporting?"""
        return self._process is not None and self._process.poll() is None

    @property
    def problem(self) -> str:
        """What the last fleet said when it failed, empty when it did not."""
        return self._problem

    def start(self, run: FleetRun, command: Sequence[str], write_key: str) -> bool:
        """Start a fleet, unless one runs. Says whether it did."""
        with self._lock:
            if self.running:
                return False
            environment = {**os.environ, "FANO_WRITE_KEY": write_key}
            for name in ("FANO_ADMIN_TOKEN", "FANO_DEMO_CODE"):
                environment.pop(name, None)  # phones have no business with it
            self._process = subprocess.Popen(  # noqa: S603 - this program's own command, arguments are checked
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env=environment,
                start_new_session=True,  # Ctrl-C reaches the service, which ends this in order
            )
            self._run, self._problem = run, ""
            threading.Thread(target=self._watch, args=(self._process,), name="fano-fleet", daemon=True).start()
            return True

    def stop(self) -> None:
        """End the fleet, if one runs."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        """Read what it says to the end, and end it when it takes too long."""
        timer = threading.Timer(_LONGEST_SECONDS, process.kill)
        timer.daemon = True
        timer.start()
        assert process.stderr is not None, "it was asked for"
        with process.stderr as stream:
            said = stream.read()[-_TALK:].decode("utf-8", "replace")
        code = process.wait()
        timer.cancel()
        if code > 0:  # below zero it was ended by this service
            self._problem = said.strip().splitlines()[-1] if said.strip() else f"it ended with exit code {code}"
