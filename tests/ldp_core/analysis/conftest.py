"""Analyses are tested by `make test`; `make check` leaves them out to stay under a minute."""

from pathlib import Path

import pytest

from tests.conftest import leaves_out

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.thorough)


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Where all are left out, none is imported: their solvers alone take seconds."""
    return True if leaves_out(config, {"thorough"}) else None
