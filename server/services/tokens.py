"""Tokens: made once, shown once, stored as SHA-256.

Who may do what is decided here and nowhere else: no token or an unknown or ended one is UnknownToken (401); a genuine one of
another kind is InsufficientScope (403), whether or not what was asked for exists; a collection that a token of
the right kind may not see is UnknownCollection (404), as if it did not exist.
"""

import hashlib
import hmac
import logging
import secrets
from dataclasses import dataclass
from enum import StrEnum

from server.clock import Clock, SystemClock
from server.refusals import DatabaseUnavailable, InsufficientScope, UnknownToken
from server.storage import tokens as rows
from server.storage.database import Database

__all__ = ["Principal", "Scope", "Tokens", "new_token", "token_sha256"]

_FIRST_ADMIN = "first admin"
_CONFIGURED = "FANO_ADMIN_TOKEN"
_DAY = 86_400
_REMEMBERED_USES = 65_536

_log = logging.getLogger(__name__)


class Scope(StrEnum):
    """What a token is good for."""

    ADMIN = "admin"
    ANALYST = "analyst"
    INGEST = "ingest"


@dataclass(frozen=True)
class Principal:
    """Whom a token stands for.

    collection: the number of the only collection it is for, None for all · name, number: of the token; 0 for the one of the
    settings, which has no row.
    """

    scope: Scope
    collection: int | None = None
    name: str = _CONFIGURED
    number: int = 0


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

    def __init__(self, database: Database, configured: bytes | None = None, clock: Clock | None = None) -> None:
        self._database = database
        self._configured = configured
        self._clock = clock or SystemClock()
        self._uses: set[tuple[bytes, int]] = set()  # hash and day, those that are written down already

    @property
    def configured(self) -> bool:
        """Do the settings name an admin token? It has no row and cannot be revoked here."""
        return self._configured is not None

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
        return self.principal_of(token_sha256(token))

    def principal_of(self, digest: bytes) -> Principal:
        """Whom the token with this SHA-256 stands for. Raises UnknownToken."""
        if self._configured is not None and hmac.compare_digest(digest, self._configured):
            return Principal(Scope.ADMIN)
        with self._database.read() as connection:
            row = rows.find_token(connection, digest)
        if row is None or not hmac.compare_digest(row.sha256, digest) or not row.usable(self._clock.now()):
            raise UnknownToken("this token is not known here; check that it belongs to this service and is complete")
        if row.scope != Scope.INGEST:  # the use of a write key is for the intake to note, which knows the window
            self.note_use(digest, int(self._clock.now()) // _DAY)
        return Principal(Scope(row.scope), row.collection, row.name, row.number)

    def require(self, token: str | None, *scopes: Scope) -> Principal:
        """Raises UnknownToken, or InsufficientScope unless the token has one of these scopes."""
        principal = self.principal(token)
        if principal.scope not in scopes:
            wanted = " or ".join(scopes)
            raise InsufficientScope(
                f"this needs a token of kind {wanted}, and the one sent is for {principal.scope} only"
            )
        return principal

    def require_admin(self, token: str | None) -> Principal:
        """Raises UnknownToken or InsufficientScope unless it is an admin token."""
        return self.require(token, Scope.ADMIN)

    def use_is_noted(self, digest: bytes, day: int) -> bool:
        """Did this process write down that day's use already?"""
        return (digest, day) in self._uses

    def note_use(self, digest: bytes, day: int) -> None:
        """Write down, once a day, that a token was used. That a database cannot write now does not stop its reader."""
        if self.use_is_noted(digest, day):
            return
        try:
            with self._database.write() as connection:
                rows.mark_used(connection, digest, day)
        except DatabaseUnavailable:
            _log.warning("the last use of a token could not be written down; the next one will be")
            return
        if len(self._uses) >= _REMEMBERED_USES:
            self._uses.clear()
        self._uses.add((digest, day))
