"""The Idempotency-Key header of administrators' POST requests."""

from typing import Annotated

from fastapi import Depends, Header, Request

from server.api.dependencies import AdminOf, bearer_token
from server.services.repeats import REMEMBERED_HOURS, Once

__all__ = ["OnceOf"]


async def _once(
    request: Request,
    _admin: AdminOf,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=16,
            max_length=128,
            pattern="^[!-~]*$",
            description=f"such as a UUID: sent again with it within {REMEMBERED_HOURS} hours, the request happens once",
        ),
    ] = None,
) -> Once:
    token = bearer_token(request.headers.get("authorization")) or ""
    asked = f"{request.method} {request.url.path}\n".encode() + await request.body()
    return Once(key, token=token, request=asked)


OnceOf = Annotated[Once, Depends(_once)]
"""This request, which happens once if it is sent again under its key."""
