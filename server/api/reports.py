"""The upload route. It is the one that phones hammer, so it is a bare Starlette route; `openapi.py` describes it."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from server.api.dependencies import bearer_token, media_type
from server.services.services import Services

__all__ = ["upload_reports"]

_encode = msgspec.json.Encoder().encode


async def upload_reports(request: Request) -> Response:
    """Count a batch and answer after the commit."""
    services: Services = request.app.state.services
    headers = request.headers
    collection_id = request.path_params["collection_id"]
    view = await services.intake.authorize(collection_id, bearer_token(headers.get("authorization")))
    body = await request.body()
    receipt = await services.intake.accept(view, media_type(headers.get("content-type")), body)
    services.metrics.upload(receipt.accepted, replayed=receipt.replayed)
    services.intake_counts.acknowledged(collection_id, receipt.accepted, replayed=receipt.replayed)
    answer = {"accepted": receipt.accepted, "replayed": receipt.replayed, "rejected": ()}
    return Response(_encode(answer), media_type="application/json")
