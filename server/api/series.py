"""Items over time, and two windows or cohorts against each other."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query

from server.api.dependencies import AdminOnly, ServicesOf
from server.api.openapi import problems
from server.api.schemas import SeriesOut
from server.services.series import SeriesQuestion

__all__ = ["router"]

router = APIRouter(prefix="/v1/collections", tags=["estimates"], dependencies=[AdminOnly])

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
    decoder: Annotated[str | None, Query(description="one of the mechanism's decoders")] = None,
    confidence: Annotated[float, Query(gt=0, lt=1, description="of every interval")] = 0.95,
) -> dict[str, Any]:
    """Items window by window. Windows below `min_reports` are listed with their n and withheld."""
    question = SeriesQuestion(item, window=window, cohort=cohort, decoder=decoder, confidence=confidence)
    return await asyncio.wrap_future(services.series.submit(collection_id, question))
