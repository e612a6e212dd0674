"""One smooth convex function with given sublevel sets: a generator of test functions.

Notation
    sigma_0 < sigma_1 < …: support functions of nested sets with curved boundaries · s: level before convexification, t = s - i in [0, 1]
    A function is convex iff, for every angle, the support function of its sublevel set is concave in the level.
    b: a bump, 0 at both ends of [0, 1] with k derivatives and 1 in the middle, mean m · B: its integral
    On [i, i + 1] the boundary moves outwards at speed v = c (1 - b) + D_i b, D_i = (sigma_{i+1} - sigma_i - c (1 - m)) / m, so
    sigma(s) = sigma_i + c (t - B) + D_i B: it starts and ends at speed c, which joins the pieces smoothly.
    f = (exp(K s) - 1) / K with K = 1.02 sup |dv/ds| / v makes the speed in f fall, v exp(-K s), which is concavity.
Theory: Bolte, Pauwels 2022 (see `ldp_core.estimation.convergence`), who prove that such functions exist; this construction is this project's.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.special import beta, betainc

from ldp_core.analysis.counterexamples.support_curves import ANGLES, angles, boundary, curvature_radii
from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.types import BoolArray, FloatArray, IntArray

__all__ = ["Bump", "LevelSets", "interpolate_level_sets"]

_RAMP = 0.5
_SHARE = 0.4
_MARGIN = 1.02
_POINTS_AT_ONCE = 512
_ITERATIONS = 80
_SETTLED, _ROUNDING = 1e-13, 1e-7
_FINE = 2001


@dataclass(frozen=True)
class Bump:
    """Rises on [0, 1/2] by the polynomial of least degree with k vanishing derivatives at both ends, and falls as it rose."""

    k: int

    @property
    def mean(self) -> float:
        """m: a ramp holds half of its width."""
        return 0.5

    def value(self, t: FloatArray) -> FloatArray:
        """b."""
        height: FloatArray = betainc(self.k + 1, self.k + 1, np.clip(np.minimum(t, 1 - t) / _RAMP, 0, 1))
        return height

    def slope(self, t: FloatArray) -> FloatArray:
        """b'."""
        z = np.clip(np.minimum(t, 1 - t) / _RAMP, 0, 1)
        steep: FloatArray = (z * (1 - z)) ** self.k / (beta(self.k + 1, self.k + 1) * _RAMP)
        return np.where(t < _RAMP, steep, -steep)

    def integral(self, t: FloatArray) -> FloatArray:
        """B. With I_a the regularised incomplete beta function of (a, k + 1), the integral of I_{k+1} is z I_{k+1} - I_{k+2} / 2."""
        whole: FloatArray = np.where(t <= _RAMP, self._ramp(t), self.mean - self._ramp(1 - t))
        return whole

    def _ramp(self, t: FloatArray) -> FloatArray:
        z, a = np.clip(t / _RAMP, 0, 1), self.k + 1
        area: FloatArray = _RAMP * (z * betainc(a, a, z) - 0.5 * betainc(a + 1, a, z))
        return area


class _At(NamedTuple):
    """The largest x . n - sigma(s) over the angles, and the speed of the boundary there.  (P,) each"""

    excess: FloatArray
    speed: FloatArray


