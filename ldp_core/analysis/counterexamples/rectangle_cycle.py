"""A smooth convex function on which gradient descent with exact line search goes round a square for ever longer, in exact fractions.

Notation
    o_j = c q^j · directions d_i = e1, e2, -e1, -e2, e1, … · n_i = -d_i
    corners of the path x_i = (1 + o_{i-1}) n_i + (1 + o_i) n_{i+1}, i = 0..N: they close in on the corners of the square [-1, 1]^2
    f(x) = (|x1| - 1)_+^p + (|x2| - 1)_+^p + sum_i w_i (a_i . x - b_i)_+^p, convex and p - 1 times continuously differentiable,
    with the square as its set of minimisers
Backward, for i = N..0, with g the gradient at x_i of the terms that exist: gu = g . n_i, gv = g . n_{i+1},
    psi = (o_{i-1} - o_{i+3}) / (2 (2 + o_i + o_{i+2})), C = gu + gv / psi, a_i = (C - gu) n_i - gv n_{i+1},
    b_i = max a_i . z over z = x_{i+1}, …, x_{i+5} and the square's corners, w_i = 1 / (p (a_i . x_i - b_i)^(p-1)).
The new term turns the gradient at x_i to C n_i and vanishes at all later points. So steepest descent leaves x_i along d_i, and the least
value on that line is at x_{i+1}. Theory: Bolte, Pauwels 2022 (see `ldp_core.estimation.convergence`); this finite construction, with its
proof by evaluation in fractions, is this project's.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

import numpy as np

from ldp_core.analysis.errors import AnalysisError
from ldp_core.types import FloatArray

__all__ = ["Hinge", "RectangleCycle", "build_rectangle_cycle"]

Point = tuple[Fraction, Fraction]

_DIRECTIONS: tuple[Point, ...] = tuple((Fraction(x), Fraction(y)) for x, y in ((1, 0), (0, 1), (-1, 0), (0, -1)))
_SQUARE: tuple[Point, ...] = tuple((Fraction(x), Fraction(y)) for x in (-1, 1) for y in (-1, 1))


def _unwatched(_done: int) -> None:
    """Nobody follows the work."""


def _dot(a: Point, b: Point) -> Fraction:
    return a[0] * b[0] + a[1] * b[1]


def _mix(s: Fraction, a: Point, t: Fraction, b: Point) -> Point:
    return (s * a[0] + t * b[0], s * a[1] + t * b[1])


def _direction(i: int) -> Point:
    """d_i."""
    return _DIRECTIONS[i % 4]


def _normal(i: int) -> Point:
    """n_i = -d_i."""
    return _DIRECTIONS[(i + 2) % 4]


@dataclass(frozen=True)
class Hinge:
    """w (a . x - b)_+^p."""

    a: Point
    b: Fraction
    w: Fraction

    def height(self, x: Point) -> Fraction:
        """(a . x - b)_+."""
        return max(_dot(self.a, x) - self.b, Fraction(0))


@dataclass(frozen=True)
class RectangleCycle:
    """The function with its path. hinges[i] belongs to points[i].  (N + 1 of both)"""

    p: int
    points: tuple[Point, ...]
    hinges: tuple[Hinge, ...]

    @property
    def steps(self) -> int:
        """N."""
        return len(self.points) - 1

    def value(self, x: Point) -> Fraction:
        """f(x), exactly."""
        walls = sum(max(abs(coordinate) - 1, Fraction(0)) ** self.p for coordinate in x)
        return walls + sum((hinge.w * hinge.height(x) ** self.p for hinge in self.hinges), Fraction(0))

    def gradient(self, x: Point) -> Point:
        """grad f(x), exactly."""
        return _gradient(self.p, self.hinges, x)

    def curvature(self, x: Point, d: Point) -> Fraction:
        """d' Hess f(x) d, exactly."""
        p = self.p
        walls = sum(max(abs(z) - 1, Fraction(0)) ** (p - 2) * e * e for z, e in zip(x, d, strict=True))
        along = (hinge.w * hinge.height(x) ** (p - 2) * _dot(hinge.a, d) ** 2 for hinge in self.hinges)
        return p * (p - 1) * (walls + sum(along, Fraction(0)))

    def certificate(self, watch: Callable[[int], None] = _unwatched) -> Mapping[str, bool]:
        """Each claim, checked at every point in fractions. `watch` gets the number of each point, and may raise to stop."""
        claims = {
            "gradient_points_along_normal": True,
            "step_along_direction": True,
            "line_minimum_at_next_point": True,
            "line_minimum_is_strict": True,
            "values_decrease": True,
            "hinge_zero_later": True,
            "hinge_zero_on_square": True,
        }
        values, gradients = [], []
        for i, x in enumerate(self.points):
            watch(i)
            values.append(self.value(x))
            gradients.append(self.gradient(x))
        for i, (x, hinge) in enumerate(zip(self.points, self.hinges, strict=True)):
            n, d = _normal(i), _direction(i)
            g = gradients[i]
            claims["gradient_points_along_normal"] &= g[0] * n[1] == g[1] * n[0] and _dot(g, n) > 0
            claims["hinge_zero_later"] &= not any(hinge.height(later) for later in self.points[i + 1 :])
            claims["hinge_zero_on_square"] &= not any(hinge.height(corner) for corner in _SQUARE)
            if i == self.steps:
                break
            following = self.points[i + 1]
            step = (following[0] - x[0], following[1] - x[1])
            claims["step_along_direction"] &= step[0] * d[1] == step[1] * d[0] and _dot(step, d) > 0
            claims["line_minimum_at_next_point"] &= _dot(gradients[i + 1], d) == 0
            claims["line_minimum_is_strict"] &= self.curvature(following, d) > 0
            claims["values_decrease"] &= values[i + 1] < values[i]
        return claims

    @cached_property
    def in_floats(self) -> "FloatCycle":
        """The same function in float64, each hinge as (h/p) ((a . x - b)/h)^p with h its height at its own point. OverflowError where that does not fit."""
        heights = [hinge.height(x) for hinge, x in zip(self.hinges, self.points, strict=True)]
        pairs = list(zip(self.hinges, heights, strict=True))
        return FloatCycle(
            self.p,
            np.array([[float(z / h) for z in hinge.a] for hinge, h in pairs]),
            np.array([float(hinge.b / h) for hinge, h in pairs]),
            np.array([float(h / self.p) for h in heights]),
        )


