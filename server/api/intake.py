"""Whether phones get through: what became of the uploads of a collection."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from server.api.dependencies import ReaderOnly, ServicesOf
from server.api.openapi import problems
from server.api.upload_schemas import IntakeOut, IntakeTotals, IntakeWindow
from server.services.specs import intake_terms
from server.storage.intake_counts import CountKey, Counts

__all__ = ["router"]

router = APIRouter(prefix="/v1/collections", tags=["collections"], dependencies=[ReaderOnly])


@router.get(
    "/{collection_id}/intake",
    response_model=IntakeOut,
    responses=problems(
        "unknown-token", "insufficient-scope", "unknown-collection", "invalid-parameters", "database-unavailable"
    ),
)
def get_intake(
    collection_id: str,
    services: ServicesOf,
    windows: Annotated[int, Query(ge=1, le=1_000, description="how many windows to list, the newest first")] = 100,
) -> IntakeOut:
    """Uploads accepted, replayed and rejected by reason, in all and for each window."""
    row, n = services.collections.get_counted(collection_id)
    counts = services.intake_counts.of(row.id)
    seconds = intake_terms(row.spec).window_seconds
    newest = sorted({key.window_index for key in counts}, reverse=True)[:windows]
    return IntakeOut(
        collection=row.id,
        n=n,
        totals=_totals(counts),
        windows=[
            IntakeWindow(
                window=window,
                start=datetime.fromtimestamp(window * seconds, UTC).isoformat(),
                **_totals({key: value for key, value in counts.items() if key.window_index == window}).model_dump(),
            )
            for window in newest
        ],
    )


def _totals(counts: Mapping[CountKey, Counts]) -> IntakeTotals:
    uploads: dict[str, int] = {}
    reports = 0
    for key, value in counts.items():
        uploads[key.outcome] = uploads.get(key.outcome, 0) + value.uploads
        reports += value.reports if key.outcome == "accepted" else 0
    return IntakeTotals(
        accepted=uploads.pop("accepted", 0), replayed=uploads.pop("replayed", 0), reports=reports, rejected=uploads
    )
