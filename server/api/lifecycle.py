"""A collection after its creation: patches, versions, deletion."""

import re
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.concurrency import run_in_threadpool

from server.api.collection_schemas import CollectionOut
from server.api.collections import describe, etag
from server.api.dependencies import AdminOf, KnownQueryOnly, ReaderOnly, ServicesOf, read_json
from server.api.lifecycle_schemas import (
    CollectionVersion,
    CreateVersion,
    Deleted,
    OperationOut,
    PatchCollection,
    VersionList,
)
from server.api.moments import seconds
from server.api.openapi import json_body, problems
from server.api.repeats import OnceOf
from server.services.changes import NewVersion
from server.storage.changes import OperationRow

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["collections"], dependencies=[KnownQueryOnly])

_ADMIN = ("unknown-token", "insufficient-scope", "database-unavailable")
_BODY = ("malformed-body", "too-large", "unsupported-media-type", "invalid-parameters")
_COLLECTION = "/collections/{collection_id}"
_ENTITY_TAG = re.compile(r'(?<!W/)"([^"]*)"')


@router.patch(
    _COLLECTION,
    response_model=CollectionOut,
    openapi_extra=json_body("PatchCollection"),
    responses=problems(*_ADMIN, *_BODY, "unknown-collection", "illegal-transition", "stale-etag"),
)
async def patch_collection(
    collection_id: str,
    request: Request,
    response: Response,
    services: ServicesOf,
    admin: AdminOf,
    if_match: Annotated[str | None, Header(description="ETags: changed only if it has one of them")] = None,
) -> CollectionOut:
    """Change what may change, all of it or nothing. What phones were promised cannot: that takes a new version."""
    given = (await read_json(request, PatchCollection)).model_dump(exclude_unset=True)
    changes: dict[str, Any] = {name.removesuffix("_at"): value for name, value in given.items()}
    changes |= {name: seconds(changes[name]) for name in ("opens", "closes") if name in changes}
    row = await run_in_threadpool(
        services.changes.patch, collection_id, changes, actor=admin.name, expected=_revisions(if_match)
    )
    services.intake.forget(collection_id)
    response.headers["ETag"] = etag(row)
    return describe(row)


@router.post(
    _COLLECTION + "/versions",
    status_code=201,
    response_model=CollectionOut,
    openapi_extra=json_body("CreateVersion"),
    responses=problems(*_ADMIN, *_BODY, "unknown-collection", "illegal-transition", "idempotency-key-reused"),
)
async def create_version(
    collection_id: str, request: Request, response: Response, services: ServicesOf, admin: AdminOf, once: OnceOf
) -> CollectionOut:
    """Make the next version, with a digest of its own. It alone takes reports; those of earlier versions stay with them."""
    wanted = await read_json(request, CreateVersion)
    new = NewVersion(**wanted.model_dump())

    def create() -> str:
        return str(services.changes.add_version(collection_id, new, actor=admin.name, once=once).version)

    version = await run_in_threadpool(services.repeats.run, once, create)
    row = await run_in_threadpool(services.collections.get, collection_id, int(version))
    services.intake.forget(collection_id)
    response.headers["Location"] = f"/v1/collections/{collection_id}/versions"
    return describe(row)


def _revisions(if_match: str | None) -> frozenset[str] | None:
    """What an If-Match header names; strong comparison, as RFC 9110 section 13.1.1 asks, so a weak tag matches nothing."""
    if if_match is None or if_match.strip() == "*":
        return None
    return frozenset(_ENTITY_TAG.findall(if_match))


@router.get(
    _COLLECTION + "/versions",
    response_model=VersionList,
    responses=problems(*_ADMIN, "unknown-collection"),
    dependencies=[ReaderOnly],
)
def list_versions(collection_id: str, services: ServicesOf) -> VersionList:
    """All versions with the number of reports of each."""
    found = services.collections.versions(collection_id)
    return VersionList(
        versions=[CollectionVersion(**describe(row).model_dump(), n=n, current=row is found[-1][0]) for row, n in found]
    )


@router.delete(
    _COLLECTION,
    status_code=202,
    response_model=Deleted,
    responses=problems(*_ADMIN, "unknown-collection"),
)
async def delete_collection(collection_id: str, response: Response, services: ServicesOf, admin: AdminOf) -> Deleted:
    """Delete a collection with all its reports. It is unknown at once; the rest goes on by itself, also over a restart."""
    row = await run_in_threadpool(services.changes.delete, collection_id, actor=admin.name)
    services.intake.forget(collection_id)
    response.headers["Location"] = f"/v1/operations/{row.id}"
    return Deleted(operation=_operation(row))


@router.get("/operations/{operation_id}", response_model=OperationOut, responses=problems(*_ADMIN, "unknown-resource"))
def get_operation(operation_id: str, services: ServicesOf, _admin: AdminOf) -> OperationOut:
    """How far an operation is."""
    return _operation(services.changes.operation(operation_id))


def _operation(row: OperationRow) -> OperationOut:
    shown = asdict(row)
    shown["collection"] = shown.pop("collection_id")
    return OperationOut(**shown)
