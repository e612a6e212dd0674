"""Sums over the characters of F_p^d, exactly, in integers.

An element of Z[omega], omega a primitive p-th root of unity, is held by p integer coefficients of 1, omega, …, omega^(p-1) (one for
p = 2, where omega = -1). They are not unique: adding a constant to all p changes nothing. Multiplying by omega turns
them by one place, so a transform is additions only: the Walsh–Hadamard transform for p = 2.
"""

import numpy as np

from ldp_core.errors import DecodeError
from ldp_core.types import IntArray

__all__ = ["character_sums", "lift", "to_integers"]


def lift(values: IntArray, p: int) -> IntArray:
    """Integers as elements of Z[omega].  (rows, columns) -> (p or 1, rows, columns)"""
    if p == 2:
        return np.array(values[None], dtype=np.int64)
    lifted = np.zeros((p, *values.shape), dtype=np.int64)
    lifted[0] = values
    return lifted


def to_integers(elements: IntArray, p: int) -> IntArray:
    """Elements that must be integers, as such. Raises DecodeError when one is not.  (p or 1, …) -> (…)"""
    if p == 2:
        real: IntArray = elements[0]
        return real
    if (elements[1:] != elements[1]).any():
        raise DecodeError("a sum over characters that must be an integer is none: the counts or the tables are corrupt")
    integers: IntArray = elements[0] - elements[1]
    return integers


def character_sums(elements: IntArray, p: int, *, inverse: bool = False) -> IntArray:
    """out[j] = sum over u of omega^<j, u> in[u] for each row (omega^-<j, u> when inverse), j and u base-p numbers.

    elements: (p or 1, rows, p^d), d >= 0. Exact while the absolute coefficients of a row sum to less than 2^63. Same shape.
    """
    values = elements
    coefficients, rows, columns = values.shape
    stride = 1
    while stride < columns:
        axis = values.reshape(coefficients, rows * (columns // (stride * p)), p, stride)
        values = _one_digit(axis, p, inverse)
        stride *= p
    return values.reshape(elements.shape)


def _one_digit(axis: IntArray, p: int, inverse: bool) -> IntArray:
    """The transform of length p along the third axis."""
    out = np.empty_like(axis)
    if p == 2:
        np.add(axis[:, :, 0], axis[:, :, 1], out=out[:, :, 0])
        np.subtract(axis[:, :, 0], axis[:, :, 1], out=out[:, :, 1])
        return out
    sign = -1 if inverse else 1
    for j in range(p):
        out[:, :, j] = axis[:, :, 0]
        for i in range(1, p):
            turn = sign * i * j % p
            out[turn:, :, j] += axis[: p - turn, :, i]
            out[:turn, :, j] += axis[p - turn :, :, i]
    return out
