"""Over the connection of a real `fano serve`: what is no request, what never ends, and what would rather be another protocol."""

import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from server.api.problems import PROBLEMS
from tests.server.test_serve import opened
from tests.services.collection import TestCollection
from tests.services.real_server import RealServer, real_server

pytestmark = pytest.mark.service

LOOK_OFTEN = "import server.cli.bounded_protocol as bounds; bounds._LOOK_SECONDS = 0.5;"
STATUS = re.compile(rb"HTTP/1\.1 (\d+) ")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    folder = tmp_path_factory.mktemp("bounded")
    with real_server(folder, f"sqlite:///{folder / 'fano.sqlite3'}") as running:
        yield running


@pytest.fixture(scope="module")
def impatient_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    folder = tmp_path_factory.mktemp("impatient")
    with real_server(folder, f"sqlite:///{folder / 'fano.sqlite3'}", before=LOOK_OFTEN) as running:
        yield running


@pytest.fixture(scope="module")
def collection(server: RealServer) -> TestCollection:
    return opened(server)


def connected(server: RealServer) -> socket.socket:
    where = urlsplit(server.url)
    return socket.create_connection((str(where.hostname), int(where.port or 0)), timeout=30)


def everything(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65_536), b""))


def said(server: RealServer, *sent: bytes) -> bytes:
    """All that the server answers before it closes the connection."""
    with connected(server) as connection:
        for part in sent:
            connection.sendall(part)
        return everything(connection)


def head(collection: TestCollection, *headers: str) -> bytes:
    token = collection.write_headers["Authorization"]
    lines = [f"POST {collection.reports_path} HTTP/1.1", "Host: x", f"Authorization: {token}", *headers]
    return "\r\n".join([*lines, "Content-Type: application/json", "", ""]).encode()


def upload(collection: TestCollection, *headers: str) -> bytes:
    body = json.dumps(collection.batch([1])).encode()
    return head(collection, *headers, f"Content-Length: {len(body)}") + body


def assert_told(answer: bytes) -> dict[str, Any]:
    """One problem document that a page of any origin can read, and the end of the connection."""
    first, _, body = answer.partition(b"\r\n\r\n")
    headers = {line.partition(b": ")[0]: line.partition(b": ")[2] for line in first.split(b"\r\n")[1:]}
    assert first.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"access-control-allow-origin"] == b"*"
    assert headers[b"connection"] == b"close"
    problem: dict[str, Any] = json.loads(body)
    assert int(headers[b"content-length"]) == len(body)
    assert problem["type"] == PROBLEMS["malformed-request"].urn
    assert problem.keys() == {"type", "title", "status", "detail"}
    return problem


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",
        b"FETCH / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x01b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"CONNECT there:443 HTTP/1.1\r\nHost: there:443\r\n\r\n",
    ],
)
def test_what_is_no_request_is_told_as_a_problem(server: RealServer, sent: bytes) -> None:
    assert_told(said(server, sent))


def test_a_broken_body_is_told_as_a_problem(server: RealServer, collection: TestCollection) -> None:
    assert_told(said(server, head(collection, "Transfer-Encoding: chunked"), b"no number\r\n"))


def test_what_was_asked_before_a_broken_request_is_answered(server: RealServer, collection: TestCollection) -> None:
    """Else the refusal of the second would be read as that of the first, which was counted."""
    answer = said(server, upload(collection) + upload(collection) + b"no request\r\n\r\n")
    assert STATUS.findall(answer) == [b"200", b"200"]
    assert answer.count(b'"replayed":false') == 2


@pytest.mark.parametrize(
    "begin",
    [
        "GET /",
        "GET / HTTP/1.1\r\nX-Long: ",
        "POST /v1/plan HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;",
        "POST /v1/plan HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n",
        "POST /v1/plan HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nX-Long: ",
    ],
    ids=["address", "header", "chunk extension", "refused body", "trailer"],
)
def test_what_no_application_reads_is_bounded(server: RealServer, begin: str) -> None:
    def flood() -> None:
        for _ in range(8_192):  # 512 MiB
            connection.sendall(b"a" * 65_536)

    with connected(server) as connection:
        connection.sendall(begin.encode())
        with pytest.raises(OSError, match=r"reset|[Pp]ipe"):
            flood()


def test_a_body_in_the_smallest_chunks_is_taken(server: RealServer, collection: TestCollection) -> None:
    body = json.dumps(collection.batch([1] * 9_000)).encode()
    chunks = b"".join(b"01\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    sent = head(collection, "Transfer-Encoding: chunked", "Connection: close") + chunks
    assert b'"accepted":9000' in said(server, sent)


@pytest.mark.parametrize("upgrade", ["h2c", "websocket"])
@pytest.mark.parametrize("apart", [False, True])
def test_whoever_would_rather_speak_another_protocol_is_served(
    server: RealServer, collection: TestCollection, upgrade: str, apart: bool
) -> None:
    """Some clients ask for HTTP/2 with every first request; its body follows all the same."""
    wish = ("Connection: Upgrade, HTTP2-Settings", f"Upgrade: {upgrade}", "HTTP2-Settings: AAMAAABkAAQAAP__")
    first, second = upload(collection, *wish), upload(collection, *wish, "Connection: close")
    cut = first.index(b"\r\n\r\n") + 4
    answer = said(server, *((first[:cut], first[cut:]) if apart else (first,)), second)
    assert STATUS.findall(answer) == [b"200", b"200"]
    assert answer.count(b'"replayed":false') == 2


@pytest.mark.parametrize("cut", [0, 20, -3])
def test_a_request_that_does_not_go_on_is_cut_off(impatient_server: RealServer, cut: int) -> None:
    body = b'{"domain_size": 10, "epsilon": "1"}'
    asked = b"POST /v1/plan HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )
    assert said(impatient_server, asked[:cut]) == b""


def test_a_refused_request_that_does_not_end_is_cut_off(
    impatient_server: RealServer, collection: TestCollection
) -> None:
    answer = said(impatient_server, upload(collection)[:-3])
    assert STATUS.findall(answer) == [b"404"]
