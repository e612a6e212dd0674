"""The upload route. It is the one that phones hammer, so it is bare ASGI in front of the router: no request object, no
dependencies, no models, no search among the routes. `openapi.py` describes it by hand.
"""

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from server.api.dependencies import bearer_token, media_type
from server.api.problems import refusal_response
from server.refusals import Refusal
from server.services.services import Services

__all__ = ["UploadReports", "UploadsFirst"]

_BEFORE, _BEHIND = "/v1/collections/", "/reports"

_encode = msgspec.json.Encoder().encode


class UploadReports:
    """Count a batch and answer after the commit."""

    def __init__(self, services: Services) -> None:
        self._intake = services.intake
        self._metrics = services.metrics
        self._counts = services.intake_counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one upload. Raises the refusals of `Intake`, which become problem documents further out."""
        authorization = content_type = None
        for name, value in scope["headers"]:
            if name == b"authorization":
                authorization = value.decode("latin-1")
            elif name == b"content-type":
                content_type = value.decode("latin-1")
        collection_id = scope["path_params"]["collection_id"]
        view = await self._intake.authorize(collection_id, bearer_token(authorization))
        receipt = await self._intake.accept(view, media_type(content_type), await _body(receive))
        self._metrics.upload(receipt.accepted, replayed=receipt.replayed)
        self._counts.acknowledged(collection_id, receipt.accepted, replayed=receipt.replayed)
        answer = _encode({"accepted": receipt.accepted, "replayed": receipt.replayed, "rejected": ()})
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(answer))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})


class UploadsFirst:
    """Takes uploads out before the router, whose layers cost a third of what else an upload needs; the rest passes."""

    def __init__(self, app: ASGIApp, upload: UploadReports) -> None:
        self._app = app
        self._upload = upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        collection_id = _collection_of(scope)
        if collection_id is None:
            await self._app(scope, receive, send)
            return
        scope["path_params"] = {"collection_id": collection_id}
        try:
            await self._upload(scope, receive, send)
        except Refusal as refusal:
            await refusal_response(refusal)(scope, receive, send)


def _collection_of(scope: Scope) -> str | None:
    """The collection that a request uploads to, None for any other request."""
    if scope["type"] != "http" or scope["method"] != "POST":
        return None
    path: str = scope["path"]
    if not (path.startswith(_BEFORE) and path.endswith(_BEHIND)):
        return None
    name = path[len(_BEFORE) : -len(_BEHIND)]
    return None if "/" in name or not name else name


async def _body(receive: Receive) -> bytes:
    """The whole body; `BodyLimit` bounds it. Raises ClientDisconnect when it ends early."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)
