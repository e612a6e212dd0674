"""From exceptions to problem documents: the only shape in which an error leaves this service."""

from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from server.api.addresses import addresses_of
from server.api.problems import problem_response, refusal_response
from server.refusals import InvalidParameters, Refusal

__all__ = ["install_handlers", "invalid_parameters"]

_BY_STATUS: Mapping[int, tuple[str, str]] = {
    404: ("not-found", "there is nothing at this address; /docs lists what there is"),
}


def install_handlers(app: FastAPI) -> None:
    """Answer every refusal, validation error and framework error with a problem document."""
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http_error)


def invalid_parameters(error: ValidationError | RequestValidationError, *, skip: int = 0) -> InvalidParameters:
    """What pydantic refused, field by field. skip: leading parts of each path that only say where it was looked for."""
    errors = [
        {"field": ".".join(str(part) for part in entry["loc"][skip:]) or "body", "message": entry["msg"]}
        for entry in error.errors()
    ]
    detail = "; ".join(f"{entry['field']}: {entry['message']}" for entry in errors)
    return InvalidParameters(detail, errors=errors)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return refusal_response(error)


async def _not_valid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return refusal_response(invalid_parameters(error, skip=1))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return _method_not_allowed(request, error)
    default = ("internal", error.detail) if error.status_code >= 500 else ("malformed-body", error.detail)
    slug, detail = _BY_STATUS.get(error.status_code, default)
    return problem_response(slug, detail, headers=error.headers)


def _method_not_allowed(request: Request, error: HTTPException) -> Response:
    """The framework names the methods of one route only; an address may have several."""
    address = addresses_of(request.app).find(request.url.path)
    headers = error.headers if address is None else {"Allow": ", ".join(address.methods)}
    detail = "this address does not take this method; the Allow header lists those it takes"
    return problem_response("method-not-allowed", detail, headers=headers)
