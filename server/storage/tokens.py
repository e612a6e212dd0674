"""Tokens, of which only the SHA-256 is stored."""

from dataclasses import dataclass

from sqlalchemy import Connection, select
from sqlalchemy.dialects import postgresql, sqlite

from server.storage.tables import tokens

__all__ = ["TokenRow", "add_token", "find_token", "has_scope", "ingest_hashes"]


@dataclass(frozen=True)
class TokenRow:
    """Whom a token stands for. collection: the number of the only collection it is for, or None for all."""

    scope: str
    collection: int | None
    sha256: bytes


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


def find_token(connection: Connection, sha256: bytes) -> TokenRow | None:
    """The token with this hash, or None."""
    row = connection.execute(
        select(tokens.c.scope, tokens.c.collection, tokens.c.sha256).where(tokens.c.sha256 == sha256)
    ).one_or_none()
    return None if row is None else TokenRow(*row)


def has_scope(connection: Connection, scope: str) -> bool:
    """Is there any token of this scope?"""
    return connection.execute(select(tokens.c.number).where(tokens.c.scope == scope).limit(1)).first() is not None


def ingest_hashes(connection: Connection, collection: int) -> tuple[bytes, ...]:
    """The hashes of the write keys of a collection."""
    rows = connection.execute(
        select(tokens.c.sha256).where(tokens.c.scope == "ingest", tokens.c.collection == collection)
    )
    return tuple(row.sha256 for row in rows)
