"""Answers as they cross the connection of a real `fano serve`: each in one piece, whole and in order."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from server.cli import one_write
from tests.services.real_server import RealServer, real_server

pytestmark = pytest.mark.service

_ASK = b"GET /healthz HTTP/1.1\r\nHost: x\r\n%s\r\n"
_BODY = b'{"status":"ok"}'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    folder = tmp_path_factory.mktemp("one-write")
    with real_server(folder, f"sqlite:///{folder / 'fano.sqlite3'}") as running:
        yield running


def connected(server: RealServer) -> socket.socket:
    where = urlsplit(server.url)
    return socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=10)


def test_the_head_and_the_body_of_an_answer_come_together(server: RealServer) -> None:
    with connected(server) as connection:
        for _ in range(20):
            connection.sendall(_ASK % b"")
            answer = connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.endswith(b"\r\n\r\n" + _BODY)


def test_answers_to_requests_sent_at_once_come_in_order(server: RealServer) -> None:
    with connected(server) as connection:
        connection.sendall(_ASK % b"" + b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        everything = b"".join(iter(lambda: connection.recv(65_536), b""))
    first, second = everything.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200")
    assert second.startswith(b"404")


def test_the_connection_is_closed_after_the_whole_of_a_long_answer(server: RealServer) -> None:
    with connected(server) as connection:
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        head, _, body = b"".join(iter(lambda: connection.recv(65_536), b"")).partition(b"\r\n\r\n")
    announced = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: "))
    assert len(body) == int(announced.split()[1]) > 100_000


def test_much_is_not_held_back() -> None:
    """An application that writes without ever waiting must meet the transport's limit, and not fill the memory."""
    written: list[int] = []

    class Transport:
        def is_closing(self) -> bool:
            return False

        def write(self, data: bytes) -> None:
            written.append(len(data))

    async def scenario() -> None:
        joining = one_write._Joining(Transport(), asyncio.get_running_loop())  # type: ignore[arg-type]
        for _ in range(5):
            joining.write(bytes(40_000))
        assert written == [80_000, 80_000]
        await asyncio.sleep(0)
        assert written == [80_000, 80_000, 40_000]

    asyncio.run(scenario())


def test_what_was_loaded_at_the_start_is_out_of_the_collectors_sight(tmp_path: Path) -> None:
    check = (
        "from server.cli.serving import application; application(); import gc; assert gc.get_freeze_count() > 50_000"
    )
    environment = {"FANO_DATABASE_URL": f"sqlite:///{tmp_path / 'fano.sqlite3'}", "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", check], env=environment, check=True, timeout=60)
