"""Counts and logs every request by its route's template. Plain ASGI."""

import logging
import random
import time
from collections.abc import Callable

import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.observability.metrics import Metrics

__all__ = ["REQUEST_ID_HEADER", "Observed", "Observer", "request_id"]

REQUEST_ID_HEADER = "fano-request-id"

_UPLOAD = "/v1/collections/{collection_id}/reports"
_UPLOAD_PREFIX, _UPLOAD_SUFFIX = "/v1/collections/", "/reports"
_HEADER = REQUEST_ID_HEADER.encode()
_PROBLEM = b"application/problem+json"
_NO_ROUTE = "none"
_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

_numbers = random.Random()  # noqa: S311 - tells requests apart and guards nothing; asking the system costs a call for each
_log = logging.getLogger("fano.request")


class _Problem(msgspec.Struct):
    type: str = ""


_problem_decoder = msgspec.json.Decoder(_Problem)


def request_id() -> str:
    """Of the service's own making: one that was sent could name a device."""
    return f"{_numbers.getrandbits(64):016x}"


class Observer:
    """Told of every answered request.

    template_of: the template of a path that no route has claimed, None when it is unknown ·
    rejected: told the collection's id and the problem's slug of each rejected upload.
    """

    def __init__(
        self, metrics: Metrics, template_of: Callable[[str], str | None], rejected: Callable[[str, str], None]
    ) -> None:
        self._metrics = metrics
        self._template_of = template_of
        self._rejected = rejected

    def answered(self, scope: Scope, number: str, status: int, problem: str | None, seconds: float) -> None:
        """Count and log a request. number: its id · problem: the slug, when the answer was a problem document."""
        route = self._route(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"  # whoever asks may send any word
        self._metrics.request(route, method, status, seconds)
        if problem:
            upload = route == _UPLOAD and method == "POST"
            self._metrics.problem(problem, upload=upload)
            if upload:
                self._rejected(scope["path"][len(_UPLOAD_PREFIX) : -len(_UPLOAD_SUFFIX)], problem)
        if _log.isEnabledFor(logging.INFO):
            fields = {"request_id": number, "route": route, "method": method, "status": status}
            fields["milliseconds"] = round(1_000 * seconds, 2)
            _log.info("request", extra={**fields, **({"problem": problem} if problem else {})})

    def _route(self, scope: Scope) -> str:
        path: str = scope["path"]
        if path.startswith(_UPLOAD_PREFIX) and path.endswith(_UPLOAD_SUFFIX) and path.count("/") == 4:
            return _UPLOAD
        route = getattr(scope.get("route"), "path", None)
        if route:  # one of a mounted application is named with the path that it is mounted at
            mounted: str = scope.get("root_path", "")
            return mounted.removeprefix(scope.get("app_root_path", "")) + str(route)
        return self._template_of(path) or _NO_ROUTE


class Observed:
    """Tells the observer of each request to an application, and the answer its id."""

    def __init__(self, app: ASGIApp, *, observer: Observer) -> None:
        self._app = app
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = request_id()
        start = time.perf_counter()
        status, problem = 0, None

        async def observe(message: Message) -> None:
            nonlocal status, problem
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"] = list(message.get("headers", ()))
                if status >= 400 and any(value == _PROBLEM for name, value in headers if name == b"content-type"):
                    problem = ""
                headers.append((_HEADER, number.encode()))
            elif problem == "":
                problem = _slug(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, observe)
        finally:
            if status:  # else whoever asked went away without an answer
                self._observer.answered(scope, number, status, problem, time.perf_counter() - start)


def _slug(body: bytes) -> str | None:
    try:
        return _problem_decoder.decode(body).type.rpartition(":")[2] or None
    except msgspec.DecodeError:
        return None
