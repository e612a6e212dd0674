"""Administration of collections."""

from dataclasses import asdict

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from ldp_core.privacy.epsilon import format_epsilon
from server.api.collection_schemas import (
    CollectionList,
    CollectionOut,
    CountedCollection,
    CreateCollection,
    CreatedCollection,
    PlanOut,
    RowLabelsOut,
    StateOut,
)
from server.api.dependencies import AdminOf, KnownQueryOnly, ReaderOf, ReaderOnly, ServicesOf, read_json
from server.api.moments import instant, period, seconds
from server.api.openapi import json_body, problems
from server.api.repeats import OnceOf
from server.services.collections import Proposal, revision
from server.services.repeats import Once
from server.services.services import Services
from server.services.specs import cohort_names, intake_terms, labels_of, mechanism_of, plan_of
from server.services.tokens import Principal, Scope
from server.storage.collections import CollectionRow

__all__ = ["describe", "etag", "router"]

router = APIRouter(prefix="/v1/collections", tags=["collections"], dependencies=[KnownQueryOnly])

_ADMIN = ("unknown-token", "insufficient-scope", "database-unavailable")
_BODY = ("malformed-body", "too-large", "unsupported-media-type", "invalid-parameters", "idempotency-key-reused")


@router.post(
    "",
    status_code=201,
    response_model=CreatedCollection,
    openapi_extra=json_body("CreateCollection"),
    responses=problems(*_ADMIN, *_BODY),
)
async def create_collection(
    request: Request, response: Response, services: ServicesOf, admin: AdminOf, once: OnceOf
) -> CreatedCollection:
    """Make a draft. Its spec is frozen when it opens; the write key is shown only in this answer."""
    wanted = await read_json(request, CreateCollection)
    proposal = Proposal(
        name=wanted.name,
        question=wanted.question,
        epsilon=wanted.epsilon,
        items=wanted.items,
        domain_size=wanted.domain_size,
        mechanism=wanted.mechanism,
        parameters=wanted.parameters,
        window=wanted.window,
        min_reports=wanted.min_reports,
        opens=seconds(wanted.opens_at),
        closes=seconds(wanted.closes_at),
        retention=wanted.retention,
        cohorts=wanted.cohorts,
        labels=None if wanted.labels is None else (wanted.labels.rows, wanted.labels.bound),
    )

    def create() -> str:
        return services.collections.create(proposal, actor=admin.name, once=once)[0].id

    collection_id = await run_in_threadpool(services.repeats.run, once, create)
    row = await run_in_threadpool(services.collections.get, collection_id)
    response.headers["Location"] = f"/v1/collections/{row.id}"
    response.headers["ETag"] = etag(row)
    return CreatedCollection(**describe(row).model_dump(), write_key=once.secret(Scope.INGEST))


@router.get("", response_model=CollectionList, responses=problems(*_ADMIN))
def list_collections(services: ServicesOf, reader: ReaderOf) -> CollectionList:
    """All collections that the token may see, the oldest first, each with its number of reports."""
    return CollectionList(
        collections=[_counted(row, n) for row, n in services.collections.list_counted(reader.collection)]
    )


@router.get(
    "/{collection_id}",
    response_model=CountedCollection,
    responses=problems(*_ADMIN, "unknown-collection"),
    dependencies=[ReaderOnly],
)
def get_collection(collection_id: str, response: Response, services: ServicesOf) -> CountedCollection:
    """One collection with its number of reports. The ETag names all but that number; PATCH takes it as If-Match."""
    row, n = services.collections.get_counted(collection_id)
    response.headers["ETag"] = etag(row)
    return _counted(row, n)


_MOVE = problems(*_ADMIN, "unknown-collection", "illegal-transition", "invalid-parameters", "idempotency-key-reused")


@router.post("/{collection_id}/open", response_model=StateOut, responses=_MOVE)
def open_collection(collection_id: str, services: ServicesOf, admin: AdminOf, once: OnceOf) -> StateOut:
    """Take reports from now on."""
    return _move("open", collection_id, services, admin, once)


@router.post("/{collection_id}/pause", response_model=StateOut, responses=_MOVE)
def pause_collection(collection_id: str, services: ServicesOf, admin: AdminOf, once: OnceOf) -> StateOut:
    """Take no reports for now. Phones keep theirs and try again."""
    return _move("pause", collection_id, services, admin, once)


@router.post("/{collection_id}/close", response_model=StateOut, responses=_MOVE)
def close_collection(collection_id: str, services: ServicesOf, admin: AdminOf, once: OnceOf) -> StateOut:
    """Take no reports ever again. Estimates stay."""
    return _move("close", collection_id, services, admin, once)


def _move(verb: str, collection_id: str, services: Services, admin: Principal, once: Once) -> StateOut:
    def move() -> str:
        return services.changes.move(collection_id, verb, actor=admin.name, once=once)

    return StateOut.model_validate({"id": collection_id, "state": services.repeats.run(once, move)})


def etag(row: CollectionRow) -> str:
    """The entity tag of everything about a collection that administrators can change."""
    return f'"{revision(row)}"'


def describe(row: CollectionRow) -> CollectionOut:
    """A collection as it is shown."""
    mechanism, terms = mechanism_of(row.spec), intake_terms(row.spec)
    ratio, labels = mechanism.likelihood_ratio, labels_of(row.spec)
    return CollectionOut(
        id=row.id,
        name=row.name,
        question=row.question,
        state=row.state,
        version=row.version,
        spec_digest=row.spec_digest,
        mechanism=mechanism.name,
        parameters=dict(mechanism.parameters),
        epsilon=format_epsilon(mechanism.epsilon),
        likelihood_ratio=f"{ratio.numerator}/{ratio.denominator}",
        threshold=str(mechanism.threshold),
        domain_size=mechanism.domain_size,
        report_space=terms.report_space,
        window=terms.window_period,
        cohorts=list(cohort_names(row.spec)),
        labels=None if labels is None else RowLabelsOut(rows=labels.rows, bound=labels.ends[1]),
        min_reports=row.min_reports,
        opens_at=instant(row.opens),
        closes_at=instant(row.closes),
        retention=period(row.retention),
        successor=row.successor,
        plan=PlanOut(**asdict(plan_of(mechanism))),
    )


def _counted(row: CollectionRow, n: int) -> CountedCollection:
    return CountedCollection(**describe(row).model_dump(), n=n)
