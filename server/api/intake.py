"""Whether phones get through: what became of the uploads of a collection."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query

from server.api.dependencies import KnownQueryOnly, ReaderOnly, ServicesOf
from server.api.openapi import problems
from server.api.upload_schemas import IntakeOut, IntakeTotals, IntakeWindow
from server.services.intake_health import intake_total, intake_windows

__all__ = ["router"]

router = APIRouter(prefix="/v1/collections", tags=["collections"], dependencies=[KnownQueryOnly, ReaderOnly])


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
    return IntakeOut(
        collection=row.id,
        n=n,
        totals=IntakeTotals(**asdict(intake_total(counts.items()))),
        windows=[
            IntakeWindow(
                window=entry.window,
                start=datetime.fromtimestamp(entry.start, UTC).isoformat(),
                **asdict(entry.total),
            )
            for entry in intake_windows(counts, windows)
        ],
    )
