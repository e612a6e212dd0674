"""The outer layers: what every answer carries, and how much of a request is read. Plain ASGI."""

import asyncio
import logging

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.api.problems import problem_response, refusal_response
from server.refusals import Overloaded, TooLarge

__all__ = ["CORS_HEADERS", "BodyLimit", "Boundary", "content_length", "ending", "too_large", "unexpected_answer"]

_log = logging.getLogger(__name__)

CORS_HEADERS = (
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"ETag, Link, Location, Retry-After, WWW-Authenticate, Fano-Provenance, Fano-Request-Id",
    ),
)
"""Let browsers of any origin read the answer."""

_PREFLIGHT = (
    (b"access-control-allow-methods", b"GET, POST, PATCH, DELETE"),
    (b"access-control-allow-headers", b"Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match"),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
)


class Boundary:
    """Lets browsers of any origin read every answer, also the 500 that unexpected errors become.

    The API neither sets nor reads a cookie, so an open origin gives a page nothing that its user's token does not. The dashboard
    does, and is closed to other origins.

    closed: the path below which no other origin may read.
    """

    def __init__(self, app: ASGIApp, *, closed: str) -> None:
        self._app = app
        self._closed = closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False
        is_open = not f"{scope['path']}/".startswith(f"{self._closed}/")

        async def send_with_cors(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), *(CORS_HEADERS if is_open else ())]
            await send(message)

        if is_open and scope["method"] == "OPTIONS" and _is_preflight(scope):
            await send_with_cors({"type": "http.response.start", "status": 204, "headers": list(_PREFLIGHT)})
            await send({"type": "http.response.body", "body": b""})
            return
        try:
            await self._app(scope, receive, send_with_cors)
        except ClientDisconnect:
            return  # whoever asked has gone away: nobody to answer
        except asyncio.CancelledError:
            if started:
                raise
            await refusal_response(ending())(scope, receive, send_with_cors)
        except Exception:
            answer = unexpected_answer(scope)
            if started:
                raise
            await answer(scope, receive, send_with_cors)


def unexpected_answer(scope: Scope) -> Response:
    """Log the exception that is being handled; the answer for whoever asked."""
    _log.exception("an unexpected error in %s", scope.get("route", "a route"))
    return problem_response("internal", "an unexpected error; it was logged. Uploads may be sent again, unchanged")


def _is_preflight(scope: Scope) -> bool:
    return any(name == b"access-control-request-method" for name, _ in scope["headers"])


class BodyLimit:
    """Refuses a body above its limit, by its announced length at once, else as soon as it grows too long.

    upload_bytes: for paths that end in /reports · array_bytes: for those that end in /arrays · other_bytes: for all others.
    """

    def __init__(self, app: ASGIApp, *, upload_bytes: int, array_bytes: int, other_bytes: int) -> None:
        self._app = app
        self._upload_bytes, self._array_bytes, self._other_bytes = upload_bytes, array_bytes, other_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        announced = content_length(scope)
        if announced is not None:
            # the HTTP server delivers no more than was announced
            if announced > limit:
                await refusal_response(too_large(limit))(scope, receive, send)
            else:
                await self._app(scope, receive, send)
            return
        read = 0

        async def receive_within_limit() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                raise too_large(limit)
            return message

        await self._app(scope, receive_within_limit, send)

    def _limit(self, path: str) -> int:
        if path.endswith("/reports"):
            return self._upload_bytes
        return self._array_bytes if path.endswith("/arrays") else self._other_bytes


def content_length(scope: Scope) -> int | None:
    """What the request announces of its body's length."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None


def ending() -> Overloaded:
    """Why a request is not waited for any longer: the HTTP server cancels what is left when the process is to end."""
    return Overloaded("the service ends and could not finish this in time; send the same again, an upload counts once")


def too_large(limit: int) -> TooLarge:
    """Why a body is not read on."""
    return TooLarge(f"the body is longer than the {limit} bytes that are read here; send less at once", limit=limit)
