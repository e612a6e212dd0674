"""Arrays of numbers that analyses are asked about, sent once and named by an id. They belong to the token that sent them."""

import secrets
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from ldp_core.types import FloatArray
from server.clock import Clock
from server.refusals import TooManyArrays, UnknownResource
from server.services.array_files import NamedArray, read_arrays
from server.services.tokens import Principal, Scope
from server.storage import arrays as rows
from server.storage.arrays import ArrayRow
from server.storage.database import Database

__all__ = ["Arrays", "StoredArray"]

_DAY = 86_400
_PART = 1 << 22
_PARTS_AT_ONCE = 4
_LISTED = 200
_LONGEST_SENDING = 3_600


@dataclass(frozen=True)
class StoredArray:
    """expires: seconds since 1970."""

    id: str
    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int
    expires: int


class Arrays:
    """All arrays of this service. Who sent one may use it, and an administrator any; for others it does not exist.

    per_token: how many one may have stored · file_bytes: of the arrays of one file · retention_days: after which one is forgotten.
    """

    def __init__(
        self, database: Database, clock: Clock, *, per_token: int, file_bytes: int, retention_days: int
    ) -> None:
        self._database = database
        self._clock = clock
        self._per_token = per_token
        self._file_bytes = file_bytes
        self._retention = retention_days * _DAY

    def store(self, owner: Principal, file: BinaryIO) -> list[StoredArray]:
        """Store the arrays of a .npy or .npz file, all or none. Raises InvalidParameters, TooLarge, TooManyArrays."""
        begun: list[int] = []
        try:
            stored = [self._store_one(owner, array, begun) for array in read_arrays(file, self._file_bytes)]
            with self._database.write() as connection:
                for number in begun:
                    rows.complete_array(connection, number)
        except BaseException:
            for number in begun:
                self._forget(number)
            raise
        return stored

    def _store_one(self, owner: Principal, array: NamedArray, begun: list[int]) -> StoredArray:
        numbers = array.numbers
        new = rows.NewArray(
            id=secrets.token_hex(8),
            owner=owner.number,
            name=array.name,
            dtype=numbers.dtype.str,
            shape=",".join(map(str, numbers.shape)),
            bytes=numbers.nbytes,
            stored=int(self._clock.now()),
        )
        with self._database.write() as connection:
            if rows.count_arrays(connection, owner.number) >= self._per_token:
                raise TooManyArrays(
                    f"this token has {self._per_token} arrays stored, the most that it may; delete one first",
                    limit=self._per_token,
                )
            number = rows.add_array(connection, new)
        begun.append(number)
        content = numbers.reshape(-1).view(np.uint8)
        for part, start in enumerate(range(0, len(content), _PART)):
            with self._database.write() as connection:
                rows.add_part(connection, number, part, content[start : start + _PART].tobytes())
        return self._described(new)

    def get(self, array_id: str, principal: Principal) -> StoredArray:
        """What is known of an array. Raises UnknownResource."""
        return self._described(self._visible(array_id, principal))

    def list(self, principal: Principal) -> list[StoredArray]:
        """The newest arrays that the caller may use."""
        owner = None if principal.scope == Scope.ADMIN else principal.number
        with self._database.read() as connection:
            return [self._described(row) for row in rows.list_arrays(connection, owner, _LISTED)]

    def load(self, array_id: str, principal: Principal | None) -> FloatArray:
        """The numbers. principal: who asks; None for a job, whose owner was asked before. Raises UnknownResource."""
        with self._database.snapshot() as connection:
            row = _checked(rows.find_array(connection, array_id), principal)
            with closing(rows.read_parts(connection, row.number)) as parts:
                content = b"".join(parts)
        shape = tuple(int(side) for side in row.shape.split(",") if side)
        return np.frombuffer(content, dtype=row.dtype).reshape(shape)

    def delete(self, array_id: str, principal: Principal) -> None:
        """Forget an array now. Raises UnknownResource."""
        self._forget(self._visible(array_id, principal).number)

    def purge(self) -> int:
        """Forget arrays that were sent long ago, and what is left of sending that broke off. Returns how many."""
        now = int(self._clock.now())
        with self._database.read() as connection:
            old = rows.outlived(
                connection, complete_before=now - self._retention, begun_before=now - _LONGEST_SENDING, limit=_LISTED
            )
        for number in old:
            self._forget(number)
        return len(old)

    def _forget(self, number: int) -> None:
        gone = False
        while not gone:
            with self._database.write() as connection:
                gone = rows.forget_array(connection, number, _PARTS_AT_ONCE)

    def _visible(self, array_id: str, principal: Principal) -> ArrayRow:
        with self._database.read() as connection:
            return _checked(rows.find_array(connection, array_id), principal)

    def _described(self, row: rows.NewArray) -> StoredArray:
        shape = tuple(int(side) for side in row.shape.split(",") if side)
        return StoredArray(row.id, row.name, row.dtype, shape, row.bytes, row.stored + self._retention)


def _checked(row: ArrayRow | None, principal: Principal | None) -> ArrayRow:
    if row is None or (principal and principal.scope != Scope.ADMIN and row.owner != principal.number):
        raise UnknownResource("no array of this id is yours; arrays are forgotten after some days, so send it again")
    return row
