"""The upload route. It is the one that phones hammer, so it is bare ASGI in front of all layers of the application: no request object,
no dependencies, no models, no search among the routes. `openapi.py` describes it by hand.
"""

import asyncio
import time

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from server.api.boundary import CORS_HEADERS, content_length, ending, too_large, unexpected_answer
from server.api.dependencies import bearer_token, media_type, require_plain
from server.api.problems import refusal_response
from server.observability.observed import REQUEST_ID_HEADER, Observer, request_id
from server.refusals import Refusal
from server.services.services import Services

__all__ = ["UploadReports", "UploadsFirst"]

_BEFORE, _BEHIND = "/v1/collections/", "/reports"
_REQUEST_ID = REQUEST_ID_HEADER.encode()
_JSON = (b"content-type", b"application/json")

_encode = msgspec.json.Encoder().encode


class UploadReports:
    """Count a batch and answer after the commit."""

    def __init__(self, services: Services) -> None:
        self._intake = services.intake
        self._metrics = services.metrics
        self._counts = services.intake_counts
        self._most_bytes = services.settings.body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one upload. Raises the refusals of `Intake`, which become problem documents further out."""
        body = await self.receipt(scope, scope["path_params"]["collection_id"], receive)
        await send({"type": "http.response.start", "status": 200, "headers": _headers(body)})
        await send({"type": "http.response.body", "body": body})

    async def receipt(self, scope: Scope, collection_id: str, receive: Receive) -> bytes:
        """The answer to one upload, once it is stored. Raises the refusals of `Intake`, TooLarge or ClientDisconnect."""
        authorization = content_type = coding = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value.decode("latin-1")
            elif name == b"content-type":
                content_type = value.decode("latin-1")
            elif name == b"content-encoding":
                coding = value.decode("latin-1")
        announced = content_length(scope)
        if announced is not None and announced > self._most_bytes:
            raise too_large(self._most_bytes)
        view = await self._intake.authorize(collection_id, bearer_token(authorization))
        require_plain(coding)
        receipt = await self._intake.accept(view, media_type(content_type), await self._body(receive))
        self._metrics.upload(receipt.accepted, replayed=receipt.replayed)
        self._counts.acknowledged(collection_id, receipt.accepted, replayed=receipt.replayed)
        return _encode({"accepted": receipt.accepted, "replayed": receipt.replayed, "rejected": ()})

    async def _body(self, receive: Receive) -> bytes:
        """The whole body. Raises TooLarge as soon as it grows too long, ClientDisconnect when it ends early."""
        parts, read = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            part = message.get("body", b"")
            parts.append(part)
            read += len(part)
            if read > self._most_bytes:
                raise too_large(self._most_bytes)
            if not message.get("more_body", False):
                return parts[0] if len(parts) == 1 else b"".join(parts)


class UploadsFirst:
    """Takes uploads out before all other layers, and does at once what each of them would do for an upload."""

    def __init__(self, app: ASGIApp, upload: UploadReports, observer: Observer) -> None:
        self._app = app
        self._upload = upload
        self._observer = observer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        collection_id = _collection_of(scope)
        if collection_id is None:
            await self._app(scope, receive, send)
            return
        start, status, problem = time.perf_counter(), 200, None
        try:
            body = await self._upload.receipt(scope, collection_id, receive)
            headers = _headers(body)
        except ClientDisconnect:
            return  # whoever asked has gone away: nobody to answer
        except (Exception, asyncio.CancelledError) as cause:
            error = ending() if isinstance(cause, asyncio.CancelledError) else cause
            problem = error.slug if isinstance(error, Refusal) else "internal"
            answer = refusal_response(error) if isinstance(error, Refusal) else unexpected_answer(scope)
            status, headers, body = answer.status_code, answer.raw_headers, bytes(answer.body)
        number = request_id()
        headers += [*CORS_HEADERS, (_REQUEST_ID, number.encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        self._observer.answered(scope, number, status, problem, time.perf_counter() - start)


def _headers(body: bytes) -> list[tuple[bytes, bytes]]:
    return [_JSON, (b"content-length", b"%d" % len(body))]


def _collection_of(scope: Scope) -> str | None:
    """The collection that a request uploads to, None for any other request."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    path: str = scope["path"]
    if not (path.startswith(_BEFORE) and path.endswith(_BEHIND)):
        return None
    name = path[len(_BEFORE) : -len(_BEHIND)]
    return None if "/" in name or not name else name
