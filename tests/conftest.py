"""Databases of both kinds, and the application on them."""

import gc
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.storage.database import Database
from server.storage.schema import upgrade
from tests.services.in_process import InProcess, settings
from tests.services.postgresql import PostgresqlCluster, postgresql_cluster

ENGINES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlCluster]:
    """The PostgreSQL server of this test process."""
    with postgresql_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that has the schema, to be copied."""
    file = tmp_path_factory.mktemp("template") / "template.sqlite3"
    database = Database(f"sqlite:///{file}")
    upgrade(database)
    database.dispose()  # the last connection folds the write-ahead log into the file
    return file


@pytest.fixture(params=ENGINES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with the schema and nothing in it, once for each engine."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        yield f"sqlite:///{shutil.copy(template, tmp_path / 'fano.sqlite3')}"
    else:
        cluster: PostgresqlCluster = request.getfixturevalue("postgresql")
        with cluster.database() as url:
            yield url


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A SQLite database with the schema and nothing in it."""
    return f"sqlite:///{shutil.copy(sqlite_template, tmp_path / 'fano.sqlite3')}"


@pytest.fixture(params=ENGINES)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without any table, once for each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    else:
        cluster: PostgresqlCluster = request.getfixturevalue("postgresql")
        with cluster.database(empty=True) as url:
            yield url


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[InProcess]:
    """The application on a fresh database of each engine."""
    with InProcess(settings(database_url, data_dir=tmp_path)) as running:
        yield running


@pytest.fixture
def sqlite_service(sqlite_url: str, tmp_path: Path) -> Iterator[InProcess]:
    """The application on a fresh SQLite database."""
    with InProcess(settings(sqlite_url, data_dir=tmp_path)) as running:
        yield running


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Says what a long test measured, at the end of the run, also when tests run in several processes."""
    return lambda text: record_property("told", text)


_ANY_MARK = re.compile(r"pytest\.mark\.(\w+)")


def leaves_out(config: pytest.Config, marks: set[str]) -> bool:
    """Whether `-m "not …"` of this run leaves out whatever has one of these marks."""
    chosen: str = config.option.markexpr
    return " or " not in chosen and bool(marks & set(re.findall(r"not (\w+)", chosen)))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A module all of whose tests are left out is not even imported: some import a browser or a solver for seconds."""
    if collection_path.suffix != ".py":
        return None
    lines = collection_path.read_text().splitlines()
    marks = {mark for line in lines if line.startswith("pytestmark = ") for mark in _ANY_MARK.findall(line)}
    return True if leaves_out(config, marks) else None


def pytest_collection_finish() -> None:
    """What is imported by now stays: the garbage collector need not look through a million objects again and again."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for outcome in ("passed", "failed") for report in terminalreporter.getreports(outcome)]
    told = [str(value) for report in reports for name, value in report.user_properties if name == "told"]
    if told:
        terminalreporter.section("measured")
        for line in told:
            terminalreporter.write_line(line)
