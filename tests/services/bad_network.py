"""A network between phones and the service that loses requests and answers, doubles requests and lets them overtake each other."""

import http.client
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import urlsplit


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes


class BadNetwork:
    """Shares lie in 0..1 and are drawn for each request. Counts what it did."""

    def __init__(self, target: str, *, lost_requests: float, lost_answers: float, doubled: float, seed: int) -> None:
        self._target = urlsplit(target).netloc
        self._lost_requests, self._lost_answers, self._doubled = lost_requests, lost_answers, doubled
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._late: list[Request] = []
        self.requests_lost = self.answers_lost = self.doubles = self.late_arrivals = self.unexpected = 0

    def pass_on(self, request: Request) -> tuple[int, bytes] | None:
        """The answer, or None when it got lost on one of the two ways."""
        with self._lock:
            loss, doubling, delay, keeping = (self._random.random() for _ in range(4))
        time.sleep(0.03 * delay**4)  # now and then long enough for others to overtake
        if loss < self._lost_requests:
            self._add("requests_lost")
            return None
        answer = self.deliver(request)
        if doubling < self._doubled:
            self._add("doubles")
            self._expect_replay(self.deliver(request))
        elif keeping < self._doubled:  # a copy wanders about and arrives much later
            with self._lock:
                self._late.append(request)
        if loss < self._lost_requests + self._lost_answers:
            self._add("answers_lost")
            return None
        return answer

    def deliver(self, request: Request) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._target, timeout=30)
        try:
            connection.request("POST", request.path, request.body, request.headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def deliver_late(self) -> None:
        """The copies that wandered about arrive, in random order."""
        with self._lock:
            late, self._late = self._late, []
            self._random.shuffle(late)
        for request in late:
            self._add("late_arrivals")
            self._expect_replay(self.deliver(request))

    def _expect_replay(self, answer: tuple[int, bytes]) -> None:
        if answer[0] != 200 or b'"replayed":true' not in answer[1]:
            self._add("unexpected")

    def _add(self, counter: str) -> None:
        with self._lock:
            setattr(self, counter, getattr(self, counter) + 1)


@contextmanager
def serving(network: BadNetwork) -> Iterator[str]:
    """The address at which the network takes requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept = {name: self.headers[name] for name in ("Authorization", "Content-Type")}
            answer = network.pass_on(Request(self.path, kept, body))
            if answer is None:
                self.close_connection = True
                return
            self.send_response(answer[0])
            self.send_header("Content-Length", str(len(answer[1])))
            self.end_headers()
            self.wfile.write(answer[1])

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
