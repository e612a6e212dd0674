"""Analyses over HTTP: what there is, and answers at once or as a job."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from server.api.dependencies import KnownQueryOnly, ReaderOf, ServicesOf, read_object
from server.api.job_schemas import AnalysisList, AnalysisOut, JobAccepted
from server.api.jobs import addresses
from server.api.openapi import problems
from server.refusals import InvalidAnalysis
from server.services.analyses import Analyses
from server.services.services import Services
from server.services.tokens import Principal

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["analysis"], dependencies=[KnownQueryOnly])

_READER = ("unknown-token", "insufficient-scope", "database-unavailable")
_ANSWERS: dict[int | str, dict[str, Any]] = {
    202: {"model": JobAccepted, "description": "It takes longer than two seconds: a job has begun"},
    **problems(
        *_READER,
        "malformed-body",
        "unsupported-media-type",
        "too-large",
        "analysis-too-large",
        "invalid-analysis",
        "invalid-parameters",
        "unknown-resource",
        "unknown-collection",
        "collection-not-open",
        "not-enough-reports",
        "too-many-jobs",
        "overloaded",
        "job-failed",
    ),
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"type": "object", "description": "GET /v1/analysis has the JSON Schema of each method"}
            }
        },
    }
}


@router.get("/analysis", response_model=AnalysisList, responses=problems(*_READER))
async def list_analyses(_reader: ReaderOf) -> Response:
    """Every analysis: what it answers, the JSON Schema of its request, an example, what its verdicts mean."""
    methods = await run_in_threadpool(Analyses.methods)  # the first time this imports them
    return Response(msgspec.json.encode({"methods": methods}), media_type="application/json")


@router.post("/analysis/{path:path}", response_model=AnalysisOut, responses=_ANSWERS, openapi_extra=_BODY)
async def analyse(path: str, request: Request, services: ServicesOf, reader: ReaderOf) -> Response:
    """Ask one. Where a request takes `mechanism` and `counts`, a `collection_id` may stand for them."""
    return await _answer(services, reader, path, await read_object(request))


@router.post("/collections/{collection_id}/top-k", response_model=AnalysisOut, responses=_ANSWERS, openapi_extra=_BODY)
async def top_k(collection_id: str, request: Request, services: ServicesOf, reader: ReaderOf) -> Response:
    """Which items are truly among the k most frequent, how sure is that, and which ranks are possible."""
    return await _answer(services, reader, "top-k", _of(collection_id, await read_object(request)))


@router.post(
    "/collections/{collection_id}/utilities", response_model=AnalysisOut, responses=_ANSWERS, openapi_extra=_BODY
)
async def utilities(collection_id: str, request: Request, services: ServicesOf, reader: ReaderOf) -> Response:
    """How much more each item is worth to people, if everybody picks the best for them."""
    return await _answer(services, reader, "utilities", _of(collection_id, await read_object(request)))


def _of(collection_id: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The request with the collection of the address in it."""
    if "collection_id" in body:
        raise InvalidAnalysis("the address names the collection", code="unknown_field", field="collection_id")
    return {**body, "collection_id": collection_id}


async def _answer(services: Services, reader: Principal, path: str, body: Mapping[str, Any]) -> Response:
    answer = await asyncio.wrap_future(services.analyses.submit(reader, path, body))
    if answer.job is None:
        return Response(answer.result, media_type="application/json")
    accepted = {"id": answer.job.id, **addresses(answer.job), "predicted_seconds": answer.job.predicted_seconds}
    headers = {"Location": f"/v1/jobs/{answer.job.id}"}
    return Response(msgspec.json.encode(accepted), 202, headers=headers, media_type="application/json")
