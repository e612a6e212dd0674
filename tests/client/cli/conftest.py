from collections.abc import Callable, Iterator

import pytest
from click.testing import CliRunner, Result

from client.cli import options
from client.cli.application import application
from client.rest import AdminClient
from tests.client.fake_service import ADMIN, FakeService, served
from tests.services.in_process import ADMIN_TOKEN, InProcess
from tests.services.in_process_wire import InProcessWire

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


@pytest.fixture
def fano_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[InProcess], Fano]:
    """Runs command lines against a real service of this process."""

    def at(running: InProcess) -> Fano:
        wire = InProcessWire(running)
        monkeypatch.setattr(options, "AdminClient", lambda url, token: AdminClient(url, token, wire=wire))
        monkeypatch.setenv("FANO_ADMIN_TOKEN", ADMIN_TOKEN)
        return lambda *arguments: CliRunner().invoke(application, list(arguments))

    return at
