"""The Walsh–Hadamard transform of integers or real numbers, by butterflies."""

from typing import TypeVar

import numpy as np

from ldp_core.types import FloatArray, IntArray

__all__ = ["walsh_hadamard"]

Rows = TypeVar("Rows", IntArray, FloatArray)


def walsh_hadamard(rows: Rows) -> Rows:
    """W[i, j] = sum over u of (-1)^popcount(j & u) rows[i, u], for a power of two columns.

    rows: int64 or float64 (h, b), b = 2^m. Integers are exact while the absolute sum of a row is below 2^63. Returns a new array (h, b).

    >>> walsh_hadamard(np.array([[3, 1, 0, 0]]))
    array([[4, 2, 4, 2]])
    """
    values = np.array(rows)
    height, width = values.shape
    half = 1
    while half < width:
        pairs = values.reshape(height, width // (2 * half), 2, half)
        upper = pairs[:, :, 0] - pairs[:, :, 1]
        pairs[:, :, 0] += pairs[:, :, 1]
        pairs[:, :, 1] = upper
        half *= 2
    return values
