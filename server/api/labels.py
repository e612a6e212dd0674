"""Private labels over HTTP, as JSON or CSV."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from server.api.dependencies import KnownQueryOnly, ReaderOnly, ServicesOf
from server.api.devices import matches
from server.api.label_schemas import LabelsOut
from server.api.openapi import problems
from server.services.estimates import Asked
from server.services.label_views import LabelView

__all__ = ["router"]

router = APIRouter(prefix="/v1/collections", tags=["labels"], dependencies=[KnownQueryOnly, ReaderOnly])

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "JSON, or CSV with one header row and one row for each label", "content": {"text/csv": {}}},
    304: {"description": "The reports are still the same"},
}


@router.get(
    "/{collection_id}/labels",
    response_model=LabelsOut,
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
    headers = {"ETag": rendered.etag, "Cache-Control": "no-cache", "Fano-Provenance": rendered.provenance}
    if matches(request.headers.get("if-none-match"), rendered.etag):
        return Response(status_code=304, headers=headers)
    return Response(rendered.content, headers=headers, media_type=rendered.media_type)
