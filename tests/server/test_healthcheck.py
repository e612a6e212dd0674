"""The container's health check: 0 when the service is ready, else 1 and why, whatever answers at the address."""

import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from server.cli.healthcheck import main
from tests.services.real_server import real_server


@pytest.fixture
def answering() -> Iterator[str]:
    """The address of something that speaks no HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with listener.accept()[0] as connection:
                connection.recv(1_000)
                connection.sendall(b"220 ready to take your mail\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)


def test_something_else_at_the_address_is_not_healthy(answering: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(answering) == 1
    assert "no answer" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["nonsense", "http://[::1", "http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_an_address_without_a_service_is_not_healthy(address: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(address) == 1
    assert f"no answer at {address}" in capsys.readouterr().err


@pytest.mark.service
def test_a_locked_database_is_told_and_not_waited_for_in_vain(
    sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        real_server(tmp_path, sqlite_url) as server,
        closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)) as other,
    ):
        assert main(server.url) == 0
        other.execute("BEGIN IMMEDIATE")
        assert main(server.url) == 1
        told = capsys.readouterr().err
        assert told.startswith("database: "), told
        other.execute("ROLLBACK")
        assert main(server.url) == 0
