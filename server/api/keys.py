"""Write keys of a collection: several at a time, so that a new one can be shipped before the old one ends."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from server.api.admin_schemas import CreatedKey, CreateKey, KeyList, KeyOut, Until
from server.api.dependencies import AdminOf, KnownQueryOnly, ServicesOf, read_json
from server.api.moments import instant, seconds
from server.api.openapi import json_body, problems
from server.api.repeats import OnceOf
from server.api.tokens import number_of, used_on
from server.services.keys import key_name
from server.services.services import Services
from server.services.tokens import Scope
from server.storage.tokens import TokenRow

__all__ = ["router"]

router = APIRouter(prefix="/v1/collections/{collection_id}/keys", tags=["tokens"], dependencies=[KnownQueryOnly])

_ADMIN = ("unknown-token", "insufficient-scope", "unknown-collection", "database-unavailable")


@router.post(
    "",
    status_code=201,
    response_model=CreatedKey,
    openapi_extra=json_body("CreateKey"),
    responses=problems(
        *_ADMIN,
        "malformed-body",
        "too-large",
        "unsupported-media-type",
        "invalid-parameters",
        "idempotency-key-reused",
        "unknown-resource",
    ),
)
async def create_key(
    collection_id: str, request: Request, services: ServicesOf, admin: AdminOf, once: OnceOf
) -> CreatedKey:
    """Make a further write key. It is shown only in this answer."""
    wanted = await read_json(request, CreateKey)

    def create() -> str:
        made = services.keys.create_key(actor=admin.name, collection_id=collection_id, name=wanted.name, once=once)
        return str(made.row.number)

    await run_in_threadpool(services.repeats.run, once, create)
    made = await run_in_threadpool(services.keys.made, Scope.INGEST, once)
    services.intake.forget(collection_id)
    return CreatedKey(**_describe(made.row, collection_id, services).model_dump(), write_key=made.secret)


@router.get("", response_model=KeyList, responses=problems(*_ADMIN))
def list_keys(collection_id: str, services: ServicesOf, _admin: AdminOf) -> KeyList:
    """All write keys, revoked ones too."""
    return KeyList(keys=[_describe(row, collection_id, services) for row in services.keys.keys(collection_id)])


@router.delete(
    "/{key_id}",
    status_code=204,
    response_class=Response,
    responses=problems(*_ADMIN, "unknown-resource", "invalid-parameters"),
)
async def revoke_key(
    collection_id: str,
    key_id: str,
    services: ServicesOf,
    admin: AdminOf,
    until: Annotated[Until | None, Query(description="when it ends; now, when left out")] = None,
) -> Response:
    """End a write key, now or at `until`. Other processes of the service follow within ten seconds."""
    await run_in_threadpool(
        services.keys.revoke_key,
        actor=admin.name,
        collection_id=collection_id,
        number=number_of(key_id),
        until=seconds(until),
    )
    services.intake.forget(collection_id)
    return Response(status_code=204)


def _describe(row: TokenRow, collection_id: str, services: Services) -> KeyOut:
    return KeyOut(
        id=row.number,
        name=row.name.removesuffix(key_name(collection_id, "")),
        last_used=used_on(row),
        ends=instant(row.ends),
        usable=row.usable(services.clock.now()),
    )
