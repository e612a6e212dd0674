"""Estimates over HTTP, as JSON or CSV."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from server.api.dependencies import KnownQueryOnly, ReaderOnly, ServicesOf
from server.api.devices import matches
from server.api.estimate_schemas import EstimateOut
from server.api.openapi import problems
from server.services.estimate_views import EstimateView
from server.services.estimates import Asked

__all__ = ["router"]

router = APIRouter(prefix="/v1/collections", tags=["estimates"], dependencies=[KnownQueryOnly, ReaderOnly])

PostProcess = Literal["norm_sub", "simplex", "base_cut", "empirical_bayes"]

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "JSON, or CSV with one header row and one row for each item", "content": {"text/csv": {}}},
    304: {"description": "The reports are still the same"},
}


@router.get(
    "/{collection_id}/estimates",
    response_model=EstimateOut,
    responses={
        **_ANSWERS,
        **problems(
            "unknown-token",
            "insufficient-scope",
            "unknown-collection",
            "not-enough-reports",
            "invalid-parameters",
            "database-unavailable",
        ),
    },
)
async def get_estimates(
    collection_id: str,
    request: Request,
    services: ServicesOf,
    window: Annotated[
        str | None, Query(description='only these windows: one as "20000", several as "20000..20006"')
    ] = None,
    cohort: Annotated[str | None, Query(description="only this cohort, by its declared name")] = None,
    decoder: Annotated[str | None, Query(description="one of the mechanism's decoders; they agree bit for bit")] = None,
    confidence: Annotated[float, Query(gt=0, lt=1, description="of every interval and of the noise floor")] = 0.95,
    top: Annotated[
        int | None, Query(ge=1, description="only the largest, in falling order; else all, by index")
    ] = None,
    post: Annotated[
        list[PostProcess] | None, Query(description="post-processed shares beside the raw ones; may be repeated")
    ] = None,
    version: Annotated[
        int | None, Query(ge=1, le=(1 << 31) - 1, description="the current one, when left out; they never mix")
    ] = None,
    format: Annotated[Literal["json", "csv"], Query(description="json or csv")] = "json",  # noqa: A002 - the API's name
) -> Response:
    """The histogram so far, every number with its error."""
    asked = Asked(window=window, cohort=cohort, decoder=decoder)
    view = EstimateView(confidence=confidence, top=top, format=format, post=tuple(dict.fromkeys(post or ())))
    rendered = await asyncio.wrap_future(services.estimates.submit(collection_id, asked, view.render, version))
    headers = {"ETag": rendered.etag, "Cache-Control": "no-cache", "Fano-Provenance": rendered.provenance}
    if matches(request.headers.get("if-none-match"), rendered.etag):
        return Response(status_code=304, headers=headers)
    return Response(rendered.content, headers=headers, media_type=rendered.media_type)
