"""The service that generated requests go to, once for each engine."""

import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.conftest import ENGINES
from tests.contract.in_process_session import answered_in_process
from tests.contract.target import Target
from tests.services.in_process import InProcess, settings
from tests.services.postgresql import PostgresqlCluster


@pytest.fixture(scope="module", params=ENGINES)
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("contract")
    with ExitStack() as stack:
        if request.param == "sqlite":
            template: Path = request.getfixturevalue("sqlite_template")
            url = f"sqlite:///{shutil.copy(template, folder / 'fano.sqlite3')}"
        else:
            cluster: PostgresqlCluster = request.getfixturevalue("postgresql")
            url = stack.enter_context(cluster.database())
        # each request about an array gets one of its own
        service = stack.enter_context(InProcess(settings(url, data_dir=folder, arrays_per_token=100_000)))
        stack.enter_context(answered_in_process(service))
        yield Target(service)


@pytest.fixture
def every_route_is_reached(request: pytest.FixtureRequest, target: Target) -> Iterator[None]:
    """A run in which every request is refused would say little: each operation answers with success at least once."""
    yield
    operation = re.search(r"\[([A-Z]+ [^]]+)\]", request.node.name)
    assert operation is not None
    answered = {status for name, status in target.answers if name == operation[1]}
    assert any(status < 300 for status in answered), (operation[1], answered)
