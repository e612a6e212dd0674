"""Requests that administrators may send again: what tells a repetition, and what the first one made."""

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from server.storage.tables import repeatable_requests as requests

__all__ = ["Earlier", "claim", "find_earlier", "forget_before", "settle"]


@dataclass(frozen=True)
class Earlier:
    """A request that was carried out under a key. result: what names the thing that it made."""

    request_hash: bytes
    salt: bytes
    result: str


def find_earlier(connection: Connection, key_hash: bytes) -> Earlier | None:
    """What was done under this key, or None."""
    columns = (requests.c.request_hash, requests.c.salt, requests.c.result)
    row = connection.execute(select(*columns).where(requests.c.key_hash == key_hash)).one_or_none()
    return None if row is None else Earlier(*row)


def claim(connection: Connection, key_hash: bytes, request_hash: bytes, salt: bytes, hour: int) -> bool:
    """Take a key for this transaction, waiting for another that has it. False when that one committed."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    added = connection.execute(
        dialect.insert(requests)
        .values(key_hash=key_hash, request_hash=request_hash, salt=salt, hour=hour)
        .on_conflict_do_nothing(index_elements=[requests.c.key_hash])
        .returning(requests.c.hour)
    )
    return added.first() is not None


def settle(connection: Connection, key_hash: bytes, result: str) -> None:
    """Write down what was made under a key that this transaction has taken."""
    connection.execute(update(requests).where(requests.c.key_hash == key_hash).values(result=result))


def forget_before(connection: Connection, hour: int) -> int:
    """Forget the requests of earlier hours. Returns how many."""
    return connection.execute(delete(requests).where(requests.c.hour < hour)).rowcount
