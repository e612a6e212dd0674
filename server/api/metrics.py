"""Metrics for a Prometheus server, which shows a token: they tell how much is reported, and that is nobody else's business."""

import hmac
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from server.api.dependencies import KnownQueryOnly, ServicesOf
from server.api.openapi import problems
from server.observability.metrics import CONTENT_TYPE
from server.refusals import DatabaseUnavailable
from server.services.tokens import token_sha256

__all__ = ["router"]

router = APIRouter(tags=["operation"], dependencies=[KnownQueryOnly])

_bearer = HTTPBearer(auto_error=False, scheme_name="metricsToken", description="FANO_METRICS_TOKEN, or an admin token.")


def _may_scrape(
    services: ServicesOf, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> None:
    given = None if credentials is None else credentials.credentials
    wanted = services.settings.metrics_token
    known = b"" if wanted is None else token_sha256(wanted.get_secret_value())
    if given is not None and hmac.compare_digest(token_sha256(given), known):
        return
    services.tokens.require_admin(given)


@router.get(
    "/metrics",
    response_class=Response,
    dependencies=[Depends(_may_scrape)],
    responses={
        200: {
            "description": "Prometheus' text format",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **problems("unknown-token", "insufficient-scope", "database-unavailable"),
    },
)
def get_metrics(services: ServicesOf) -> Response:
    """Requests, uploads, the writer, decoding and the backlog, as Prometheus reads them."""
    metrics = services.metrics
    metrics.waiting(services.writer.waiting)
    try:
        metrics.backlog(**services.backlog.ages()._asdict())
    except DatabaseUnavailable:
        services.metrics.backlog_unknown()
    return Response(metrics.exposition(), media_type=CONTENT_TYPE)
