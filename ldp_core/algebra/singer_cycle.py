"""The Singer cycle: a cyclic order of the points of PG(t-1, q) in which incidence is a difference set.

Notation
    F = GF(q) · alpha: the class of x in F[x]/(f), f monic of degree t, chosen so that no power of alpha below the
    N-th lies in F · u_i: coordinates of alpha^i · s_i: the last coordinate of alpha^i, a linear recurring sequence
    v_j = (s_j, …, s_{j+t-1})
Multiplying by alpha permutes the N points in one cycle, and <u_i, v_j> is the last coordinate of alpha^(i+j), that is
s_{i+j}. So point i lies on hyperplane j exactly when i + j (mod N) is in D = {i : s_i = 0}.
Source: J. Singer, "A theorem in finite projective geometry and some applications to number theory", 1938.

f is the first such polynomial in lexicographic order of its coefficients, highest degree first.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from ldp_core.algebra.fields import Field, galois_field
from ldp_core.algebra.prime_powers import prime_factors
from ldp_core.algebra.projective_space import point_count
from ldp_core.errors import FieldError, ParameterError
from ldp_core.threads import threaded_loops
from ldp_core.types import IntArray

__all__ = ["SingerCycle", "singer_modulus"]

_CHUNKS = 16
"""The walk along the cycle starts at this many places at once."""


class SingerCycle:
    """The cyclic order of PG(t-1, q), t >= 3, as permutations of the canonical numbering.

    points: (N,) int32, canonical index of u_i · hyperplanes: (N,) int32, canonical index of v_j ·
    difference_set: (c,) int64, increasing.

    >>> SingerCycle(3, 3).difference_set
    array([0, 1, 3, 9])
    """

    def __init__(self, q: int, t: int) -> None:
        if t < 3:
            raise ParameterError(f"a Singer cycle is built for t >= 3, got {t}; on a line each hyperplane is one point")
        from ldp_core.algebra import _kernels

        self.q, self.t = q, t
        self.size = point_count(q, t)
        self.modulus = singer_modulus(q, t)
        field = galois_field(q)
        ring = _Quotient(field, self.modulus)
        starts = np.linspace(0, self.size, _CHUNKS + 1).astype(np.int64)
        elements = [ring.power_of_x(int(start)) for start in starts[:-1]]
        windows = [ring.window(element) for element in elements]
        self.points = np.empty(self.size, dtype=np.int32)
        self.hyperplanes = np.empty(self.size, dtype=np.int32)
        recurrence = np.array([field.negative(c) for c in self.modulus[:t]], dtype=np.int64)
        first = np.array([point_count(q, m) for m in range(t)], dtype=np.int64)
        order, inverses, exp, log = _kernels.field_tables(field)
        with threaded_loops:
            _kernels.walk(
                starts,
                np.array(elements, dtype=np.int64),
                np.array(windows, dtype=np.int64),
                recurrence,
                first,
                inverses,
                order,
                exp,
                log,
                self.points,
                self.hyperplanes,
            )
        # s_i = 0 exactly when v_i starts with 0: those hyperplanes have the lowest indices
        self.difference_set: IntArray = np.flatnonzero(self.hyperplanes < point_count(q, t - 1))


def singer_modulus(q: int, t: int) -> tuple[int, ...]:
    """The t + 1 coefficients of f, lowest degree first.

    >>> singer_modulus(149, 3)  # x^3 + x + 6
    (6, 1, 0, 1)
    """
    field = galois_field(q)
    size = point_count(q, t)
    primes = prime_factors(size)
    for modulus in _monic_polynomials(q, t):
        ring = _Quotient(field, modulus)
        if ring.is_scalar(ring.power_of_x(size)) and not any(
            ring.is_scalar(ring.power_of_x(size // prime)) for prime in primes
        ):
            return modulus
    raise FieldError(f"no Singer cycle was found for q = {q}, t = {t}")  # one exists for every q and t


def _monic_polynomials(q: int, t: int) -> Iterator[tuple[int, ...]]:
    """Monic polynomials of degree t with nonzero constant term in lexicographic order, lowest degree first in the tuple.

    Those of the form x^t + c are left out: there x^t is a scalar, so the cycle would have at most t points.
    """
    for number in range(q, q**t):
        coefficients = tuple(number // q**position % q for position in range(t))
        if coefficients[0]:
            yield (*coefficients, 1)


class _Quotient:
    """F[x]/(f): tuples of t field elements, lowest degree first."""

    def __init__(self, field: Field, modulus: Sequence[int]) -> None:
        self.field = field
        self.t = len(modulus) - 1
        self.recurrence = [field.negative(c) for c in modulus[: self.t]]  # x^t = sum of recurrence[l] x^l

    def times_x(self, a: Sequence[int]) -> tuple[int, ...]:
        field, lead = self.field, a[-1]
        return tuple(
            field.add(low, field.multiply(lead, r)) for low, r in zip((0, *a[:-1]), self.recurrence, strict=True)
        )

    def multiply(self, a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
        field = self.field
        total = (0,) * self.t
        for coefficient in reversed(b):  # Horner's rule in x
            total = self.times_x(total)
            total = tuple(field.add(s, field.multiply(coefficient, c)) for s, c in zip(total, a, strict=True))
        return total

    def power_of_x(self, exponent: int) -> tuple[int, ...]:
        result = (1,) + (0,) * (self.t - 1)
        for bit in bin(exponent)[2:]:
            result = self.multiply(result, result)
            if bit == "1":
                result = self.times_x(result)
        return result

    def is_scalar(self, a: Sequence[int]) -> bool:
        return not any(a[1:])

    def window(self, a: Sequence[int]) -> tuple[int, ...]:
        """The last coordinates of a, a x, …, a x^(t-1)."""
        last = []
        for _ in range(self.t):
            last.append(a[-1])
            a = self.times_x(a)
        return tuple(last)
