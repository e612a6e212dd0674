"""Items over time, and two windows or cohorts against each other."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from server.api.comparison_schemas import CompareOut, CompareRequest, SideIn
from server.api.dependencies import KnownQueryOnly, ReaderOnly, ServicesOf, read_json
from server.api.openapi import json_body, problems
from server.api.series_schemas import SeriesOut
from server.services.comparisons import Comparison, Group, compare
from server.services.estimates import Asked
from server.services.series import SeriesQuestion

__all__ = ["router"]

router = APIRouter(prefix="/v1/collections", tags=["estimates"], dependencies=[KnownQueryOnly, ReaderOnly])

_PROBLEMS = (
    "unknown-token",
    "insufficient-scope",
    "unknown-collection",
    "invalid-parameters",
    "database-unavailable",
)


@router.get("/{collection_id}/series", response_model=SeriesOut, responses=problems(*_PROBLEMS))
async def get_series(
    collection_id: str,
    services: ServicesOf,
    item: Annotated[list[str], Query(min_length=1, max_length=50, description="its text; may be repeated")],
    window: Annotated[str | None, Query(description='only these windows, such as "20000..20029"')] = None,
    cohort: Annotated[str | None, Query(description="only this cohort, by its declared name")] = None,
    version: Annotated[
        int | None, Query(ge=1, le=(1 << 31) - 1, description="the current one, when left out; they never mix")
    ] = None,
    decoder: Annotated[str | None, Query(description="one of the mechanism's decoders")] = None,
    confidence: Annotated[float, Query(gt=0, lt=1, description="of every interval")] = 0.95,
) -> dict[str, Any]:
    """Items window by window. Windows below `min_reports` are listed with their n and withheld."""
    question = SeriesQuestion(
        item, window=window, cohort=cohort, version=version, decoder=decoder, confidence=confidence
    )
    return await asyncio.wrap_future(services.series.submit(collection_id, question))


@router.post(
    "/{collection_id}/compare",
    response_model=CompareOut,
    openapi_extra=json_body("CompareRequest"),
    responses=problems(*_PROBLEMS, "malformed-body", "too-large", "unsupported-media-type", "not-enough-reports"),
)
async def compare_reports(collection_id: str, request: Request, services: ServicesOf) -> dict[str, Any]:
    """Two windows, or two cohorts: which items differ, by how much, and how sure that is."""
    wanted = await read_json(request, CompareRequest)

    def asked(side: SideIn) -> Asked:
        return Asked(window=side.window, cohort=side.cohort, decoder=wanted.decoder)

    comparison = Comparison(
        first=asked(wanted.first),
        second=asked(wanted.second),
        confidence=wanted.confidence,
        top=wanted.top,
        groups=[Group(group.name, group.items) for group in wanted.groups],
    )
    answer = services.estimates.run(
        collection_id, lambda estimates, row: compare(estimates, row, comparison), wanted.version
    )
    return await asyncio.wrap_future(answer)
