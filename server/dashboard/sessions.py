"""Who is looking: a signed cookie that names a token by its hash and never holds the token itself.

Cookie: base64url(SHA-256 of the token, 32 bytes · time of login, 8 bytes · HMAC-SHA-256 of both under the service's key, 32 bytes).
Every request looks the hash up again, so a token that is revoked ends its sessions at once.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import secrets
import struct
from dataclasses import dataclass
from pathlib import Path

from server.clock import Clock
from server.refusals import InsufficientScope, UnknownToken
from server.services.tokens import Principal, Scope, Tokens, token_sha256

__all__ = ["COOKIE", "SESSION_SECONDS", "Session", "Sessions", "session_key"]

COOKIE = "fano_session"
SESSION_SECONDS = 12 * 3_600

_KEY_FILE = "dashboard.key"
_KEY_BYTES = 32
_BODY = struct.Struct(">32sQ")
_MAC_BYTES = 32


@dataclass(frozen=True)
class Session:
    """A person at a browser. form_key: 32 bytes that their forms must prove to hold."""

    principal: Principal
    form_key: bytes

    @property
    def is_admin(self) -> bool:
        """May this person change collections?"""
        return self.principal.scope is Scope.ADMIN

    def form_value(self) -> str:
        """What a form carries: the key under a fresh mask, so that no two pages repeat it (compressed pages leak what they repeat)."""
        mask = secrets.token_bytes(len(self.form_key))
        return (mask + _masked(self.form_key, mask)).hex()

    def made(self, form_value: str) -> bool:
        """Was this form value made for this session?"""
        size = len(self.form_key)
        try:
            raw = bytes.fromhex(form_value)
        except ValueError:
            return False
        return len(raw) == 2 * size and hmac.compare_digest(_masked(raw[size:], raw[:size]), self.form_key)


def _masked(key: bytes, mask: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(key, mask, strict=True))


class Sessions:
    """Makes and reads session cookies. key: of the service, the same in all its processes."""

    def __init__(self, tokens: Tokens, key: bytes, clock: Clock) -> None:
        self._tokens = tokens
        self._key = key
        self._clock = clock

    def login(self, token: str) -> str:
        """The cookie for a token. Raises UnknownToken, or InsufficientScope for a write key."""
        return self._login(token_sha256(token))

    def _login(self, digest: bytes) -> str:
        principal = self._tokens.principal_of(digest)
        if principal.scope is Scope.INGEST:
            raise InsufficientScope("this is a write key, for phones; log in with an admin or an analyst token")
        body = _BODY.pack(digest, int(self._clock.now()))
        return base64.urlsafe_b64encode(body + self._mac(b"session", body)).decode("ascii")

    def read(self, cookie: str | None) -> Session:
        """Whose cookie it is. Raises UnknownToken when there is none, it is forged or old, or its token has ended."""
        body = self._genuine(cookie)
        digest, since = _BODY.unpack(body)
        if not 0 <= self._clock.now() - since < SESSION_SECONDS:
            raise UnknownToken("this session is over; log in again")
        return Session(self._tokens.principal_of(digest), self._mac(b"form", body))

    def _genuine(self, cookie: str | None) -> bytes:
        try:
            raw = base64.b64decode((cookie or "").encode("ascii"), altchars=b"-_", validate=True)
        except (binascii.Error, UnicodeEncodeError):
            raw = b""
        body, mac = raw[: _BODY.size], raw[_BODY.size :]
        if len(body) != _BODY.size or not hmac.compare_digest(mac, self._mac(b"session", body)):
            raise UnknownToken("log in with an admin or an analyst token")
        return body

    def _mac(self, purpose: bytes, body: bytes) -> bytes:
        return hmac.new(self._key, purpose + b"\0" + body, hashlib.sha256).digest()


def session_key(folder: Path) -> bytes:
    """The key in `folder`, made at the first call; its owner alone may read it, and all processes find the same one."""
    file = folder / _KEY_FILE
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / f"{_KEY_FILE}.{secrets.token_hex(8)}"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_bytes(_KEY_BYTES))
        with contextlib.suppress(FileExistsError):  # the first process wins, the others read what it wrote
            os.link(fresh, file)
    finally:
        fresh.unlink()
    return file.read_bytes()
