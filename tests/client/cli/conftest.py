from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from client.cli.application import application
from tests.client.fake_service import ADMIN, FakeService, served

Fano = Callable[..., Result]


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def fano(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fano]:
    """Runs a command line against the fake service, whose address and token are in the environment."""
    with served(service) as url:
        monkeypatch.setenv("FANO_URL", url)
        monkeypatch.setenv("FANO_ADMIN_TOKEN", ADMIN)

        def run(*arguments: str) -> Result:
            return CliRunner().invoke(application, list(arguments))

        yield run
