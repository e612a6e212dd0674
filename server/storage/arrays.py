"""Arrays that analysts sent, in parts, so that no transaction is long. One that is not complete is seen by nobody."""

from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, func, insert, select, update

from server.storage.tables import array_parts, arrays

__all__ = [
    "ArrayRow",
    "NewArray",
    "add_array",
    "add_part",
    "complete_array",
    "count_arrays",
    "find_array",
    "forget_array",
    "list_arrays",
    "outlived",
    "read_parts",
]


@dataclass(frozen=True)
class NewArray:
    """owner: the number of a token · dtype: of numpy, little-endian · shape: as "3,4" · stored: seconds since 1970."""

    id: str
    owner: int
    name: str
    dtype: str
    shape: str
    bytes: int
    stored: int


@dataclass(frozen=True)
class ArrayRow(NewArray):
    """A complete array, without its numbers."""

    number: int


_ROW = [arrays.c[name] for name in ArrayRow.__dataclass_fields__]


def add_array(connection: Connection, new: NewArray) -> int:
    """Begin an array. Returns its number."""
    return int(connection.execute(insert(arrays).values(**asdict(new)).returning(arrays.c.number)).scalar_one())


def add_part(connection: Connection, number: int, part: int, content: bytes) -> None:
    """Store the next bytes."""
    connection.execute(insert(array_parts).values(array=number, part=part, content=content))


def complete_array(connection: Connection, number: int) -> None:
    """Let the array be seen."""
    connection.execute(update(arrays).where(arrays.c.number == number).values(complete=1))


def count_arrays(connection: Connection, owner: int) -> int:
    """How many arrays of a token are stored, or being stored."""
    return int(connection.scalar(select(func.count()).where(arrays.c.owner == owner)) or 0)


def find_array(connection: Connection, array_id: str) -> ArrayRow | None:
    """An array, or None."""
    row = connection.execute(select(*_ROW).where(arrays.c.id == array_id, arrays.c.complete == 1)).one_or_none()
    return None if row is None else ArrayRow(**row._mapping)


def list_arrays(connection: Connection, owner: int | None, limit: int) -> Sequence[ArrayRow]:
    """The newest arrays of a token, or of all."""
    query = select(*_ROW).where(arrays.c.complete == 1).order_by(arrays.c.number.desc()).limit(limit)
    rows = connection.execute(query if owner is None else query.where(arrays.c.owner == owner))
    return [ArrayRow(**row._mapping) for row in rows]


def read_parts(connection: Connection, number: int) -> Generator[bytes, None, None]:
    """The bytes of an array, in order."""
    query = select(array_parts.c.content).where(array_parts.c.array == number).order_by(array_parts.c.part)
    with connection.execution_options(yield_per=4).execute(query) as rows:
        for row in rows:
            yield row.content


def outlived(connection: Connection, *, complete_before: int, begun_before: int, limit: int) -> Sequence[int]:
    """The numbers of complete arrays from before a moment, and of those that were begun before another one and never completed."""
    complete = (arrays.c.complete == 1) & (arrays.c.stored < complete_before)
    begun = (arrays.c.complete == 0) & (arrays.c.stored < begun_before)
    return [*connection.scalars(select(arrays.c.number).where(complete | begun).limit(limit))]


def forget_array(connection: Connection, number: int, parts: int) -> bool:
    """Delete up to so many parts of an array, and the array with the last ones. True when it is gone."""
    connection.execute(update(arrays).where(arrays.c.number == number).values(complete=0))
    first = select(array_parts.c.part).where(array_parts.c.array == number).order_by(array_parts.c.part).limit(parts)
    chosen = [*connection.scalars(first)]
    connection.execute(delete(array_parts).where(array_parts.c.array == number, array_parts.c.part.in_(chosen)))
    if len(chosen) == parts:
        return False
    connection.execute(delete(arrays).where(arrays.c.number == number))
    return True
