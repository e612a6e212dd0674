"""Administrators' requests that happen once, however often they are sent under one Idempotency-Key.

The key is taken in the transaction that does the work, so either both are there or neither. Nothing secret is stored to give the
first answer again: a token that such a request makes is derived from the caller's own token, the key and a salt, so
only who sends both again gets it, and the database holds no part of it but the salt.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable

from server.clock import HOUR, Clock
from server.refusals import IdempotencyKeyReused
from server.services.tokens import Scope
from server.storage import repeats as rows
from server.storage.database import Connection, Database
from server.storage.repeats import Earlier

__all__ = ["REMEMBERED_HOURS", "Once", "Repeats"]

REMEMBERED_HOURS = 24


class _Repeated(Exception):  # noqa: N818 - not an error: the work was done before, the transaction is undone
    pass


class Once:
    """One request. Without a key it is carried out as often as it is sent.

    token: the caller's · request: all bytes that say what is asked.
    """

    def __init__(self, key: str | None = None, *, token: str = "", request: bytes = b"") -> None:
        self._key = None if key is None else hmac.digest(token.encode(), b"key\0" + key.encode(), "sha256")
        self._source = hmac.digest(token.encode(), f"secret\0{key or secrets.token_hex(32)}".encode(), "sha256")
        self._request = hashlib.sha256(request).digest()
        self._salt = secrets.token_bytes(16)

    @property
    def has_key(self) -> bool:
        """Was a key sent with it?"""
        return self._key is not None

    def claim(self, connection: Connection, now: float) -> None:
        """Call it first in the transaction that does the work. Ends that transaction if the work was done before."""
        if self._key is not None and not rows.claim(connection, self._key, self._request, self._salt, int(now) // HOUR):
            raise _Repeated

    def settle(self, connection: Connection, result: str) -> None:
        """Call it last in that transaction. result: what names the thing that was made, no secret."""
        if self._key is not None:
            rows.settle(connection, self._key, result)

    def secret(self, scope: Scope) -> str:
        """The new token that this request makes; the same one for a repetition of it."""
        derived = hmac.digest(self._source, self._salt, "sha256")
        return f"fano_{scope}_{base64.urlsafe_b64encode(derived).decode().rstrip('=')}"

    def earlier(self, connection: Connection) -> Earlier | None:
        """What was done under the key before. Raises IdempotencyKeyReused if that was something else."""
        found = None if self._key is None else rows.find_earlier(connection, self._key)
        if found is None:
            return None
        if found.request_hash != self._request:
            raise IdempotencyKeyReused(
                "this Idempotency-Key came with another request in the last "
                f"{REMEMBERED_HOURS} hours; make a new key for every new request"
            )
        self._salt = found.salt
        return found


class Repeats:
    """Carries requests out once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def run(self, once: Once, work: Callable[[], str]) -> str:
        """The result of `work`, which hands `once` to a service; of a repetition the first one's, without doing it again."""
        found = self._earlier(once)
        if found is None:
            try:
                return work()
            except _Repeated:  # by another request at the same moment
                found = self._earlier(once)
        assert found is not None, "it was committed, and is remembered for hours"
        return found.result

    def _earlier(self, once: Once) -> Earlier | None:
        if not once.has_key:
            return None
        with self._database.read() as connection:
            return once.earlier(connection)

    def forget(self) -> int:
        """Forget what was done more than a day ago. Returns how many requests."""
        with self._database.write() as connection:
            return rows.forget_before(connection, int(self._clock.now()) // HOUR - REMEMBERED_HOURS)
