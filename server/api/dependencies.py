"""What routes are handed: the services, the caller's token, the body as a model."""

from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec
from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.dependencies.models import Dependant
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ValidationError

from server.api.handlers import invalid_parameters
from server.refusals import InvalidParameters, MalformedBody, UnsupportedMediaType
from server.services.services import Services
from server.services.tokens import Principal, Scope

__all__ = [
    "AdminOf",
    "KnownQueryOnly",
    "ReaderOf",
    "ReaderOnly",
    "ServicesOf",
    "bearer_token",
    "media_type",
    "read_json",
    "read_object",
    "require_plain",
]

Model = TypeVar("Model", bound=BaseModel)

_JSON = "application/json"
_LARGE = 1 << 16
"""Bytes of a body from which on it is decoded beside the event loop."""


def _services(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


ServicesOf = Annotated[Services, Depends(_services)]

_admin = HTTPBearer(
    auto_error=False, scheme_name="adminToken", description="An admin token, shown once when it was made."
)
_reader = HTTPBearer(auto_error=False, scheme_name="analystToken", description="An analyst token, or an admin token.")


def _require_admin(
    services: ServicesOf, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_admin)]
) -> Principal:
    return services.tokens.require_admin(None if credentials is None else credentials.credentials)


def _require_reader(
    request: Request,
    services: ServicesOf,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_reader)],
) -> Principal:
    given = None if credentials is None else credentials.credentials
    principal = services.tokens.require(given, Scope.ADMIN, Scope.ANALYST)
    collection_id = request.path_params.get("collection_id")
    if collection_id is not None and principal.collection is not None:
        services.collections.require_visible(collection_id, principal.collection)
    return principal


AdminOf = Annotated[Principal, Depends(_require_admin)]
"""The caller, who holds an admin token. It is asked for before parameters and body are looked at."""

ReaderOf = Annotated[Principal, Depends(_require_reader)]
"""The caller, who holds an admin or an analyst token, and may see the collection of the route's path."""

ReaderOnly = Depends(_require_reader)
"""ReaderOf for `dependencies=`."""


def _refuse_unknown_query(request: Request) -> None:
    """A misspelt parameter, or one too many, is refused and not passed over: its sender believes that it had an effect."""
    dependant = getattr(request.scope.get("route"), "dependant", None)
    if dependant is None:
        return
    known = _query_parameters(dependant)
    unknown = sorted(name for name in request.query_params if name and name not in known)
    if unknown:
        raise InvalidParameters.of(
            unknown[0][:100], f"this address has no such parameter; it takes {', '.join(sorted(known)) or 'none'}"
        )
    for name, repeats in known.items():
        if not repeats and len(request.query_params.getlist(name)) > 1:
            raise InvalidParameters.of(name, f"{name} is given more than once; give it once")


KnownQueryOnly = Depends(_refuse_unknown_query)
"""First among the `dependencies=` of every router."""


def _query_parameters(dependant: Dependant) -> dict[str, bool]:
    """The names of the parameters, and whether each may be repeated."""
    found = {one.alias: _is_list(one.field_info.annotation) for one in dependant.query_params}
    for inner in dependant.dependencies:
        found |= _query_parameters(inner)
    return found


def _is_list(annotation: object) -> bool:
    return any(get_origin(part) is list for part in (annotation, *get_args(annotation)))


def bearer_token(header: str | None) -> str | None:
    """The token of an Authorization header, None when there is none of this kind."""
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def media_type(header: str | None) -> str:
    """The media type of a Content-Type header without its parameters, in lower case."""
    return "" if header is None else header.partition(";")[0].strip().lower()


def require_plain(coding: str | None) -> None:
    """Raises UnsupportedMediaType for a compressed body: the limits here are on what is sent. coding: of a Content-Encoding header."""
    if coding is not None and coding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType(
            f"bodies are read as they are sent, got the Content-Encoding {coding[:40]}; send it uncompressed",
            supported=["identity"],
        )


async def read_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object of any shape. Raises UnsupportedMediaType, MalformedBody or InvalidParameters."""
    _require_json(request)
    content = await request.body()
    try:
        body = (
            await run_in_threadpool(msgspec.json.decode, content)
            if len(content) > _LARGE
            else msgspec.json.decode(content)
        )
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedBody("the body is not JSON; send one JSON object") from error
    if not isinstance(body, dict):
        raise InvalidParameters.of("body", "the body must be a JSON object")
    return body


def _require_json(request: Request) -> None:
    given = media_type(request.headers.get("content-type"))
    if given != _JSON:
        raise UnsupportedMediaType(f"this address reads {_JSON}, got {given or 'no Content-Type'}", supported=[_JSON])
    require_plain(request.headers.get("content-encoding"))


async def read_json(request: Request, model: type[Model]) -> Model:
    """The body as a model. Raises UnsupportedMediaType, MalformedBody or InvalidParameters."""
    _require_json(request)
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        if any(entry["type"] == "json_invalid" for entry in error.errors()):
            raise MalformedBody("the body is not JSON; send one JSON object") from error
        raise invalid_parameters(error) from error
