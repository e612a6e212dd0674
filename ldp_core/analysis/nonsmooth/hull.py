"""All derivatives that choices at the ties can give, and their convex hull.

Each path through a program passes a kink at most once, so the gradient is affine in the choice at each tie while the others are held:
the hull of all outputs is the hull of the gradients at the corners. Source of the set-valued calculus: Bolte, Pauwels,
"Conservative set valued fields, automatic differentiation, stochastic gradient methods and deep learning", Math. Program. 2021.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from ldp_core.analysis.nonsmooth.evaluation import Tape
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.types import FloatArray

__all__ = ["MOST_VERTICES", "Hull", "derivative_hull", "distance_from_origin"]

MOST_VERTICES = 4096
"""Corners that are enumerated: twelve ties of two pieces."""

_MOST_NUMBERS = 8_000_000
_RANDOM_VERTICES, _FEWEST_RANDOM = 256, 32
_RANDOM_NUMBERS = 2_000_000
_NUMBERS_AT_ONCE = 500_000


@dataclass(frozen=True, eq=False)
class Hull:
    """exact: are these all corners? · corners: how many choices there are · vertices: (V, P) gradients at the corners, or at random ones ·
    lower, upper: (P,) coordinate box of the hull; a box around it where not exact.
    """

    exact: bool
    corners: int
    vertices: FloatArray
    lower: FloatArray
    upper: FloatArray


def derivative_hull(tape: Tape, rng: np.random.Generator, progress: Progress = silent) -> Hull:
    """Every corner when there are at most MOST_VERTICES and they fit in memory, else random ones and interval bounds."""
    corners = math.prod(int(digit) for digit in tape.digits)
    size = max(1, sum(len(numbers) for numbers in tape.inputs.values()))
    exact = corners <= min(MOST_VERTICES, _MOST_NUMBERS // size)
    if exact:
        # mixed radix: corner v has digit floor(v / radix) mod base
        radices = np.cumprod(np.concatenate([[1], tape.digits]))[:-1].astype(np.int64)
        choices = np.arange(corners)[:, None] // radices % tape.digits
    else:
        count = min(_RANDOM_VERTICES, max(_FEWEST_RANDOM, _RANDOM_NUMBERS // size))
        choices = rng.integers(0, tape.digits, size=(count, len(tape.digits)))
    vertices = _gradients(tape, choices.astype(np.float64), progress)
    if exact:
        return Hull(True, corners, vertices, vertices.min(axis=0), vertices.max(axis=0))
    box = tape.bounds()
    return Hull(False, corners, vertices, box.low, box.high)


def _gradients(tape: Tape, choices: FloatArray, progress: Progress) -> FloatArray:
    widest = max(len(value.numbers) for value in tape.values.values())
    at_once = max(1, _NUMBERS_AT_ONCE // widest)
    parts = []
    for start in range(0, len(choices), at_once):
        progress(Step(start, len(choices), "vertices"))
        parts.append(tape.gradients(choices[start : start + at_once]))
    return np.concatenate(parts) + 0.0  # no negative zeros


def distance_from_origin(points: FloatArray) -> float:
    """The least length of a convex combination of the rows.  (V, P) -> at least 0

    min |V' p| over p >= 0 with sum 1, as non-negative least squares: |V' p|^2 + (1 - sum p)^2 has the minimiser's direction,
    and its p divided by the sum of p is the minimiser.
    """
    unique = np.unique(points, axis=0)
    scale = float(np.abs(unique).max())
    if scale == 0 or not np.isfinite(scale):
        return scale
    columns = unique.T / scale  # (P, V)
    if len(columns) > columns.shape[1]:
        columns = np.asarray(np.linalg.qr(columns, mode="r"))
    system = np.vstack([columns, np.ones(columns.shape[1])])
    weights, _ = nnls(system, np.append(np.zeros(len(columns)), 1.0))
    nearest = columns @ (weights / weights.sum())
    return scale * float(np.linalg.norm(nearest))
