"""Runs a state machine against the service, each example on a fresh database of either engine."""

import shutil
import tempfile
from itertools import count
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from tests.services.postgresql import PostgresqlCluster

__all__ = ["ServiceMachine", "run_on_postgresql", "run_on_sqlite"]


class ServiceMachine(RuleBasedStateMachine):
    """url: of a fresh database · folder: for the service's files. Both are set before an example begins."""

    url = ""
    folder = Path()


def run_on_sqlite(machine: type[ServiceMachine], template: Path, *, examples: int, steps: int) -> None:
    """template: a database file that has the schema."""
    with tempfile.TemporaryDirectory(prefix="fanoplane-machine-") as folder:
        numbers = count()

        class OnSqlite(machine):  # type: ignore[misc, valid-type]
            def __init__(self) -> None:
                self.folder = Path(folder)
                self.url = f"sqlite:///{shutil.copy(template, self.folder / f'{next(numbers)}.sqlite3')}"
                super().__init__()

        run_state_machine_as_test(OnSqlite, settings=_settings(examples, steps))


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

    run_state_machine_as_test(OnPostgresql, settings=_settings(examples, steps))


def _settings(examples: int, steps: int) -> settings:
    return settings(
        max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=list(HealthCheck)
    )
