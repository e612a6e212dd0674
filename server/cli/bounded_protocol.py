"""What the HTTP server does before the application: of what is no request it tells what is wrong as every other part of the service
does, it reads no more around a body than a request needs, waits for none without end, and speaks no other protocol than HTTP/1.1.
How long a body may be, the application knows.

A connection that is too slow is closed without an answer, as if it had been lost: a phone then sends its batch again, and
would drop it after a refusal.
"""

import asyncio

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from server.api.boundary import CORS_HEADERS
from server.api.problems import problem_response
from server.cli.one_write import OneWriteProtocol

__all__ = ["BoundedProtocol"]

_MOST_AROUND = 1 << 16
_AROUND_A_BYTE = 16
"""A body in chunks of a single byte has 5 bytes around each, and its sender may write their lengths with leading zeros."""

_MOST_UNREAD = 1 << 28
"""Of a body that was refused already: many a sender looks for the answer only when it has sent everything."""

_LOOK_SECONDS = 20.0
_FEWEST_BYTES = 10_000


class BoundedProtocol(OneWriteProtocol):
    """uvicorn's HTTP protocol with bounds on what surrounds bodies and on slowness."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to serve a connection."""
        super().connection_made(transport)
        self._refused = False
        self._around = self._body = self._heard = 0
        self._seen: object = self  # the request that was not all there at the last look
        self._look_out = self.loop.call_later(_LOOK_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._look_out.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what has come."""
        if self._refused:
            return
        before = self.scope
        self._heard += len(data)
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._read_anew(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse("this is no HTTP/1.1 request, or its lengths contradict each other")
        if self.scope is not before:  # what came together with the beginning of a request is bounded by one read
            self._around = self._body = 0
            return
        self._around += len(data)
        if self._body > _MOST_UNREAD and self.cycle.response_complete:
            self._refused = True
            self.transport.close()
        elif self._around > _MOST_AROUND + (1 + _AROUND_A_BYTE) * self._body and not self._refused:
            self._refuse(f"the request line, the headers and what else is around the body exceed {_MOST_AROUND} bytes")

    def on_body(self, body: bytes) -> None:
        """A part of the body is there."""
        self._body += len(body)
        HttpToolsProtocol.on_body(self, body)

    def on_message_complete(self) -> None:
        """All of a request is there."""
        if not self.parser.should_upgrade():
            HttpToolsProtocol.on_message_complete(self)

    def on_headers_complete(self) -> None:
        """The head is there."""
        if not self.parser.should_upgrade():  # else it is read anew, and then is there
            HttpToolsProtocol.on_headers_complete(self)

    def _read_anew(self, rest: bytes) -> None:
        """Take the wish for another protocol out of a request, and read it in this one, as whoever sent it must expect (RFC 9110, section
        7.8). The parser believes that such a request has no body. rest: what came behind its head."""
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse("this is no proxy")
            return
        head = [method, b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            if name != b"connection":
                head += [name, b": ", value, b"\r\n"] if name != b"upgrade" else []
            elif b"close" in value.lower():
                head.append(b"connection: close\r\n")
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"".join([*head, b"\r\n", rest]))

    def _refuse(self, detail: str) -> None:
        """Answer what cannot be read, after what was asked before it, and close the connection."""
        self._refused = True
        cycle = self.cycle
        its_own = cycle is not None and cycle.scope is self.scope and cycle.more_body
        if cycle is not None and not cycle.response_complete and not its_own:
            cycle.keep_alive = False  # closes after this answer, which says to a request before that it was counted
            return
        if not (its_own and (cycle.response_started or self.pipeline)):
            self.transport.write(_answer(detail, self.server_state.default_headers))
        self.transport.close()

    def _look(self) -> None:
        """Close the connection if since the last look too little came of a request that has not all come."""
        self._look_out = self.loop.call_later(_LOOK_SECONDS, self._look)
        cycle = self.cycle
        head_is_there = cycle is not None and cycle.scope is self.scope
        waits_for_us = self.flow.read_paused or (head_is_there and cycle.waiting_for_100_continue)
        unfinished = (cycle.more_body if head_is_there else True) and not waits_for_us
        if unfinished and self._seen is self.scope and self._heard < _FEWEST_BYTES:
            self.transport.close()
        self._seen = self.scope if unfinished else self
        self._heard = 0


def _answer(detail: str, default_headers: list[tuple[bytes, bytes]]) -> bytes:
    """A whole problem document as it crosses the connection."""
    problem = problem_response("malformed-request", detail)
    headers = [*default_headers, *problem.raw_headers, *CORS_HEADERS, (b"connection", b"close")]
    head = b"".join(b"%s: %s\r\n" % header for header in headers)
    return STATUS_LINE[problem.status_code] + head + b"\r\n" + bytes(problem.body)
