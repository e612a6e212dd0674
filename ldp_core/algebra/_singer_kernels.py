"""The compiled walk along a Singer cycle. Imported only when one is built."""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from ldp_core.types import IntArray

__all__ = ["walk"]


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _add(a: int, b: int, order: IntArray) -> int:
    q, p, m = order
    if m == 1:
        total = a + b
        return total - q if total >= q else total
    if p == 2:
        return a ^ b
    total, place = 0, 1
    for _ in range(m):
        total += (a // place + b // place) % p * place
        place *= p
    return total


@njit(cache=True, inline="always")  # type: ignore[untyped-decorator]
def _multiply(a: int, b: int, order: IntArray, exp: IntArray, log: IntArray) -> int:
    if a == 0 or b == 0:
        return 0
    if order[2] == 1:
        return a * b % order[0]
    return exp[log[a] + log[b]]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _index(
    vector: IntArray, first: IntArray, inverses: IntArray, order: IntArray, exp: IntArray, log: IntArray
) -> int:
    """The canonical index of the point through a nonzero vector."""
    t = len(vector)
    lead = 0
    while vector[lead] == 0:
        lead += 1
    scale = inverses[vector[lead]]
    number = 0
    for position in range(lead + 1, t):
        number = number * order[0] + _multiply(vector[position], scale, order, exp, log)
    return first[t - 1 - lead] + number


@njit(parallel=True, cache=True, nogil=True)  # type: ignore[untyped-decorator]
def walk(
    starts: IntArray,
    elements: IntArray,
    windows: IntArray,
    recurrence: IntArray,
    first: IntArray,
    inverses: IntArray,
    order: IntArray,
    exp: IntArray,
    log: IntArray,
    points: NDArray[np.int32],
    hyperplanes: NDArray[np.int32],
) -> None:
    """Fill the canonical indices of u_i and v_i.

    starts: (m + 1,) bounds of m stretches · elements, windows: (m, t) u and v where each stretch starts ·
    recurrence: (t,) · first: (t,) index of the first point by digits · inverses: (q,) · order: q, p, m with q = p^m ·
    exp, log: of an extension field · points, hyperplanes: (N,) out.
    """
    t = len(recurrence)
    for stretch in prange(len(starts) - 1):
        u = elements[stretch].copy()
        v = windows[stretch].copy()
        for i in range(starts[stretch], starts[stretch + 1]):
            points[i] = _index(u, first, inverses, order, exp, log)
            hyperplanes[i] = _index(v, first, inverses, order, exp, log)
            lead = u[t - 1]
            for position in range(t - 1, 0, -1):
                u[position] = _add(u[position - 1], _multiply(lead, recurrence[position], order, exp, log), order)
            u[0] = _multiply(lead, recurrence[0], order, exp, log)
            following = 0
            for position in range(t):
                following = _add(following, _multiply(v[position], recurrence[position], order, exp, log), order)
            for position in range(t - 1):
                v[position] = v[position + 1]
            v[t - 1] = following
