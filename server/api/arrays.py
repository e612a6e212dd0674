"""Arrays of numbers over HTTP: sent once as a file of numpy, then named in requests of analyses."""

from tempfile import TemporaryFile
from typing import BinaryIO, cast

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from server.api.array_schemas import ArrayList, ArrayOut
from server.api.dependencies import KnownQueryOnly, ReaderOf, ServicesOf, media_type, require_plain
from server.api.moments import instant
from server.api.openapi import problems
from server.refusals import UnsupportedMediaType
from server.services.arrays import StoredArray

__all__ = ["router"]

router = APIRouter(prefix="/v1/arrays", tags=["analysis"], dependencies=[KnownQueryOnly])

_READ = "application/octet-stream"
_PROBLEMS = ("unknown-token", "insufficient-scope", "database-unavailable")
_ONE = problems(*_PROBLEMS, "unknown-resource")
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            _READ: {
                "schema": {"type": "string", "format": "binary", "description": "a .npy or .npz file of real numbers"}
            }
        },
    }
}


@router.post(
    "",
    status_code=201,
    response_model=ArrayList,
    openapi_extra=_BODY,
    responses=problems(*_PROBLEMS, "invalid-parameters", "too-large", "unsupported-media-type", "too-many-arrays"),
)
async def store_arrays(request: Request, services: ServicesOf, reader: ReaderOf) -> ArrayList:
    """Keep the arrays of a .npy or .npz file for some days. `{"array": id}` stands for the numbers in the request of an analysis."""
    given = media_type(request.headers.get("content-type"))
    if given != _READ:
        raise UnsupportedMediaType(f"this address reads {_READ}, got {given or 'no Content-Type'}", supported=[_READ])
    require_plain(request.headers.get("content-encoding"))
    with TemporaryFile() as file:
        async for chunk in request.stream():
            await run_in_threadpool(file.write, chunk)
        file.seek(0)
        stored = await run_in_threadpool(services.arrays.store, reader, cast(BinaryIO, file))
    return ArrayList(arrays=[_shown(one) for one in stored])


@router.get("", response_model=ArrayList, responses=problems(*_PROBLEMS))
def list_arrays(services: ServicesOf, reader: ReaderOf) -> ArrayList:
    """The arrays of the caller's token, of all tokens for an administrator."""
    return ArrayList(arrays=[_shown(one) for one in services.arrays.list(reader)])


@router.get("/{array_id}", response_model=ArrayOut, responses=_ONE)
def get_array(array_id: str, services: ServicesOf, reader: ReaderOf) -> ArrayOut:
    """What is known of an array."""
    return _shown(services.arrays.get(array_id, reader))


@router.delete("/{array_id}", status_code=204, response_class=Response, responses=_ONE)
def delete_array(array_id: str, services: ServicesOf, reader: ReaderOf) -> Response:
    """Forget an array now. A job that reads it later fails."""
    services.arrays.delete(array_id, reader)
    return Response(status_code=204)


def _shown(one: StoredArray) -> ArrayOut:
    return ArrayOut(
        id=one.id,
        name=one.name,
        dtype=one.dtype,
        shape=list(one.shape),
        bytes=one.bytes,
        expires_at=instant(one.expires),
    )