@dataclass(frozen=True, eq=False)
class FloatCycle:
    """a (m, 2), b (m,), w (m,) of the hinges, scaled to height 1 at their own points."""

    p: int
    a: FloatArray
    b: FloatArray
    w: FloatArray

    def value(self, x: FloatArray) -> float:
        """f(x).  (2,)"""
        walls, heights = np.maximum(np.abs(x) - 1, 0), np.maximum(self.a @ x - self.b, 0)
        return float((walls**self.p).sum() + (self.w * heights**self.p).sum())

    def gradient(self, x: FloatArray) -> FloatArray:
        """grad f(x).  (2,) -> (2,)"""
        walls, heights = np.maximum(np.abs(x) - 1, 0), np.maximum(self.a @ x - self.b, 0)
        gradient: FloatArray = self.p * (
            walls ** (self.p - 1) * np.sign(x) + (self.w * heights ** (self.p - 1)) @ self.a
        )
        return gradient


def _gradient(p: int, hinges: tuple[Hinge, ...], x: Point) -> Point:
    gx, gy = (max(abs(z) - 1, Fraction(0)) ** (p - 1) * (1 if z > 0 else -1) for z in x)
    for hinge in hinges:
        slope = hinge.w * hinge.height(x) ** (p - 1)
        gx, gy = gx + slope * hinge.a[0], gy + slope * hinge.a[1]
    return p * gx, p * gy


def build_rectangle_cycle(
    N: int, p: int, q: Fraction, c: Fraction, watch: Callable[[int], None] = _unwatched
) -> RectangleCycle:
    """The function for N steps. N >= 1 · p >= 3 · 0 < q < 1 · c > 0. Raises AnalysisError `construction_fails` where q and c do not fit. `watch` gets the number of terms built, and may raise to stop.

    >>> cycle = build_rectangle_cycle(3, 4, Fraction(1, 2), Fraction(1, 4))
    >>> cycle.points[1], cycle.hinges[3].b
    ((Fraction(9, 8), Fraction(-5, 4)), Fraction(353, 40960))
    """

    def o(j: int) -> Fraction:
        return c * q**j

    points = tuple(_mix(1 + o(i - 1), _normal(i), 1 + o(i), _normal(i + 1)) for i in range(N + 1))
    hinges: tuple[Hinge, ...] = ()
    for i in range(N, -1, -1):
        watch(N - i)
        n, following = _normal(i), _normal(i + 1)
        g = _gradient(p, hinges, points[i])
        gv = _dot(g, following)
        psi = (o(i - 1) - o(i + 3)) / (2 * (2 + o(i) + o(i + 2)))
        a = _mix(gv / psi, n, -gv, following)  # C - gu = gv / psi
        b = max(_dot(a, z) for z in (*points[i + 1 : i + 6], *_SQUARE))
        height = _dot(a, points[i]) - b
        if height <= 0:
            raise AnalysisError(
                f"with q = {q} and c = {c} no hinge separates point {i} from the later ones; take q nearer to 1 or a smaller c",
                code="construction_fails",
                field="params",
            )
        hinges = (Hinge(a, b, 1 / (p * height ** (p - 1))), *hinges)
    return RectangleCycle(p, points, hinges)
