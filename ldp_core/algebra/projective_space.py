"""Points and hyperplanes of PG(t-1, q), numbered.

Notation
    F = GF(q) · t: vector length · N = (q^t - 1)/(q - 1): points · c = (q^(t-1) - 1)/(q - 1): points on a hyperplane
A point is its canonical vector, the multiple whose first nonzero coordinate is 1. Points are numbered by leading
zeros, most first, then lexicographically: 0 is (0,…,0,1), 1…q are (0,…,0,1,*), and a point with m coordinates after
its leading 1, read as a base-q number r, has index (q^m - 1)/(q - 1) + r. Point v also names the hyperplane
{u : <u, v> = 0}; its members and its non-members are numbered by the two bijections below. These numbers
are the wire format (Feldman et al. 2022, section 3; the bijections are this project's own).
"""

import functools
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from ldp_core.algebra.fields import Field, galois_field
from ldp_core.errors import ParameterError
from ldp_core.types import BoolArray, IntArray

__all__ = ["ProjectiveSpace", "point_count"]

_NONE = np.zeros(0, dtype=np.int64)
_EXACT_PRODUCTS = 1 << 50
"""Compiled loops add up t products of field elements before they reduce them; beyond this a plain loop is used."""

_LARGEST_ORDER = 1 << 32
_LONGEST_VECTOR = 64
_LARGEST_SPACE = 1 << 62
"""Bounds that keep a hostile spec from costing time: q is factored by trial division, and indices are 64-bit."""


