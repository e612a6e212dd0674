"""Tokens: made once, shown once, stored as SHA-256."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from enum import StrEnum

from server.refusals import InsufficientScope, UnknownToken
from server.storage import tokens as rows
from server.storage.database import Database

__all__ = ["Principal", "Scope", "Tokens", "new_token", "token_sha256"]

_FIRST_ADMIN = "first admin"


class Scope(StrEnum):
    """What a token is good for."""

    ADMIN = "admin"
    INGEST = "ingest"


@dataclass(frozen=True)
class Principal:
    """Whom a token stands for. collection: the number of the only collection it is for, None for all."""

    scope: Scope
    collection: int | None = None


def new_token(scope: Scope) -> str:
    """A fresh token of 256 random bits from the operating system, its scope readable in front."""
    return f"fano_{scope}_{secrets.token_urlsafe(32)}"


def token_sha256(token: str) -> bytes:
    """What is stored of a token. It has 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class Tokens:
    """All tokens of this service.

    configured: SHA-256 of the admin token of the settings, or None when the database holds the admin tokens.
    """

    def __init__(self, database: Database, configured: bytes | None = None) -> None:
        self._database = database
        self._configured = configured

    def ensure_admin(self) -> str | None:
        """Make the first admin token, unless there is one or the settings name one. Returns the new one, once."""
        if self._configured is not None:
            return None
        token = new_token(Scope.ADMIN)
        with self._database.write() as connection:
            if rows.has_scope(connection, Scope.ADMIN):
                return None
            made = rows.add_token(connection, name=_FIRST_ADMIN, scope=Scope.ADMIN, sha256=token_sha256(token))
        return token if made else None

    def principal(self, token: str | None) -> Principal:
        """Whom a token stands for. Raises UnknownToken."""
        if token is None:
            raise UnknownToken("this needs a token: send the header `Authorization: Bearer <token>`")
        digest = token_sha256(token)
        if self._configured is not None and hmac.compare_digest(digest, self._configured):
            return Principal(Scope.ADMIN)
        with self._database.read() as connection:
            row = rows.find_token(connection, digest)
        if row is None or not hmac.compare_digest(row.sha256, digest):
            raise UnknownToken("this token is not known here; check that it belongs to this service and is complete")
        return Principal(Scope(row.scope), row.collection)

    def require_admin(self, token: str | None) -> None:
        """Raises UnknownToken or InsufficientScope unless it is an admin token."""
        principal = self.principal(token)
        if principal.scope is not Scope.ADMIN:
            raise InsufficientScope(f"this needs an admin token, and the one sent is for {principal.scope} only")
