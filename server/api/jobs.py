"""Jobs over HTTP: their state, their progress as it happens, their end."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from server.api.dependencies import KnownQueryOnly, ReaderOf, ServicesOf
from server.api.job_schemas import JobList, JobOut
from server.api.moments import instant
from server.api.openapi import problems
from server.api.problems import PROBLEMS
from server.refusals import DatabaseUnavailable, UnknownResource
from server.services.jobs import Job
from server.services.services import Services
from server.storage.jobs import ENDED, JobRow

__all__ = ["addresses", "router", "summary"]

router = APIRouter(prefix="/v1/jobs", tags=["analysis"], dependencies=[KnownQueryOnly])

_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["message", "end"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
    "required": ["data"],
}
_TELL_SECONDS = 0.25
_SILENCE_SECONDS = 15.0
_PROBLEMS = ("unknown-token", "insufficient-scope", "database-unavailable")
_ONE = problems(*_PROBLEMS, "unknown-resource")


@router.get("", response_model=JobList, responses=problems(*_PROBLEMS))
def list_jobs(services: ServicesOf, reader: ReaderOf) -> dict[str, Any]:
    """The jobs of the caller's token, of all tokens for an administrator. Results are not in the list."""
    return {"jobs": [summary(services, row) for row in services.jobs.list(reader)]}


@router.get("/{job_id}", response_model=JobOut, responses=_ONE)
def get_job(job_id: str, services: ServicesOf, reader: ReaderOf) -> Response:
    """One job, with its result once it is done. Results are kept for some days."""
    return _whole(services, services.jobs.read(job_id, reader))


@router.delete("/{job_id}", response_model=JobOut, responses=_ONE)
def cancel_job(job_id: str, services: ServicesOf, reader: ReaderOf) -> Response:
    """Cancel a job. One that has ended stays as it is; either way this answers with what it is now."""
    _, cancelled = services.jobs.cancel(job_id, reader)
    if cancelled:
        services.job_runner.stop(job_id)
    return _whole(services, services.jobs.read(job_id, reader))


@router.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events: the job whenever it changed, at most four times a second; then `end`",
            "content": {"text/event-stream": {"schema": _EVENT}},
        },
        **_ONE,
    },
)
async def follow_job(job_id: str, services: ServicesOf, reader: ReaderOf) -> StreamingResponse:
    """The job as it proceeds, without its result, until it ends."""
    first = await run_in_threadpool(services.jobs.get, job_id, reader)

    async def events() -> AsyncIterator[bytes]:
        row, told, silent = first, b"", 0.0
        while True:
            document = msgspec.json.encode(summary(services, row))
            if document != told:
                yield b"data: " + document + b"\n\n"
                told, silent = document, 0.0
            if row.state in ENDED:
                yield b"event: end\ndata: " + document + b"\n\n"
                return
            if silent >= _SILENCE_SECONDS:
                yield b": still there\n\n"
                silent = 0.0
            await asyncio.sleep(_TELL_SECONDS)
            silent += _TELL_SECONDS
            try:
                row = await run_in_threadpool(services.jobs.get, job_id, reader)
            except DatabaseUnavailable:
                continue
            except UnknownResource:  # its collection was deleted
                return

    return StreamingResponse(events(), media_type="text/event-stream", headers={"Cache-Control": "no-store"})


def addresses(row: JobRow) -> dict[str, str]:
    """Where a job can be asked for and followed."""
    return {"status_url": f"/v1/jobs/{row.id}", "events_url": f"/v1/jobs/{row.id}/events"}


def summary(services: Services, row: JobRow) -> dict[str, Any]:
    """A job without its result."""
    return {
        "id": row.id,
        "kind": row.kind,
        "method": row.method,
        "status": row.state,
        "progress": _progress(services, row),
        "predicted_seconds": row.predicted_seconds,
        "created_at": instant(row.asked),
        "started_at": instant(row.started),
        "finished_at": instant(row.finished),
        **addresses(row),
    }


def _progress(services: Services, row: JobRow) -> dict[str, Any] | None:
    live = services.job_runner.progress(row.id) if row.state == "running" else None
    if live is not None:
        return live._asdict()
    if row.total is None:
        return None
    return {name: getattr(row, name) for name in ("done", "total", "unit", "metric", "metric_value")}


def _whole(services: Services, job: Job) -> Response:
    document = summary(services, job.row)
    document["result"] = None if job.result is None else msgspec.Raw(job.result)
    document["error"] = None if job.problem is None else _problem(job.problem)
    return Response(msgspec.json.encode(document), media_type="application/json")


def _problem(stored: bytes) -> dict[str, Any]:
    failure = msgspec.json.decode(stored)
    kind = PROBLEMS[failure["slug"]]
    told = {"type": kind.urn, "title": kind.title, "status": kind.status, "detail": failure["detail"]}
    return {**told, **failure["extras"]}
