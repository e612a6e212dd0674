"""Runs a state machine against the service, each example on a fresh database of either engine.

A machine restarts its service about every tenth step. Two things would cost more than what is checked, and are kept out of it:
every new engine translates all queries to SQL anew, so a restarted service gets its engine back, with every connection
closed; and a SQLite file lies in memory where the machine has such a folder, for no example cuts the power.
"""

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from server.services import services
from server.storage.database import Database
from tests.services.postgresql import PostgresqlCluster

__all__ = ["ServiceMachine", "run_on_postgresql", "run_on_sqlite"]

_MEMORY = Path("/dev/shm")


class ServiceMachine(RuleBasedStateMachine):
    """url: of a fresh database · folder: for the service's files. Both are set before an example begins."""

    url = ""
    folder = Path()


def run_on_sqlite(machine: type[ServiceMachine], template: Path, *, examples: int, steps: int) -> None:
    """template: a database file that has the schema."""
    memory = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else None
    with tempfile.TemporaryDirectory(prefix="fanoplane-machine-", dir=memory) as folder:
        file = Path(folder) / "fano.sqlite3"

        class OnSqlite(machine):  # type: ignore[misc, valid-type]
            def __init__(self) -> None:
                self.folder = Path(folder)
                self.url = f"sqlite:///{file}"  # the same for all examples, and so is the engine
                _replace(file, template)
                super().__init__()

        _run(OnSqlite, examples, steps)


def run_on_postgresql(
    machine: type[ServiceMachine], cluster: PostgresqlCluster, folder: Path, *, examples: int, steps: int
) -> None:
    """folder: for the files of all examples."""

    class OnPostgresql(machine):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            self.folder = folder
            self.borrowed = cluster.database()
            self.url = self.borrowed.__enter__()
            super().__init__()

        def teardown(self) -> None:
            super().teardown()
            self.borrowed.__exit__(None, None, None)

    _run(OnPostgresql, examples, steps)


def _replace(file: Path, template: Path) -> None:
    """Also what a service that failed may have left beside it: a log of another database must not be read into this one."""
    for old in file.parent.glob(f"{file.name}*"):
        old.unlink()
    shutil.copy(template, file)


def _run(machine: type[ServiceMachine], examples: int, steps: int) -> None:
    chosen = settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )
    with patch.object(services, "Database", cache(Database)):
        run_state_machine_as_test(machine, settings=chosen)
