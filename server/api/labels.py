"""Private labels over HTTP, as JSON or CSV."""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from server.api.dependencies import KnownQueryOnly, ReaderOnly, ServicesOf
from server.api.label_schemas import LabelsOut
from server.api.rendered import rendered_answers, rendered_response
from server.services.estimates import Asked
from server.services.label_views import LabelView

__all__ = ["router"]

router = APIRouter(prefix="/v1/collections", tags=["labels"], dependencies=[KnownQueryOnly, ReaderOnly])


@router.get(
    "/{collection_id}/labels",
    response_model=LabelsOut,
    responses=rendered_answers("label"),
)
async def get_labels(
    collection_id: str,
    request: Request,
    services: ServicesOf,
    window: Annotated[
        str | None, Query(description='only these windows: one as "20000", several as "20000..20006"')
    ] = None,
    confidence: Annotated[float, Query(gt=0, lt=1, description="of the mean's interval")] = 0.95,
    rows: Annotated[bool, Query(description="each label too; else only their mean")] = True,
    version: Annotated[
        int | None, Query(ge=1, le=(1 << 31) - 1, description="the current one, when left out; they never mix")
    ] = None,
    format: Annotated[Literal["json", "csv"], Query(description="json or csv")] = "json",  # noqa: A002 - the API's name
) -> Response:
    """The private labels of rows so far: one unbiased number for each row that was reported once."""
    asked, view = Asked(window=window), LabelView(confidence=confidence, rows=rows, format=format)
    rendered = await asyncio.wrap_future(services.estimates.counted(collection_id, asked, view.render, version))
    return rendered_response(request, rendered)
