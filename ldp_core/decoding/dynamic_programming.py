"""All support counts in O(N q t) additions by dynamic programming over coordinates.

Notation
    q, t, N, F = GF(q) as in `projective_space` · y: counts · P_l: number of points of PG(l-1, q)
    A canonical-or-zero vector of length l is numbered 0 for zero and 1 + its point index otherwise: 0..P_l.
State after the last t - l coordinates are handled:
    f_l(a, b, z) = sum of y_u over the points u whose first l coordinates are the prefix a and whose other
    coordinates have inner product z with the suffix b; a and b canonical or zero.
Base: f_t(a, (), 0) = y_a. Step, for b = (b0, b') with b' = mu b'' and b'' canonical:
    f_{l-1}(a, b, z) = sum over e of f_l(a·e, b'', (z - b0 e) / mu).
Answer: f_0((), v, 0) for every point v. Only two levels are kept.
Source: Feldman et al. 2022, section 4; the layout is this project's own.

Numbering makes the step regular: the extensions a·e of prefix A >= 1 are q(A-1) + 2 + e, consecutive; those of
the zero prefix are 0 (e = 0) and 1 (e = 1), the rest are no canonical vectors. Suffix (0, b'') keeps the number of
b'', and (1, b') has number 1 + P_{len} + r where r reads b' in base q. So for one prefix and one b'' the step sums a q x q
table along its lines, one line for each (mu, z).
"""

import numpy as np

from ldp_core.algebra.fields import Field, galois_field
from ldp_core.algebra.projective_space import ProjectiveSpace, point_count
from ldp_core.types import Counts, IntArray, SupportCounts

__all__ = ["decode_by_dynamic_programming"]


def decode_by_dynamic_programming(counts: Counts, q: int, t: int) -> SupportCounts:
    """T_x for all points x of PG(t-1, q).  counts: int64 (N,) -> int64 (N,)"""
    from ldp_core.decoding import _dynamic_programming_kernels as kernels

    field = galois_field(q)
    state = _first_level(counts, q, t)  # f_{t-1}
    for length in range(t - 1, 1, -1):  # f_length -> f_{length-1}; the suffix grows from t - length coordinates
        suffix = t - length
        numbers = _multiples(field, suffix)  # (P_suffix, q) number of mu b''
        prefixes = point_count(q, length - 1) + 1
        out = np.zeros((prefixes, point_count(q, suffix + 1) + 1, q), dtype=np.int64)
        if field.degree == 1:
            inverses = field.inverse(np.arange(q, dtype=np.int64))
            kernels.step_prime(state, out, numbers, inverses)
        else:
            kernels.step_extension(state, out, numbers, *_difference_tables(field))
        state = out
    return _last_level(state, field, t)


def _first_level(counts: Counts, q: int, t: int) -> IntArray:
    """f_{t-1}(a, b, z): suffixes of one coordinate, b in {0, 1}.  -> (P_{t-1} + 1, 2, q)"""
    prefixes = point_count(q, t - 1) + 1
    state = np.zeros((prefixes, 2, q), dtype=np.int64)
    # zero prefix: the only point is (0, …, 0, 1), with inner product 0 or 1
    state[0, 0, 0] = state[0, 1, 1] = counts[0]
    rows = counts[1:].reshape(prefixes - 1, q)  # row A - 1 holds y of a·e for e = 0..q-1
    state[1:, 0, 0] = rows.sum(axis=1)
    state[1:, 1, :] = rows
    return state


def _last_level(state: IntArray, field: Field, t: int) -> SupportCounts:
    """f_0((), v, 0) = f_1(0, b'', 0) + f_1(1, b'', -b0 / mu): prefixes of one coordinate are 0 and 1.  -> (N,)"""
    q, suffix = field.order, t - 1
    zero, one = state[0], state[1]  # (P_suffix + 1, q)
    result = np.empty(point_count(q, t), dtype=np.int64)
    heads = point_count(q, suffix)
    result[:heads] = zero[1:, 0] + one[1:, 0]  # v = (0, b'')
    tail = result[heads:]  # v = (1, b'), by the number of b'
    tail[0] = zero[0, 0]  # b' = 0: the first coordinate itself must be 0
    mu = np.arange(1, q, dtype=np.int64)
    wanted = field.multiply(field.negative(np.ones_like(mu)), field.inverse(mu))  # (q - 1,)
    numbers = _multiples(field, suffix)[:, 1:]  # (P_suffix, q - 1)
    tail[numbers] = zero[1:, :1] + one[1:, wanted]
    return result


def _multiples(field: Field, length: int) -> IntArray:
    """The base-q number of mu b for every point b of PG(length-1, q) and mu in F.  -> (P_length, q)"""
    q = field.order
    if length == 1:
        return np.arange(q, dtype=np.int64)[None, :]
    space = ProjectiveSpace(q, length)
    vectors = space.points(np.arange(space.size, dtype=np.int64))  # (P, length)
    mu = np.arange(q, dtype=np.int64)
    numbers = np.zeros((space.size, q), dtype=np.int64)
    for position in range(length):
        column = np.broadcast_to(vectors[:, position, None], numbers.shape)
        numbers = numbers * q + field.multiply(column, np.broadcast_to(mu, numbers.shape))
    return numbers


def _difference_tables(field: Field) -> tuple[IntArray, IntArray, IntArray]:
    """w - e for all w, e; mu w for all mu, w; 1 / mu.  -> (q, q), (q, q), (q,)"""
    elements = np.arange(field.order, dtype=np.int64)
    w, e = np.meshgrid(elements, elements, indexing="ij")
    return field.add(w, field.negative(e)), field.multiply(w, e), field.inverse(elements)
