"""Compiled loops over field elements and points. Imported only in simulation and decoding, never on a phone.

They stand in one file because numba's cache of a compiled function does not notice a change in another file.

q, p, m: the order q = p^m of the field · exp, log: tables of an extension field (`ExtensionField`), anything for a
prime one · inverses: (q,) · first, places: (t,) index of the first point with so many digits, and q^digits.
"""

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from ldp_core.algebra.fields import ExtensionField, Field
from ldp_core.types import IntArray

__all__ = ["division_by", "field_tables", "respond_extension", "respond_prime", "walk"]


def field_tables(field: Field) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """order, inverses (q,), exp and log of a field, as the kernels take them."""
    order = np.array([field.order, field.characteristic, field.degree], dtype=np.int64)
    inverses = field.inverse(np.arange(field.order, dtype=np.int64))
    if isinstance(field, ExtensionField):
        return order, inverses, field.exp_array, field.log_array
    unused = np.zeros(1, dtype=np.int64)
    return order, inverses, unused, unused


@njit(cache=True, inline="always")
def _add(a: int, b: int, q: int, p: int, m: int) -> int:
    """a + b."""
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


@njit(cache=True, inline="always")
def _negative(a: int, q: int, p: int, m: int) -> int:
    """-a."""
    if m == 1:
        return q - a if a else 0
    if p == 2:
        return a
    total, place = 0, 1
    for _ in range(m):
        total += (p - a // place % p) % p * place
        place *= p
    return total


@njit(cache=True, inline="always")
def _multiply(a: int, b: int, q: int, m: int, exp: IntArray, log: IntArray) -> int:
    """a · b."""
    if m == 1:
        return a * b % q
    return exp[log[a] + log[b]]


@njit(cache=True)
def _canonical_index(
    vector: IntArray, first: IntArray, inverses: IntArray, order: IntArray, exp: IntArray, log: IntArray
) -> int:
    """The index of the point through a nonzero vector."""
    t = len(vector)
    q, _, m = order
    lead = 0
    while vector[lead] == 0:
        lead += 1
    scale = inverses[vector[lead]]
    number = 0
    for position in range(lead + 1, t):
        digit = vector[position] if scale == 1 else _multiply(vector[position], scale, q, m, exp, log)
        number = number * q + digit
    return first[t - 1 - lead] + number


@njit(cache=True, inline="always")
def _quotient(number: int, q: int, magic: int, shift: int) -> int:
    """number // q for 0 <= number < 2^50: by one multiplication and a shift, or, where shift is 0, in floating point.

    With magic = ceil(2^shift / q) the first is exact while number q < 2^shift and number magic < 2^63.
    """
    if shift:
        return number * magic >> shift
    rest = np.int64(number / q)
    remainder = number - rest * q
    return rest + (remainder >= q) - (remainder < 0)


def division_by(q: int, t: int) -> tuple[int, int]:
    """magic and shift for numbers below q^t and below t q^2, or (0, 0) where no shift serves."""
    largest = max(q**t, t * q * q)
    shift = (largest * q).bit_length()
    magic = -(-(1 << shift) // q)
    return (magic, shift) if largest * magic < 1 << 63 else (0, 0)


@njit(cache=True, inline="always")
def _point_number(index: int, length: int, first: IntArray, places: IntArray) -> int:
    """The canonical vector of a point read as a base-q number: a leading 1 and r in `digits` digits is q^digits + r."""
    digits = 0
    while digits + 1 < length and index >= first[digits + 1]:
        digits += 1
    return index + places[digits] - first[digits]


@njit(cache=True, nogil=True, error_model="numpy")
def respond_prime(
    hyperplanes: IntArray,
    on: NDArray[np.bool_],
    members: IntArray,
    others: IntArray,
    q: int,
    magic: int,
    shift: int,
    first: IntArray,
    places: IntArray,
    inverses: IntArray,
    out: IntArray,
) -> None:
    """out[i] = the next member of hyperplanes[i] where on[i], else the next non-member, for prime q with t q^2 < 2^50.

    hyperplanes, on, out: (m,) · members: their numbers in 0..c-1, in order, one for each True of on · others: the
    numbers in 0..q^(t-1)-1 of the rest. The point u has <u, v> = 0 for a member and 1 for a non-member; its other coordinates
    are the canonical point of PG(t-2, q), or the base-q digits, that the number stands for.
    """
    t = len(first)
    u = np.empty(t, dtype=np.int64)
    v = np.empty(t, dtype=np.int64)
    next_member = next_other = 0
    for phone in range(len(out)):
        number = _point_number(hyperplanes[phone], t, first, places)
        pivot = -1
        for position in range(t - 1, -1, -1):
            rest = _quotient(number, q, magic, shift)
            v[position] = number - rest * q
            number = rest
            if pivot < 0 and v[position]:
                pivot = position
        if on[phone]:
            number = _point_number(members[next_member], t - 1, first, places)
            product = 0
            next_member += 1
        else:
            number = others[next_other]
            product = 1
            next_other += 1
        total = 0  # below t q^2: reduced once
        for position in range(t - 1, -1, -1):
            if position != pivot:
                rest = _quotient(number, q, magic, shift)
                u[position] = number - rest * q
                number = rest
                total += u[position] * v[position]
        wanted = q + product - (total - q * _quotient(total, q, magic, shift))
        wanted *= inverses[v[pivot]]
        u[pivot] = wanted - q * _quotient(wanted, q, magic, shift)
        lead = 0
        while u[lead] == 0:
            lead += 1
        scale = inverses[u[lead]]
        index = 0
        if scale == 1:
            for position in range(lead + 1, t):
                index = index * q + u[position]
        else:
            for position in range(lead + 1, t):
                scaled = u[position] * scale
                index = index * q + scaled - q * _quotient(scaled, q, magic, shift)
        out[phone] = first[t - 1 - lead] + index


@njit(cache=True, nogil=True, error_model="numpy")
def respond_extension(
    hyperplanes: IntArray,
    on: NDArray[np.bool_],
    members: IntArray,
    others: IntArray,
    q: int,
    p: int,
    m: int,
    magic: int,
    shift: int,
    first: IntArray,
    places: IntArray,
    inverses: IntArray,
    exp: IntArray,
    log: IntArray,
    out: IntArray,
) -> None:
    """`respond_prime` for a prime power q = p^m, m >= 2."""
    t = len(first)
    u = np.empty(t, dtype=np.int64)
    v = np.empty(t, dtype=np.int64)
    next_member = next_other = 0
    for phone in range(len(out)):
        number = _point_number(hyperplanes[phone], t, first, places)
        pivot = -1
        for position in range(t - 1, -1, -1):
            rest = _quotient(number, q, magic, shift)
            v[position] = number - rest * q
            number = rest
            if pivot < 0 and v[position]:
                pivot = position
        if on[phone]:
            number = _point_number(members[next_member], t - 1, first, places)
            next_member += 1
        else:
            number = others[next_other]
            next_other += 1
        total = 0
        for position in range(t - 1, -1, -1):
            if position != pivot:
                rest = _quotient(number, q, magic, shift)
                u[position] = number - rest * q
                number = rest
                total = _add(total, exp[log[u[position]] + log[v[position]]], q, p, m)
        wanted = _negative(total, q, p, m)
        if not on[phone]:
            wanted = _add(1, wanted, q, p, m)
        u[pivot] = exp[log[wanted] + log[inverses[v[pivot]]]]
        lead = 0
        while u[lead] == 0:
            lead += 1
        scale = log[inverses[u[lead]]]
        index = 0
        for position in range(lead + 1, t):
            index = index * q + exp[log[u[position]] + scale]
        out[phone] = first[t - 1 - lead] + index


@njit(parallel=True, cache=True, nogil=True)
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
    q, p, m = order
    for stretch in prange(len(starts) - 1):
        u = elements[stretch].copy()
        v = windows[stretch].copy()
        for i in range(starts[stretch], starts[stretch + 1]):
            points[i] = _canonical_index(u, first, inverses, order, exp, log)
            hyperplanes[i] = _canonical_index(v, first, inverses, order, exp, log)
            lead = u[t - 1]
            for position in range(t - 1, 0, -1):
                u[position] = _add(u[position - 1], _multiply(lead, recurrence[position], q, m, exp, log), q, p, m)
            u[0] = _multiply(lead, recurrence[0], q, m, exp, log)
            following = 0
            for position in range(t):
                following = _add(following, _multiply(v[position], recurrence[position], q, m, exp, log), q, p, m)
            for position in range(t - 1):
                v[position] = v[position + 1]
            v[t - 1] = following
