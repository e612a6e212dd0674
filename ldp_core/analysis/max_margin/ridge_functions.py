"""The neuron that correlates most with signed weights: max over |a| = 1 of |sum_i c_i (a.x_i)_+|.

In two and three dimensions the maximum is found among finitely many candidates. The great circles a.x_i = 0 cut the sphere
into cells; in a cell the sum is a.S with S = sum of c_i x_i over its active points, so its largest value lies at S / |S|, or at the
projection of S to a bounding circle, or at a corner. In higher dimensions ascent from many starts gives a value that is attained but
may not be the largest.

Notation: X: (n, D) points · c: (n,) weights · a: directions, rows of (m, D) · value: |sum_i c_i (a.x_i)_+|
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ldp_core.types import FloatArray, IntArray

__all__ = ["Neurons", "ascend", "best_neurons", "responses", "signed_values"]

_BLOCK = 2_000_000
"""Numbers held at once while cells are looked through."""

_ASCENT_ROUNDS = 100
_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Neurons:
    """directions: (m, D) unit rows, best first · values: (m,) signed sum_i c_i (a.x_i)_+."""

    directions: FloatArray
    values: FloatArray

    @property
    def best(self) -> float:
        """Largest absolute value, 0 where there is none."""
        return float(np.abs(self.values[0])) if len(self.values) else 0.0


def responses(X: FloatArray, directions: FloatArray) -> FloatArray:
    """(a.x_i)_+ of each point and direction.  (n, D), (m, D) -> (n, m)"""
    return np.asarray(np.maximum(X @ directions.T, 0))


def signed_values(X: FloatArray, c: FloatArray, directions: FloatArray) -> FloatArray:
    """sum_i c_i (a.x_i)_+ of each direction.  -> (m,)"""
    return np.asarray(c @ responses(X, directions))


def best_neurons(X: FloatArray, c: FloatArray, *, known: float, most: int, watch: Callable[[], None]) -> Neurons:
    """The direction with the largest value, for points in general position in 2 or 3 dimensions, and others that rival it.

    known: a value that some direction attains · most: at most so many are returned, none close to another. Every candidate is
    evaluated by its definition, so no value is too large; and one is left out only where a bound shows that it is below what is
    attained elsewhere. Nothing is returned when no value exceeds `known`.
    """
    bounds, candidates = (_on_circle if X.shape[1] == 2 else _on_sphere)(X, c, known, watch)
    order = np.argsort(-bounds, kind="stable")
    kept, values, best = [np.empty((0, X.shape[1]))], [np.empty(0)], known
    for start in range(0, len(order), _CHUNK):
        watch()
        chunk = order[start : start + _CHUNK]
        if bounds[chunk[0]] <= best:
            break
        kept.append(candidates[chunk])
        values.append(signed_values(X, c, candidates[chunk]))
        best = max(best, float(np.abs(values[-1]).max()))
    return _distinct(np.concatenate(kept), np.concatenate(values), known, most, 1e-7)


def _distinct(directions: FloatArray, values: FloatArray, above: float, most: int, apart: float) -> Neurons:
    """Those above the threshold that are not close to a better one, the best first."""
    order = np.argsort(-np.abs(values), kind="stable")
    chosen: list[int] = []
    for i in order:
        if len(chosen) >= most or abs(values[i]) <= above:
            break
        if not chosen or float((directions[chosen] @ directions[i]).max()) < 1 - apart:
            chosen.append(int(i))
    return Neurons(directions[chosen], values[chosen])


def _units(vectors: FloatArray) -> FloatArray:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0))


def _both_signs(vectors: FloatArray, lengths: FloatArray) -> tuple[FloatArray, FloatArray]:
    units = _units(vectors)
    return np.concatenate([lengths, lengths]), np.concatenate([units, -units])


def _on_circle(X: FloatArray, c: FloatArray, known: float, watch: Callable[[], None]) -> tuple[FloatArray, FloatArray]:
    """Bound and direction of each candidate in the plane whose bound exceeds what is known to be attained."""
    watch()
    corners = _units(np.stack([-X[:, 1], X[:, 0]], axis=1))
    corners = np.concatenate([corners, -corners])
    owner = np.tile(np.arange(len(X)), 2)
    active = corners @ X.T > 0
    active[np.arange(len(corners)), owner] = False
    without = active @ (c[:, None] * X)
    sums = np.concatenate([without, without + (c[:, None] * X)[owner]])
    bounds, directions = _both_signs(sums, np.linalg.norm(sums, axis=1))
    at_corners = np.abs(np.einsum("md,md->m", corners, without))
    bounds, directions = np.concatenate([bounds, at_corners]), np.concatenate([directions, corners])
    return bounds[bounds > known], directions[bounds > known]


def _on_sphere(X: FloatArray, c: FloatArray, known: float, watch: Callable[[], None]) -> tuple[FloatArray, FloatArray]:
    """Bound and direction of each candidate on the sphere whose bound exceeds what is known to be attained."""
    first, second = np.triu_indices(len(X), 1)
    size = max(1, _BLOCK // (len(X) * 2))
    bounds, directions, best = [np.empty(0)], [np.empty((0, 3))], known
    for start in range(0, len(first), size):
        watch()
        corner_values, found, where = _around_corners(X, c, first[start : start + size], second[start : start + size])
        top = int(np.argmax(corner_values))
        if corner_values[top] > best:
            best = float(corner_values[top])
            found, where = (
                np.append(found, best * (1 + 1e-12)),
                np.vstack([where, _corner(X, first, second, start, size, top)]),
            )
        keep = found > best
        bounds.append(found[keep])
        directions.append(where[keep])
    return np.concatenate(bounds), np.concatenate(directions)


def _corner(X: FloatArray, first: IntArray, second: IntArray, start: int, size: int, index: int) -> FloatArray:
    pairs = len(first[start : start + size])
    i, j = first[start + index % pairs], second[start + index % pairs]
    return _units(np.cross(X[i], X[j])) * (1 if index < pairs else -1)


def _around_corners(
    X: FloatArray, c: FloatArray, i: IntArray, j: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Values at the corners +-(x_i x x_j), and the bounds and directions of candidates in what meets there: four cells, four arcs.

    On the arc of circle i that lies on one side of circle j the sum is a.S, and x_i itself adds nothing.
    """
    cross = _units(np.cross(X[i], X[j]))
    corners = np.concatenate([cross, -cross])
    i, j = np.tile(i, 2), np.tile(j, 2)
    rows = np.arange(len(corners))
    active = corners @ X.T > 0
    active[rows, i] = active[rows, j] = False
    weighted = c[:, None] * X
    base = active.astype(np.float64) @ weighted
    bounds, directions = [], []

    def offer(vectors: FloatArray, sides: list[tuple[IntArray, bool]]) -> None:
        """Both signs of the vectors, where they lie on the given sides of the given circles."""
        length = np.linalg.norm(vectors, axis=1)
        slack = 1e-12 * length * float(np.abs(X).max())
        for sign in (1.0, -1.0):
            inside = length > 0
            for point, on in sides:
                height = sign * np.einsum("md,md->m", vectors, X[point])
                inside &= height >= -slack if on else height <= slack
            bounds.append(length[inside])
            directions.append(sign * vectors[inside] / length[inside, None])

    unit = _units(X)
    for on, other in ((i, j), (j, i)):
        for side in (False, True):
            S = base + weighted[other] if side else base
            offer(S - np.einsum("md,md->m", S, unit[on])[:, None] * unit[on], [(other, side)])
    for with_i in (False, True):
        for with_j in (False, True):
            S = base + with_i * weighted[i] + with_j * weighted[j]
            offer(S, [(i, with_i), (j, with_j)])
    return np.abs(np.einsum("md,md->m", corners, base)), np.concatenate(bounds), np.concatenate(directions)


def ascend(
    X: FloatArray, c: FloatArray, starts: FloatArray, *, above: float, most: int, watch: Callable[[], None]
) -> Neurons:
    """Monotone gradient ascent of |sum_i c_i (a.x_i)_+| on the sphere from every start.  starts: (m, D)

    The length of a start's step grows by half after a gain and halves otherwise; at most 100 rounds.
    """
    a = _units(starts)
    value = signed_values(X, c, a)
    sign = np.where(value >= 0, 1.0, -1.0)
    value = sign * value
    step = np.full(len(a), 0.25)
    for _ in range(_ASCENT_ROUNDS):
        watch()
        slope = sign[:, None] * (((X @ a.T > 0) * c[:, None]).T @ X)
        slope -= np.einsum("md,md->m", slope, a)[:, None] * a
        moved = _units(a + step[:, None] * _units(slope))
        reached = sign * signed_values(X, c, moved)
        better = reached > value
        a[better], value[better] = moved[better], reached[better]
        step = np.where(better, np.minimum(1.5 * step, 1.0), step / 2)
        if float(step.max()) < 1e-9:
            break
    return _distinct(a, sign * value, above, most, 1e-5)