def point_count(q: int, t: int) -> int:
    """The number of points of PG(t-1, q): (q^t - 1)/(q - 1), and 0 for t = 0.

    >>> point_count(2, 3), point_count(149, 4)
    (7, 3330300)
    """
    return int((q**t - 1) // (q - 1))


class ProjectiveSpace:
    """PG(t-1, q) with its points and hyperplanes numbered.

    q: a prime power · t: at least 2. Raises FieldError or ParameterError otherwise.

    >>> plane = ProjectiveSpace(2, 3)  # the Fano plane
    >>> plane.point(6), plane.index((0, 1, 1))
    ((1, 1, 1), 2)
    >>> sorted(plane.member(0, i) for i in range(plane.hyperplane_size))
    [1, 3, 5]
    """

    def __init__(self, q: int, t: int) -> None:
        if t < 2:
            raise ParameterError(f"t must be at least 2, got {t}; a projective space needs two coordinates")
        if not 2 <= q <= _LARGEST_ORDER or t > _LONGEST_VECTOR or point_count(q, t) > _LARGEST_SPACE:
            raise ParameterError(
                f"PG(t-1, q) with q = {q}, t = {t} is outside what is supported: "
                f"2 <= q <= 2^32 and at most 2^62 points; a message would not fit anyway"
            )
        self.field: Field = galois_field(q)
        self.q, self.t = q, t
        self._first = [point_count(q, m) for m in range(t + 1)]  # index of the first point with m digits
        self._places = [q**m for m in range(t)]

    def __repr__(self) -> str:
        return f"ProjectiveSpace(q={self.q}, t={self.t})"

    @property
    def size(self) -> int:
        """N, the number of points, which is also the number of hyperplanes."""
        return self._first[self.t]

    @property
    def hyperplane_size(self) -> int:
        """c, the number of points on a hyperplane."""
        return self._first[self.t - 1]

    @property
    def pair_intersection(self) -> int:
        """d = (q^(t-2) - 1)/(q - 1), the number of points on two different hyperplanes."""
        return self._first[self.t - 2]

    # One point at a time: what a phone runs.

    def point(self, index: int) -> tuple[int, ...]:
        """The canonical vector of point `index`, 0 <= index < N."""
        return self._unrank(index, self.t)

    def _unrank(self, index: int, length: int) -> tuple[int, ...]:
        digits = bisect_right(self._first, index) - 1
        rest, q = index - self._first[digits], self.q
        vector = [0] * length
        for position in range(length - 1, length - 1 - digits, -1):
            rest, vector[position] = divmod(rest, q)
        vector[length - 1 - digits] = 1
        return tuple(vector)

    def index(self, vector: Sequence[int]) -> int:
        """The index of a point given by its canonical vector of t field elements.

        Raises ParameterError when the first nonzero coordinate is not 1.
        """
        lead = next((position for position, value in enumerate(vector) if value), self.t)
        if len(vector) != self.t or lead == self.t or vector[lead] != 1:
            raise ParameterError(
                f"a point is {self.t} coordinates of which the first nonzero one is 1, got {tuple(vector)}"
            )
        number = 0
        for value in vector[lead + 1 :]:
            number = number * self.q + value
        return self._first[self.t - 1 - lead] + number

    def dot(self, u: Sequence[int], v: Sequence[int]) -> int:
        """The inner product of two vectors over F."""
        add, multiply, total = self.field.add, self.field.multiply, 0
        for a, b in zip(u, v, strict=True):
            if a and b:
                total = add(total, multiply(a, b))
        return total

    def incident(self, point: int, hyperplane: int) -> bool:
        """Does the point lie on the hyperplane?"""
        return self.dot(self.point(point), self.point(hyperplane)) == 0

    def member(self, hyperplane: int, i: int) -> int:
        """Point number i of a hyperplane, 0 <= i < c.

        With j the last nonzero coordinate of v, canonical point i of PG(t-2, q) fills the other t - 1
        coordinates and u_j = -(sum of the other v_l u_l) / v_j. All coordinates of v after j are 0, so where the filling
        starts after j, u_j is 0: the result is canonical as it stands.
        """
        field, v = self.field, self.point(hyperplane)
        j = max(position for position, value in enumerate(v) if value)
        others = self._unrank(i, self.t - 1)
        partial = self.dot(others[:j], v[:j])
        u_j = field.multiply(field.negative(partial), field.inverse(v[j]))
        return self.index((*others[:j], u_j, *others[j:]))

    def non_member(self, hyperplane: int, i: int) -> int:
        """Point number i off a hyperplane, 0 <= i < q^(t-1) = N - c.

        The base-q digits of i, most significant first, fill the other t - 1 coordinates, u_j makes <u, v> = 1,
        and the vector is divided by its first nonzero coordinate.
        """
        field, v = self.field, self.point(hyperplane)
        j = max(position for position, value in enumerate(v) if value)
        others = [i // place % self.q for place in reversed(self._places[: self.t - 1])]
        partial = self.dot(others[:j], v[:j])
        u_j = field.multiply(field.add(1, field.negative(partial)), field.inverse(v[j]))
        return self.index(self._canonical((*others[:j], u_j, *others[j:])))

    def _canonical(self, vector: Sequence[int]) -> tuple[int, ...]:
        lead = next(value for value in vector if value)
        if lead == 1:
            return tuple(vector)
        scale, multiply = self.field.inverse(lead), self.field.multiply
        return tuple(multiply(value, scale) if value else 0 for value in vector)

    # Many points at once: what simulation and decoding run. Vectors are rows.

    def points(self, indices: IntArray) -> IntArray:
        """The canonical vectors of many points.  (m,) -> (m, t)"""
        first = np.array(self._first, dtype=np.int64)
        digits = np.searchsorted(first, indices, side="right") - 1  # (m,)
        # a leading 1 followed by `digits` digits r is the base-q number q^digits + r
        numbers = indices - first[digits] + np.array([*self._places, 0], dtype=np.int64)[digits]
        vectors = np.empty((len(numbers), self.t), dtype=np.int64)
        for position in range(self.t - 1, -1, -1):
            numbers, vectors[:, position] = np.divmod(numbers, self.q)
        return vectors

    def members(self, hyperplanes: IntArray, i: IntArray) -> IntArray:
        """`member` for many pairs.  (m,), (m,) -> (m,)"""
        return self.responses(hyperplanes, np.ones(len(i), dtype=np.bool_), i, _NONE)

    def non_members(self, hyperplanes: IntArray, i: IntArray) -> IntArray:
        """`non_member` for many pairs.  (m,), (m,) -> (m,)"""
        return self.responses(hyperplanes, np.zeros(len(i), dtype=np.bool_), _NONE, i)

    def responses(self, hyperplanes: IntArray, on: BoolArray, members: IntArray, others: IntArray) -> IntArray:
        """For each hyperplane the next of `members` where `on`, else the next of `others`: what many phones send.

        hyperplanes, on: (m,) · members: numbers of members, one for each True of `on`, in order · others: numbers of
        non-members, one for each False. Returns the points, (m,).
        """
        if self.t * self.q**2 >= _EXACT_PRODUCTS:
            return self._responses_one_by_one(hyperplanes, on, members, others)
        from ldp_core.algebra import _kernels

        out = np.empty(len(hyperplanes), dtype=np.int64)
        magic, shift, first, places, inverses, exp, log = self._tables
        phones = (np.asarray(hyperplanes, dtype=np.int64), on, members, others)
        if self.field.degree == 1:
            _kernels.respond_prime(*phones, self.q, magic, shift, first, places, inverses, out)
        else:
            _kernels.respond_extension(
                *phones,
                self.q,
                self.field.characteristic,
                self.field.degree,
                magic,
                shift,
                first,
                places,
                inverses,
                exp,
                log,
                out,
            )
        return out

    def _responses_one_by_one(
        self, hyperplanes: IntArray, on: BoolArray, members: IntArray, others: IntArray
    ) -> IntArray:
        inside, outside = iter(members.tolist()), iter(others.tolist())
        points = [
            self.member(x, next(inside)) if is_on else self.non_member(x, next(outside))
            for x, is_on in zip(hyperplanes.tolist(), on.tolist(), strict=True)
        ]
        return np.array(points, dtype=np.int64)

    @functools.cached_property
    def _tables(self) -> tuple[int, int, IntArray, IntArray, IntArray, IntArray, IntArray]:
        from ldp_core.algebra._kernels import division_by, field_tables

        _, inverses, exp, log = field_tables(self.field)
        first = np.array(self._first[: self.t], dtype=np.int64)
        return *division_by(self.q, self.t), first, np.array(self._places, dtype=np.int64), inverses, exp, log

    def hyperplane(self, index: int) -> IntArray:
        """All points of a hyperplane, sorted.  -> (c,)"""
        i = np.arange(self.hyperplane_size, dtype=np.int64)
        return np.sort(self.members(np.full_like(i, index), i))
