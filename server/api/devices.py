"""What devices ask for: the spec and the items of a collection. No token, so nothing here tells devices apart."""

from typing import Any

from fastapi import APIRouter, Request, Response

from server.api.dependencies import KnownQueryOnly, ServicesOf
from server.api.openapi import problems
from server.services.lifecycle import unknown_collection

__all__ = ["matches", "router"]

router = APIRouter(prefix="/c", tags=["devices"], dependencies=[KnownQueryOnly])

_CACHE = "max-age=3600"
_RESPONSES = problems("unknown-collection", "collection-closed", "database-unavailable")
_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"description": "Canonical JSON", "content": {"application/json": {}}},
    304: {"description": "Unchanged"},
}


@router.get("/{collection_id}/spec", responses={**_BYTES, **_RESPONSES}, response_class=Response)
def get_spec(collection_id: str, request: Request, services: ServicesOf) -> Response:
    """The spec, byte for byte what its digest names. The digest is the ETag."""
    row = services.collections.published(collection_id)
    return _cached(request, row.spec, row.spec_digest)


@router.get("/{collection_id}/items", responses={**_BYTES, **_RESPONSES}, response_class=Response)
def get_items(collection_id: str, request: Request, services: ServicesOf) -> Response:
    """The items as a JSON list, byte for byte what the spec's items_digest names. That digest is the ETag."""
    row = services.collections.published(collection_id)
    if row.items is None or row.items_digest is None:
        raise unknown_collection()
    return _cached(request, row.items, row.items_digest)


def _cached(request: Request, content: bytes, digest: str) -> Response:
    headers = {"ETag": f'"{digest}"', "Cache-Control": _CACHE}
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type="application/json")


def matches(header: str | None, etag: str) -> bool:
    """Does an If-None-Match header name this ETag? Weak comparison, as RFC 9110 section 13.1.2 asks."""
    if header is None:
        return False
    known = [entry.strip().removeprefix("W/") for entry in header.split(",")]
    return "*" in known or etag.removeprefix("W/") in known
