"""Estimates over HTTP, as JSON or CSV."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from server.api.dependencies import KnownQueryOnly, ReaderOnly, ServicesOf
from server.api.estimate_schemas import EstimateOut
from server.api.rendered import rendered_answers, rendered_response
from server.services.estimate_views import EstimateView
from server.services.estimates import Asked

__all__ = ["router"]

router = APIRouter(prefix="/v1/collections", tags=["estimates"], dependencies=[KnownQueryOnly, ReaderOnly])

PostProcess = Literal["norm_sub", "simplex", "base_cut", "empirical_bayes"]


@router.get(
    "/{collection_id}/estimates",
    response_model=EstimateOut,
    responses=rendered_answers("item"),
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
    return rendered_response(request, rendered)
