from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.sdk import Client
from client.sdk.retrying import RetryPolicy
from client.sdk.transport import open_http
from tests.client.fake_service import FakeService, wire

URL = "https://fano.test"


@pytest.fixture
def service() -> FakeService:
    service = FakeService()
    service.add("c1")
    return service


@pytest.fixture
def phone(service: FakeService, tmp_path: Path) -> Callable[..., Client]:
    """Builds a client whose file is in tmp_path and whose waits take no time."""

    def build(**changes: Any) -> Client:
        settings: dict[str, Any] = {
            "write_key": "key-c1",
            "max_epsilon": "2",
            "lifetime_epsilon": "4",
            "store": tmp_path / "device.db",
            "retry": RetryPolicy(attempts=4, base_seconds=0, cap_seconds=0, patience_seconds=2),
            "http": open_http(URL, wire=wire(service)),
        }
        return Client(URL, **(settings | changes))

    return build
