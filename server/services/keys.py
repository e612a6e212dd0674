"""Making, listing and ending tokens: those of people, and the write keys of a collection.

A write key is rotated by making a second one, shipping it, and letting the first one end when the phones have it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from server.clock import HOUR, Clock
from server.refusals import InvalidParameters, UnknownResource
from server.services.collections import Collections
from server.services.repeats import Once
from server.services.tokens import Scope, Tokens, token_sha256
from server.storage import tokens as rows
from server.storage.audit import AuditEntry, audit_entries, newest_entries, record_act
from server.storage.database import Connection, Database
from server.storage.tokens import TokenRow

__all__ = ["Keys", "NewToken", "key_name"]

_PEOPLE = (Scope.ADMIN, Scope.ANALYST)


@dataclass(frozen=True)
class NewToken:
    """A token just made. secret: shown now and never again."""

    row: TokenRow
    secret: str


def key_name(collection_id: str, name: str) -> str:
    """The name under which a write key is stored: names are unique over all tokens, ended ones too."""
    return f"{name} of {collection_id}"


class Keys:
    """Administration of tokens. Every act enters the audit log under the name of the token that asked for it."""

    def __init__(self, database: Database, tokens: Tokens, collections: Collections, clock: Clock) -> None:
        self._database = database
        self._tokens = tokens
        self._collections = collections
        self._clock = clock

    def create_token(
        self, *, actor: str, name: str, kind: Scope, collection_id: str | None = None, once: Once | None = None
    ) -> NewToken:
        """A token for a person. collection_id: an analyst's only collection, or None for all.

        Raises InvalidParameters for a name that was ever given, or UnknownCollection.
        """
        if kind is Scope.ADMIN and collection_id is not None:
            raise InvalidParameters.of("collection", "an admin token is for all collections; leave this out")
        collection = None if collection_id is None else self._collections.get(collection_id).number
        detail = f"{kind} {collection_id or ''}".strip()
        return self._add(actor, "token.create", name, name, kind, collection, once or Once(), detail)

    def made(self, scope: Scope, once: Once) -> NewToken:
        """The token that a request made, now or when it was sent first. Raises UnknownResource."""
        digest = token_sha256(once.secret(scope))
        with self._database.read() as connection:
            row = rows.find_token(connection, digest)
        if row is None:
            raise UnknownResource("what this request made is gone")
        return NewToken(row, once.secret(scope))

    def tokens(self) -> Sequence[TokenRow]:
        """All tokens of people, ended ones too, the oldest first."""
        with self._database.read() as connection:
            return rows.list_tokens(connection, _PEOPLE)

    def revoke_token(self, *, actor: str, number: int) -> None:
        """End a token of a person now. Raises UnknownResource for no such token, InvalidParameters for the last admin."""
        now = self._clock.now()
        with self._database.write() as connection:
            row = rows.lock_token(connection, number)
            if row is None or row.scope not in _PEOPLE:
                raise UnknownResource("no such token here; GET /v1/tokens lists those that exist")
            if not row.usable(now):
                return
            last = row.scope == Scope.ADMIN and rows.count_usable(connection, Scope.ADMIN, now) == 1
            if last and not self._tokens.configured:
                raise InvalidParameters.of("id", "this is the last admin token; make another one before this one ends")
            rows.end_token(connection, number, _this_hour(now))
            self._record(connection, actor, "token.revoke", row.name)

    def create_key(self, *, actor: str, collection_id: str, name: str, once: Once | None = None) -> NewToken:
        """A further write key of a collection. Raises UnknownCollection or InvalidParameters for a name that was given."""
        collection = self._collections.get(collection_id).number
        stored = key_name(collection_id, name)
        return self._add(
            actor, "key.create", name, stored, Scope.INGEST, collection, once or Once(), subject=collection_id
        )

    def keys(self, collection_id: str) -> Sequence[TokenRow]:
        """The write keys of a collection, ended ones too, the oldest first. Raises UnknownCollection."""
        collection = self._collections.get(collection_id).number
        with self._database.read() as connection:
            return rows.list_tokens(connection, [Scope.INGEST], collection)

    def revoke_key(self, *, actor: str, collection_id: str, number: int, until: int | None = None) -> None:
        """End a write key, now or at `until` (seconds since 1970). Raises UnknownCollection, UnknownResource, or InvalidParameters to prolong."""
        now = self._clock.now()
        ends = _this_hour(now) if until is None else until
        collection = self._collections.get(collection_id).number
        with self._database.write() as connection:
            row = rows.lock_token(connection, number)
            if row is None or row.scope != Scope.INGEST or row.collection != collection:
                raise UnknownResource("this collection has no such write key; GET …/keys lists those it has")
            if row.ends is not None and ends > row.ends:
                raise InvalidParameters.of("until", "the end of a key can be brought forward, not put off")
            if row.usable(now):
                rows.end_token(connection, number, ends)
                when = "" if until is None else f" at {datetime.fromtimestamp(until, UTC):%Y-%m-%dT%H:%M:%SZ}"
                self._record(connection, actor, "key.revoke", collection_id, row.name + when)

    def audit_log(self, *, after: int, limit: int) -> Sequence[AuditEntry]:
        """Entries of the audit log, in order."""
        with self._database.read() as connection:
            return audit_entries(connection, after=after, limit=limit)

    def newest_acts(self, *, before: int | None, limit: int) -> Sequence[AuditEntry]:
        """Entries of the audit log below a number, the newest first."""
        with self._database.read() as connection:
            return newest_entries(connection, before=before, limit=limit)

    def _add(
        self,
        actor: str,
        act: str,
        shown: str,
        stored: str,
        scope: Scope,
        collection: int | None,
        once: Once,
        detail: str = "",
        subject: str | None = None,
    ) -> NewToken:
        secret = once.secret(scope)
        digest = token_sha256(secret)
        with self._database.write() as connection:
            once.claim(connection, self._clock.now())
            if not rows.add_token(connection, name=stored, scope=scope, sha256=digest, collection=collection):
                raise InvalidParameters.of(
                    "name", f"a token was called {shown!r} before, and the audit log names tokens; choose another name"
                )
            self._record(connection, actor, act, subject or stored, detail or stored)
            row = rows.find_token(connection, digest)
            once.settle(connection, "" if row is None else str(row.number))
        assert row is not None, "it was stored just now"
        return NewToken(row, secret)

    def _record(self, connection: Connection, actor: str, act: str, subject: str, detail: str = "") -> None:
        record_act(connection, now=self._clock.now(), actor=actor, act=act, subject=subject, detail=detail)


def _this_hour(now: float) -> int:
    """The start of the hour: it is over, and no finer time is kept."""
    return int(now) // HOUR * HOUR
