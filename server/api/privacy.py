"""The privacy label of a collection over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query

from server.api.dependencies import KnownQueryOnly, ReaderOnly, ServicesOf
from server.api.openapi import problems
from server.api.privacy_schemas import PrivacyOut
from server.services.privacy_labels import privacy_label

__all__ = ["router"]

router = APIRouter(prefix="/v1/collections", tags=["collections"], dependencies=[KnownQueryOnly, ReaderOnly])


@router.get(
    "/{collection_id}/privacy",
    response_model=PrivacyOut,
    responses=problems(
        "unknown-token", "insufficient-scope", "unknown-collection", "invalid-parameters", "database-unavailable"
    ),
)
def get_privacy(
    collection_id: str,
    services: ServicesOf,
    version: Annotated[
        int | None, Query(ge=1, le=(1 << 31) - 1, description="the current one, when left out; they never mix")
    ] = None,
) -> PrivacyOut:
    """What one report can reveal, how repeats add up, what is kept, and what is not hidden."""
    return PrivacyOut.model_validate(privacy_label(services.collections.get(collection_id, version)))
