"""Tokens of people and programs, and the log of what was done with them."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from server.api.admin_schemas import AuditEntryOut, AuditLogOut, CreatedToken, CreateToken, TokenList, TokenOut
from server.api.dependencies import AdminOf, KnownQueryOnly, ServicesOf, read_json
from server.api.moments import instant
from server.api.openapi import json_body, problems
from server.api.repeats import OnceOf
from server.clock import HOUR
from server.refusals import UnknownResource
from server.services.services import Services
from server.services.tokens import Scope
from server.storage.audit import AuditEntry
from server.storage.tokens import TokenRow

__all__ = ["number_of", "router", "used_on"]

router = APIRouter(prefix="/v1", tags=["tokens"], dependencies=[KnownQueryOnly])

_ADMIN = ("unknown-token", "insufficient-scope", "database-unavailable")


@router.post(
    "/tokens",
    status_code=201,
    response_model=CreatedToken,
    openapi_extra=json_body("CreateToken"),
    responses=problems(
        *_ADMIN,
        "malformed-body",
        "too-large",
        "unsupported-media-type",
        "unknown-collection",
        "unknown-resource",
        "invalid-parameters",
        "idempotency-key-reused",
    ),
)
async def create_token(request: Request, services: ServicesOf, admin: AdminOf, once: OnceOf) -> CreatedToken:
    """Make a token. It is shown only in this answer; what is stored is its SHA-256."""
    wanted = await read_json(request, CreateToken)
    kind = Scope(wanted.kind)

    def create() -> str:
        made = services.keys.create_token(
            actor=admin.name, name=wanted.name, kind=kind, collection_id=wanted.collection, once=once
        )
        return str(made.row.number)

    await run_in_threadpool(services.repeats.run, once, create)
    made = await run_in_threadpool(services.keys.made, kind, once)
    return CreatedToken(**_describe(made.row, services).model_dump(), token=made.secret)


@router.get("/tokens", response_model=TokenList, responses=problems(*_ADMIN))
def list_tokens(services: ServicesOf, _admin: AdminOf) -> TokenList:
    """All tokens of people, revoked ones too. The write keys of a collection are listed at the collection."""
    return TokenList(tokens=[_describe(row, services) for row in services.keys.tokens()])


@router.delete(
    "/tokens/{token_id}",
    status_code=204,
    response_class=Response,
    responses=problems(*_ADMIN, "unknown-resource", "invalid-parameters"),
)
def revoke_token(token_id: str, services: ServicesOf, admin: AdminOf) -> Response:
    """End a token now. It stays in the list, for the audit. The last admin token cannot be ended."""
    services.keys.revoke_token(actor=admin.name, number=number_of(token_id))
    return Response(status_code=204)


@router.get("/audit-log", response_model=AuditLogOut, responses=problems(*_ADMIN, "invalid-parameters"))
def get_audit_log(
    services: ServicesOf,
    _admin: AdminOf,
    after: Annotated[int, Query(ge=0, le=1 << 53, description="the last number seen")] = 0,
    limit: Annotated[int, Query(ge=1, le=500, description="entries, at most")] = 100,
) -> AuditLogOut:
    """Who administered what, to the hour."""
    return AuditLogOut(entries=[_entry(entry) for entry in services.keys.audit_log(after=after, limit=limit)])


def number_of(text: str) -> int:
    """The number that an id in a path stands for. Raises UnknownResource for anything else."""
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise UnknownResource("ids here are whole numbers; the list shows those that exist")
    return int(text)


def used_on(row: TokenRow) -> date | None:
    """The day of the last use."""
    return None if row.last_used_day is None else date(1970, 1, 1) + timedelta(days=row.last_used_day)


def _describe(row: TokenRow, services: Services) -> TokenOut:
    return TokenOut.model_validate(
        {
            "id": row.number,
            "name": row.name,
            "kind": row.scope,
            "collection": row.collection_id,
            "last_used": used_on(row),
            "ends": instant(row.ends),
            "usable": row.usable(services.clock.now()),
        }
    )


def _entry(entry: AuditEntry) -> AuditEntryOut:
    hour = instant(entry.hour * HOUR)
    return AuditEntryOut(
        number=entry.number,
        hour=hour,
        actor=entry.actor,
        act=entry.act,
        subject=entry.subject,
        detail=entry.detail,
    )
