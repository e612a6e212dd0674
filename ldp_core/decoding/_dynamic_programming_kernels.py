"""Compiled inner loops of the dynamic-programming decoder. Imported only when a decode runs.

Both steps map f_l (state: prefixes x suffixes x q) to f_{l-1} (out) for prefixes in parallel; see
`dynamic_programming` for the recursion and the numbering. With z = mu w the sum over e of
G[e][(z - e) / mu] becomes the sum over e of G[e][w - e / mu]: row e of the table, shifted. For prime q a shift is
two contiguous runs, which the compiler turns into vector additions; for prime powers it is a gather.
"""

import numpy as np
from numba import njit, prange

from ldp_core.threads import threaded_loops
from ldp_core.types import IntArray

__all__ = ["compile_threaded", "step_extension", "step_prime"]

_WORTH_THREADS = 1 << 22
"""From this many additions on, prefixes are shared out among threads."""


def step_prime(state: IntArray, out: IntArray, numbers: IntArray, inverses: IntArray) -> None:
    """One step for prime q.

    state: (q(P-1) + 2 or more, S + 1, q) · out: (P, S' + 1, q), zeroed · numbers: (S, q) · inverses: (q,)
    """
    if out.size * len(inverses) < _WORTH_THREADS:
        _alone_prime(state, out, numbers, inverses)
        return
    with threaded_loops:
        _threaded_prime(state, out, numbers, inverses)


def step_extension(
    state: IntArray,
    out: IntArray,
    numbers: IntArray,
    differences: IntArray,
    products: IntArray,
    inverses: IntArray,
) -> None:
    """One step for a prime power q; shapes as for `step_prime`, differences and products (q, q)."""
    if out.size * len(inverses) < _WORTH_THREADS:
        _alone_extension(state, out, numbers, differences, products, inverses)
        return
    with threaded_loops:
        _threaded_extension(state, out, numbers, differences, products, inverses)


@njit(cache=True, nogil=True)
def _alone_prime(state: IntArray, out: IntArray, numbers: IntArray, inverses: IntArray) -> None:
    for a in range(out.shape[0]):
        _prefix_prime(a, state, out, numbers, inverses)


@njit(cache=True, nogil=True)
def _alone_extension(
    state: IntArray,
    out: IntArray,
    numbers: IntArray,
    differences: IntArray,
    products: IntArray,
    inverses: IntArray,
) -> None:
    for a in range(out.shape[0]):
        _prefix_extension(a, state, out, numbers, differences, products, inverses)


@njit(parallel=True, cache=True, nogil=True)
def _threaded_prime(state: IntArray, out: IntArray, numbers: IntArray, inverses: IntArray) -> None:
    for a in prange(out.shape[0]):
        _prefix_prime(a, state, out, numbers, inverses)


@njit(parallel=True, cache=True, nogil=True)
def _threaded_extension(
    state: IntArray,
    out: IntArray,
    numbers: IntArray,
    differences: IntArray,
    products: IntArray,
    inverses: IntArray,
) -> None:
    for a in prange(out.shape[0]):
        _prefix_extension(a, state, out, numbers, differences, products, inverses)


@njit(cache=True, nogil=True)
def _prefix_prime(a: int, state: IntArray, out: IntArray, numbers: IntArray, inverses: IntArray) -> None:
    q = state.shape[2]
    suffixes = numbers.shape[0]
    first = 1 + suffixes  # number of the suffix (1, 0)
    line = np.empty(q, dtype=np.int64)
    if a == 0:  # the zero prefix: extended by e = 0 to 0 and by e = 1 to 1
        out[0, 0, 0] = state[0, 0, 0] + state[1, 0, 0]
        out[0, first, 0] = state[0, 0, 0]
        out[0, first, 1] = state[1, 0, 0]
        for b in range(1, suffixes + 1):
            for z in range(q):
                out[0, b, z] = state[0, b, z] + state[1, b, z]
            for mu in range(1, q):
                row = first + numbers[b - 1, mu]
                shift = inverses[mu]
                for w in range(q):
                    out[0, row, mu * w % q] = state[0, b, w] + state[1, b, (w - shift) % q]
        return
    base = q * (a - 1) + 2
    for e in range(q):  # b'' = 0: the inner product is b0 e
        out[a, 0, 0] += state[base + e, 0, 0]
        out[a, first, e] = state[base + e, 0, 0]
    for b in range(1, suffixes + 1):
        for e in range(q):
            for z in range(q):
                out[a, b, z] += state[base + e, b, z]
        for mu in range(1, q):
            line[:] = state[base, b]
            shift = 0
            for e in range(1, q):
                shift += inverses[mu]
                if shift >= q:
                    shift -= q
                source = state[base + e, b]
                head = line[:shift]
                tail = line[shift:]
                for w in range(shift):
                    head[w] += source[q - shift + w]
                for w in range(q - shift):
                    tail[w] += source[w]
            target = out[a, first + numbers[b - 1, mu]]
            z = 0
            for w in range(q):
                target[z] = line[w]
                z += mu
                if z >= q:
                    z -= q


@njit(cache=True, nogil=True)
def _prefix_extension(
    a: int,
    state: IntArray,
    out: IntArray,
    numbers: IntArray,
    differences: IntArray,
    products: IntArray,
    inverses: IntArray,
) -> None:
    q = state.shape[2]
    suffixes = numbers.shape[0]
    first = 1 + suffixes
    line = np.empty(q, dtype=np.int64)
    if a == 0:
        out[0, 0, 0] = state[0, 0, 0] + state[1, 0, 0]
        out[0, first, 0] = state[0, 0, 0]
        out[0, first, 1] = state[1, 0, 0]
        for b in range(1, suffixes + 1):
            for z in range(q):
                out[0, b, z] = state[0, b, z] + state[1, b, z]
            for mu in range(1, q):
                row = first + numbers[b - 1, mu]
                for w in range(q):
                    moved = differences[w, inverses[mu]]
                    out[0, row, products[mu, w]] = state[0, b, w] + state[1, b, moved]
        return
    base = q * (a - 1) + 2
    for e in range(q):
        out[a, 0, 0] += state[base + e, 0, 0]
        out[a, first, e] = state[base + e, 0, 0]
    for b in range(1, suffixes + 1):
        for e in range(q):
            for z in range(q):
                out[a, b, z] += state[base + e, b, z]
        for mu in range(1, q):
            line[:] = state[base, b]
            for e in range(1, q):
                source = state[base + e, b]
                step = products[inverses[mu], e]
                for w in range(q):
                    line[w] += source[differences[w, step]]
            target = out[a, first + numbers[b - 1, mu]]
            for w in range(q):
                target[products[mu, w]] = line[w]


def compile_threaded() -> None:
    """Compile the threaded steps by running them on the empty counts of PG(1, 2)."""
    state, out = np.zeros((2, 2, 2), dtype=np.int64), np.zeros((1, 4, 2), dtype=np.int64)
    numbers, table = np.arange(2, dtype=np.int64)[None], np.zeros((2, 2), dtype=np.int64)
    with threaded_loops:
        _threaded_prime(state, out, numbers, numbers[0])
        _threaded_extension(state, out, numbers, table, table, numbers[0])
