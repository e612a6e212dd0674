"""Files of numpy as arrays of floats: `.npy` with one, `.npz` with several by name. Nothing in them is executed or believed."""

import ast
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from math import prod
from typing import Any, BinaryIO

import numpy as np

from ldp_core.types import FloatArray
from server.refusals import InvalidParameters, TooLarge

__all__ = ["NamedArray", "read_arrays"]

_KINDS = "biuf"
_AXES = 4
_MOST_MEMBERS = 16
_LONGEST_NAME = 100
_LONGEST_HEADER = 10_000


@dataclass(frozen=True, eq=False)
class NamedArray:
    """numbers: little-endian float32 or float64, row by row · name: in a .npz file, empty in a .npy file."""

    name: str
    numbers: FloatArray


def read_arrays(file: BinaryIO, limit: int) -> Iterator[NamedArray]:
    """The arrays of a file, one after the other. limit: bytes of the numbers of all arrays together, in the file and as they are kept.

    Raises InvalidParameters for anything but arrays of up to 4 axes of numbers, TooLarge above the limit.
    """
    if not zipfile.is_zipfile(file):
        file.seek(0)
        yield NamedArray("", _read(file, limit, limit))
        return
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            _check_members(members, limit)
            left = limit
            for member in members:
                with archive.open(member) as inner:
                    content = BytesIO(inner.read(member.file_size))
                numbers = _read(content, left, limit)
                left -= numbers.nbytes
                yield NamedArray(member.filename.removesuffix(".npy"), numbers)
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
    ) as error:
        raise _invalid("this .npz file cannot be read; write it with numpy.savez") from error


def _check_members(members: list[zipfile.ZipInfo], limit: int) -> None:
    if not 1 <= len(members) <= _MOST_MEMBERS:
        raise _invalid(f"a .npz file holds 1 to {_MOST_MEMBERS} arrays, got {len(members)}")
    names = [member.filename for member in members]
    if len(set(names)) < len(names) or any(
        not name.endswith(".npy") or len(name) > _LONGEST_NAME or not name.isprintable() for name in names
    ):
        raise _invalid("a .npz file holds arrays with different names, each name.npy; write it with numpy.savez")
    if sum(member.file_size for member in members) > limit:
        raise _too_large(limit)


@dataclass(frozen=True)
class _Header:
    """What a .npy file says of its numbers."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    fortran: bool

    @classmethod
    def read(cls, file: BinaryIO) -> "_Header":
        """Raises InvalidParameters. Format: numpy.lib.format, versions 1.0 and 2.0."""
        magic = file.read(8)
        width = {b"\x93NUMPY\x01\x00": 2, b"\x93NUMPY\x02\x00": 4}.get(magic)
        if width is None:
            raise _malformed()
        length = int.from_bytes(file.read(width), "little")
        text = file.read(min(length, _LONGEST_HEADER + 1))
        if not len(text) == length <= _LONGEST_HEADER:
            raise _malformed()
        try:
            stated = ast.literal_eval(text.decode("ascii").strip())
            return cls(np.dtype(str(stated["descr"])), tuple(stated["shape"]), stated["fortran_order"] is True)
        except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError) as error:
            raise _malformed() from error

    @property
    def numbers(self) -> int:
        """How many there are. Raises InvalidParameters unless they are real numbers on a few axes."""
        kind, sides = self.dtype, self.shape
        whole = all(type(side) is int and side >= 0 for side in sides)
        if kind.kind not in _KINDS or kind.itemsize > 8 or kind.fields or len(sides) > _AXES or not whole:
            raise _invalid(f"an array holds real numbers on at most {_AXES} axes; write it with numpy.save")
        return prod(sides)


def _read(file: BinaryIO, left: int, limit: int) -> FloatArray:
    """The numbers of one .npy file, once its header and its length agree. left: bytes of the limit that earlier arrays left."""
    header = _Header.read(file)
    count, begin = header.numbers, file.tell()
    kept = np.dtype("<f4" if header.dtype.kind == "f" and header.dtype.itemsize <= 4 else "<f8")
    size = count * header.dtype.itemsize
    if max(size, count * kept.itemsize) > left:
        raise _too_large(limit)
    end = file.seek(0, 2)
    if end - begin != size:
        raise _invalid(
            f"the file has {end - begin} bytes of numbers and its header says {size}; it was cut, or something follows"
        )
    file.seek(begin)
    raw = np.frombuffer(file.read(size), dtype=header.dtype)
    numbers = raw.reshape(header.shape, order="F" if header.fortran else "C")
    return np.ascontiguousarray(numbers, dtype=kept).reshape(header.shape)


def _invalid(detail: str) -> InvalidParameters:
    return InvalidParameters.of("body", detail)


def _malformed() -> InvalidParameters:
    return _invalid("this is no .npy or .npz file of numbers; write it with numpy.save")


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"arrays of one file may have {limit} bytes together; send fewer rows, or float32", limit=limit)
