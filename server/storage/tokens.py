"""Tokens, of which only the SHA-256 is stored. A token that ended keeps its row, and its name is never given again."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Select, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from server.storage.tables import collections, tokens

__all__ = [
    "TokenRow",
    "add_token",
    "count_usable",
    "end_token",
    "end_tokens_of",
    "find_token",
    "has_scope",
    "ingest_hashes",
    "list_tokens",
    "lock_token",
    "mark_used",
]


@dataclass(frozen=True)
class TokenRow:
    """Whom a token stands for.

    collection: the number of the only collection it is for, or None for all; collection_id: its id · last_used_day: days since
    1970 · ends: seconds since 1970 from which it opens nothing, None while it is not revoked.
    """

    number: int
    name: str
    scope: str
    collection: int | None
    sha256: bytes
    last_used_day: int | None
    ends: int | None
    collection_id: str | None

    def usable(self, now: float) -> bool:
        """Does it open anything at this time?"""
        return self.ends is None or now < self.ends


_ROWS = select(tokens, collections.c.id.label("collection_id")).outerjoin(
    collections, collections.c.number == tokens.c.collection
)


def add_token(connection: Connection, *, name: str, scope: str, sha256: bytes, collection: int | None = None) -> bool:
    """Store a token under a name. False when the name is taken: another process was first."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    added = connection.execute(
        dialect.insert(tokens)
        .values(name=name, scope=scope, sha256=sha256, collection=collection)
        .on_conflict_do_nothing(index_elements=[tokens.c.name])
        .returning(tokens.c.number)
    )
    return added.first() is not None


def _found(connection: Connection, query: Select[*tuple[object, ...]]) -> TokenRow | None:
    row = connection.execute(query).one_or_none()
    return None if row is None else TokenRow(**row._mapping)


def find_token(connection: Connection, sha256: bytes) -> TokenRow | None:
    """The token with this hash, or None."""
    return _found(connection, _ROWS.where(tokens.c.sha256 == sha256))


def lock_token(connection: Connection, number: int) -> TokenRow | None:
    """A token by number. All admin tokens are locked until the transaction ends, so that two cannot revoke each other."""
    connection.execute(
        select(tokens.c.number)
        .where(or_(tokens.c.scope == "admin", tokens.c.number == number))
        .order_by(tokens.c.number)
        .with_for_update()
    ).all()
    return _found(connection, _ROWS.where(tokens.c.number == number))


def list_tokens(connection: Connection, scopes: Sequence[str], collection: int | None = None) -> Sequence[TokenRow]:
    """The tokens of these scopes, ended ones too, the oldest first; of one collection when its number is given."""
    query = _ROWS.where(tokens.c.scope.in_(scopes))
    if collection is not None:
        query = query.where(tokens.c.collection == collection)
    return [TokenRow(**row._mapping) for row in connection.execute(query.order_by(tokens.c.number))]


def has_scope(connection: Connection, scope: str) -> bool:
    """Is there any token of this scope?"""
    return connection.execute(select(tokens.c.number).where(tokens.c.scope == scope).limit(1)).first() is not None


def count_usable(connection: Connection, scope: str, now: float) -> int:
    """The number of tokens of a scope that have no end, or one that is to come."""
    query = (
        select(func.count())
        .select_from(tokens)
        .where(tokens.c.scope == scope, or_(tokens.c.ends.is_(None), tokens.c.ends > now))
    )
    return int(connection.scalar(query) or 0)


def end_token(connection: Connection, number: int, ends: int) -> None:
    """Let a token end at this second."""
    connection.execute(update(tokens).where(tokens.c.number == number).values(ends=ends))


def end_tokens_of(connection: Connection, collection: int, ends: int) -> None:
    """Let every token that is for this collection alone end, unless it ended before."""
    connection.execute(
        update(tokens)
        .where(tokens.c.collection == collection, or_(tokens.c.ends.is_(None), tokens.c.ends > ends))
        .values(ends=ends)
    )


def mark_used(connection: Connection, sha256: bytes, day: int) -> None:
    """Remember the last day on which a token was used."""
    connection.execute(
        update(tokens)
        .where(tokens.c.sha256 == sha256, or_(tokens.c.last_used_day.is_(None), tokens.c.last_used_day < day))
        .values(last_used_day=day)
    )


def ingest_hashes(connection: Connection, collection: int) -> tuple[tuple[bytes, int | None], ...]:
    """The hash and the end of each write key of a collection."""
    rows = connection.execute(
        select(tokens.c.sha256, tokens.c.ends).where(tokens.c.scope == "ingest", tokens.c.collection == collection)
    )
    return tuple((row.sha256, row.ends) for row in rows)