@dataclass(frozen=True, eq=False)
class LevelSets:
    """The function. supports: (m, ANGLES) · speed: c · rate: K, 0 for f = s."""

    supports: FloatArray
    bump: Bump
    speed: float
    rate: float

    @cached_property
    def _inner_speeds(self) -> FloatArray:
        """D_i.  (m - 1, ANGLES)"""
        speeds: FloatArray = (np.diff(self.supports, axis=0) - self.speed * (1 - self.bump.mean)) / self.bump.mean
        return speeds

    @property
    def levels(self) -> FloatArray:
        """f on the boundary of each set.  (m,)"""
        return self.of_level(np.arange(len(self.supports), dtype=np.float64))

    def of_level(self, s: FloatArray) -> FloatArray:
        """f as a function of s."""
        f: FloatArray = np.expm1(self.rate * s) / self.rate if self.rate else s
        return f

    def support(self, s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """sigma at each level, 0 <= s <= m - 1, and its speed.  (P,) -> (P, ANGLES) twice"""
        i = np.clip(np.floor(s), 0, len(self.supports) - 2).astype(np.int64)
        t = s - i
        b, B = self.bump.value(t)[:, None], self.bump.integral(t)[:, None]
        inner = self._inner_speeds[i]
        sigma = self.supports[i] + self.speed * (t[:, None] - B) + inner * B
        return sigma, self.speed * (1 - b) + inner * b

    def _at(self, points: FloatArray, s: FloatArray) -> _At:
        """The angle is refined by the parabola through the best of the ring and its neighbours."""
        theta = angles()
        sigma, speeds = self.support(s)
        outside = points[:, :1] * np.cos(theta) + points[:, 1:] * np.sin(theta) - sigma
        rows, best = np.arange(len(points)), np.argmax(outside, axis=1)
        left, middle, right = (outside[rows, (best + shift) % ANGLES] for shift in (-1, 0, 1))
        bend = left - 2 * middle + right
        offset = np.where(bend < 0, 0.5 * (left - right) / np.where(bend < 0, bend, -1), 0)
        return _At(middle - 0.25 * (left - right) * offset, speeds[rows, best])

    def evaluate(self, points: FloatArray, progress: Progress = silent) -> tuple[FloatArray, IntArray]:
        """f at points, and where they are: 0 between the first and the last set, -1 inside the first, 1 outside the last (f is then undefined).

        (P, 2) -> (P,), (P,). Solves max over theta of x . n - sigma(s, theta) = 0 for s by Newton steps inside a shrinking bracket.
        """
        f, where = np.full(len(points), np.nan), np.zeros(len(points), dtype=np.int64)
        for start in range(0, len(points), _POINTS_AT_ONCE):
            progress(Step(start, len(points), "points"))
            part = slice(start, start + _POINTS_AT_ONCE)
            f[part], where[part] = self._evaluate_part(points[part])
        return f, where

    def _evaluate_part(self, points: FloatArray) -> tuple[FloatArray, IntArray]:
        count, last = len(points), float(len(self.supports) - 1)
        rounding = _ROUNDING * float(np.abs(self.supports).max())
        first, end = np.zeros(count), np.full(count, last)
        inside = self._at(points, first).excess < -rounding
        outside = self._at(points, end).excess > rounding
        where = outside.astype(np.int64) - inside
        s = np.full(count, np.nan)
        s[where == 0] = self._solve(points[where == 0], last)
        return self.of_level(s), where

    def _solve(self, points: FloatArray, last: float) -> FloatArray:
        """The level of each point between the first and the last set."""
        low, high = np.zeros(len(points)), np.full(len(points), last)
        s: FloatArray = 0.5 * (low + high)
        left = np.arange(len(points))
        for _ in range(_ITERATIONS):
            if not len(left):
                break
            at = self._at(points[left], s[left])
            low[left] = np.where(at.excess > 0, s[left], low[left])
            high[left] = np.where(at.excess > 0, high[left], s[left])
            better = s[left] + at.excess / at.speed
            held = (better >= low[left]) & (better <= high[left])
            better = np.where(held, better, 0.5 * (low[left] + high[left]))
            moved = np.abs(better - s[left])
            s[left] = better
            left = left[moved > _SETTLED]
        return s

    def boundaries(self, per_set: int) -> tuple[FloatArray, FloatArray]:
        """Points of the boundary of each set, with normals half way between those of the ring, and their levels.  -> (m per_set, 2), (m per_set,)"""
        step = ANGLES // per_set
        points = np.concatenate([boundary(sigma, 0.5)[::step] for sigma in self.supports])
        return points, np.repeat(self.levels, len(points) // len(self.supports))

    def midpoint_violations(self, rng: np.random.Generator, chords: int, progress: Progress = silent) -> int:
        """Of random chords between the first and the last set, those whose midpoint lies above the mean of the ends by more than rounding."""
        a, b = self._draw(rng, chords), self._draw(rng, chords)
        ends = [self.evaluate(points, progress)[0] for points in (a, b)]
        middle, where = self.evaluate((a + b) / 2, progress)
        values = np.where(where < 0, 0.0, middle)  # f is at most 0 inside the first set
        violated: BoolArray = values > (ends[0] + ends[1]) / 2 + 1e-7 * (1 + np.abs(values))
        return int(np.count_nonzero(violated))

    def _draw(self, rng: np.random.Generator, count: int) -> FloatArray:
        """Points on the boundaries of random levels, with random normals."""
        s = rng.uniform(0, len(self.supports) - 1, count)
        sigma, _ = self.support(s)
        angle = rng.integers(0, ANGLES, count)
        return np.array([boundary(row)[place] for row, place in zip(sigma, angle, strict=True)])


def interpolate_level_sets(supports: Sequence[FloatArray], k: int) -> LevelSets:
    """The function whose sublevel sets at the levels 0, 1, … (before convexification) these are. k >= 1.

    Raises AnalysisError `not_strictly_convex` for a set whose boundary has a radius of curvature of 0 or less, and `not_nested` for sets that are not
    strictly inside the next one.
    """
    sigma = np.array(supports)
    radii = np.array([curvature_radii(row) for row in sigma])
    for i, least in enumerate(radii.min(axis=1).tolist()):
        if least <= 0:
            raise AnalysisError(
                f"sets[{i}] has a radius of curvature of {least:.3g} somewhere; boundaries must be curved outwards everywhere",
                code="not_strictly_convex",
                field="sets",
            )
    gaps = np.diff(sigma, axis=0)
    for i, least in enumerate(gaps.min(axis=1).tolist()):
        if least <= 0:
            raise AnalysisError(
                f"sets[{i}] is not inside sets[{i + 1}]: it reaches {-least:.3g} beyond it",
                code="not_nested",
                field="sets",
            )
    bump = Bump(k)
    speed = _SHARE * min(float(gaps.min()) / (1 - bump.mean), float(radii.min()))
    raw = LevelSets(sigma, bump, speed, 0.0)
    return LevelSets(sigma, bump, speed, _MARGIN * _steepest(raw))


def _steepest(raw: LevelSets) -> float:
    """sup |dv/ds| / v, at the extreme inner speeds of each ring, between which it is monotone."""
    t = np.linspace(0, 1, _FINE)
    b, slope = raw.bump.value(t), np.abs(raw.bump.slope(t))
    inner = (np.diff(raw.supports, axis=0) - raw.speed * (1 - raw.bump.mean)) / raw.bump.mean
    ends = np.concatenate([inner.min(axis=1), inner.max(axis=1)])[:, None] - raw.speed
    return float((slope * np.abs(ends) / (raw.speed + ends * b)).max())
