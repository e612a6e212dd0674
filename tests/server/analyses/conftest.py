"""One service for many questions."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.in_process import InProcess, settings


@pytest.fixture(scope="package")
def running(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    """Its workers take a while to start."""
    folder = tmp_path_factory.mktemp("analyses")
    file = folder / "fano.sqlite3"
    file.write_bytes(sqlite_template.read_bytes())
    with InProcess(settings(f"sqlite:///{file}", data_dir=folder, jobs_per_token=4)) as service:
        yield service
