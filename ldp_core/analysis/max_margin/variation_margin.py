"""The largest margin of a network whose output weights have total variation at most one, with a bound from the other side.

gamma_1 = max over |nu| <= 1 of min_i y_i int (a.x_i)_+ dnu(a) = min over the simplex of max over |a| = 1 of
|sum_i p_i y_i (a.x_i)_+|. A linear program over finitely many neurons gives a lower bound and weights p; the best neuron for
p gives an upper bound, and joins the program. Theory: Chizat, Bach 2020, arXiv 2002.04486; the certificate is this project's.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog

from ldp_core.analysis.max_margin.ridge_functions import (
    Neurons,
    ascend,
    best_neurons,
    responses,
    signed_values,
)
from ldp_core.errors import DecodeError
from ldp_core.types import FloatArray

__all__ = ["EXACT_POINTS", "VariationMargin", "largest_variation_margin", "most_rounds"]

EXACT_POINTS = 400
"""Most points whose best neuron is searched exactly, which takes time of order n^3."""

_KEPT = 150
_ADDED = 30
_DRAWN = 192
_EXACT_ROUNDS = 400


def most_rounds(n: int, *, exact: bool) -> int:
    """Linear programs at most: fewer for many points, whose programs are slow and whose bound is no proof anyway."""
    return _EXACT_ROUNDS if exact else max(25, min(_EXACT_ROUNDS, 100_000 // n))


_NO_MARGIN = 1e-9


@dataclass(frozen=True, eq=False)
class VariationMargin:
    """lower <= gamma_1 <= upper, the upper end only a guess where status is `heuristic` · p: (n,) dual weights, sum 1 ·
    directions: (m, D) unit rows · weights: (m,) of the network, sum of absolute values 1 · rounds: of the linear program.

    status: certified (gap within the tolerance) · gap_open · heuristic (more than 3 dimensions, or too many points) · not_separable.
    """

    lower: float
    upper: float
    status: str
    p: FloatArray
    directions: FloatArray
    weights: FloatArray
    rounds: int

    @property
    def gap(self) -> float:
        """(upper - lower) / upper."""
        return (self.upper - self.lower) / self.upper if self.upper > 0 else 0.0

    def predict(self, X: FloatArray) -> FloatArray:
        """f(x) of each row.  (n, D) -> (n,)"""
        return np.asarray(responses(X, self.directions) @ self.weights)


def largest_variation_margin(
    X: FloatArray,
    y: FloatArray,
    *,
    tolerance: float,
    rng: np.random.Generator,
    starts: FloatArray | None = None,
    watch: Callable[[int, float], None],
) -> VariationMargin:
    """Column generation. X: (n, D), with the constant coordinate where a bias is wanted · y: (n,) of +-1 · tolerance: relative gap.

    starts: (m, D) directions to begin with · watch gets the round and the gap, often, and may raise to stop.
    """
    unit = float(np.linalg.norm(X, axis=1).max()) or 1.0
    columns, signs = _first_columns(X, starts, rng)
    exact = X.shape[1] <= 3 and len(X) <= EXACT_POINTS
    upper, lower, gap, scale = np.inf, 0.0, 1.0, unit
    limit = most_rounds(len(X), exact=exact)
    for turn in range(1, limit + 1):
        watch(turn, gap)
        features = y[:, None] * responses(X, columns) * signs
        weights, p = _program(features, scale)
        lower = max(float((features @ weights).min()), 0.0)
        scale = max(lower, 1e-6 * unit)

        def look(turn: int = turn, gap: float = gap) -> None:
            watch(turn, gap)

        enough = max(lower * (1 + tolerance / 4), _NO_MARGIN * unit / 2)
        found = _search(X, p * y, columns[weights > 0], enough, rng, look)
        last = turn == limit
        if last or not len(found.values):
            bound = max(enough, found.best)
            if exact:
                found, bound = _prove(X, p * y, tolerance * scale / 50, bound, rng, look)
            upper = min(upper, bound)
            gap = 1 - lower / upper
            if last or gap <= tolerance or upper <= _NO_MARGIN * unit or not len(found.values):
                break
        keep = _to_keep(weights)
        columns = np.concatenate([columns[keep], found.directions])
        signs = np.concatenate([signs[keep], np.where(found.values >= 0, 1.0, -1.0)])
    used = weights > 0
    status = _status(exact, upper, lower, tolerance, unit)
    return VariationMargin(lower, upper, status, p, columns[used], (weights * signs)[used], turn)


def _status(exact: bool, upper: float, lower: float, tolerance: float, unit: float) -> str:
    if upper <= _NO_MARGIN * unit:
        return "not_separable"
    if not exact:
        return "heuristic"
    return "certified" if upper - lower <= tolerance * upper else "gap_open"


def _first_columns(X: FloatArray, starts: FloatArray | None, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    drawn = [rng.standard_normal((64, X.shape[1])), X[:64], -X[:64]]
    if starts is not None:
        drawn.append(starts)
    columns = np.concatenate(drawn)
    lengths = np.linalg.norm(columns, axis=1)
    columns = columns[lengths > 0] / lengths[lengths > 0, None]
    return np.concatenate([columns, columns]), np.repeat([1.0, -1.0], len(columns))


def _to_keep(weights: FloatArray) -> FloatArray:
    """Active columns and the last few others."""
    idle = np.flatnonzero(weights == 0)
    return np.sort(np.concatenate([np.flatnonzero(weights > 0), idle[-_KEPT:]]))


def _jitter(X: FloatArray, size: float, rng: np.random.Generator) -> tuple[FloatArray, float]:
    """Points in general position, and the longest shift: it bounds the change of any sum with weights of total one."""
    shift = size * rng.uniform(-1, 1, X.shape) / np.sqrt(X.shape[1])
    return X + shift, float(np.linalg.norm(shift, axis=1).max())


def _search(
    X: FloatArray, c: FloatArray, active: FloatArray, above: float, rng: np.random.Generator, watch: Callable[[], None]
) -> Neurons:
    """Neurons with values above the threshold, by ascent from the active ones, from random ones and from points."""
    starts = np.concatenate([active, rng.standard_normal((_DRAWN, X.shape[1])), X[rng.integers(0, len(X), 64)]])
    return ascend(X, c, starts, above=above, most=_ADDED, watch=watch)


def _prove(
    X: FloatArray, c: FloatArray, size: float, known: float, rng: np.random.Generator, watch: Callable[[], None]
) -> tuple[Neurons, float]:
    """Neurons above `known`, if there are any, and an upper bound of all values. Points are put in general position first."""
    if X.shape[1] == 1:
        return Neurons(np.empty((0, 1)), np.empty(0)), float(
            np.abs(signed_values(X, c, np.array([[1.0], [-1.0]]))).max()
        )
    jittered, shift = _jitter(X, size, rng)
    found = best_neurons(jittered, c, known=known, most=_ADDED, watch=watch)
    return found, max(found.best, known) + shift


def _program(features: FloatArray, scale: float) -> tuple[FloatArray, FloatArray]:
    """max t with features w >= t, w >= 0, sum w <= 1: w with sum 1 and the dual weights p.

    Features are divided by the expected margin, since the solver's tolerances are absolute.
    """
    n, m = features.shape
    objective = np.zeros(m + 1)
    objective[-1] = -1.0
    rows = np.hstack([-features / scale, np.ones((n, 1))])
    budget = np.concatenate([np.ones(m), [0.0]])[None, :]
    solved = linprog(
        objective,
        A_ub=np.vstack([rows, budget]),
        b_ub=np.concatenate([np.zeros(n), [1.0]]),
        bounds=[(0, None)] * m + [(None, None)],
        method="highs",
    )
    if solved.x is None:
        raise DecodeError(f"the linear program of the margin was not solved: {solved.message}")
    w = np.maximum(solved.x[:-1], 0)
    p = np.maximum(-solved.ineqlin.marginals[:n], 0)
    return w / max(float(w.sum()), 1e-300), p / max(float(p.sum()), 1e-300)
