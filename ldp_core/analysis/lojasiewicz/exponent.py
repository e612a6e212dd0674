"""The Lojasiewicz exponent of a descent from its own trace.

Notation: D = f - f_star · |g|: length of the gradient · |g|^2 >= 2 mu D^alpha, read along the trace as the line log |g|^2 = log 2 mu + alpha log D
    alpha = 1        gradient descent is geometric
    1 < alpha        D falls like t^(-1/(alpha - 1)); stochastic gradient descent like t^(-1/(2 alpha - 1))
D spans many orders of magnitude and the trace has most of its points at the end, so points are taken evenly in log t; those whose D is
rounding are dropped. An unknown f_star is profiled: of 400 offsets below the least f, spaced evenly in their logarithm, the one whose line fits best, refined between its neighbours.
The interval for alpha is a jackknife over ten stretches of the trace: residuals along a trace are not independent, stretches nearly are.
"""

from dataclasses import dataclass

import numpy as np

from ldp_core.types import BoolArray, FloatArray, IntArray

__all__ = ["LEAST_POINTS", "ExponentFit", "TraceColumns", "fit_exponent", "profile_minimum"]

LEAST_POINTS = 8
"""Fewer points than this give no exponent."""

_SUBSAMPLE = 300
_OFFSETS = 400
_REFINEMENTS = 40
_ROUNDING = 1e4
_STRETCHES = 10
_LEAST_SPREAD = 0.1
"""Of log D over the rows: less tells no slope."""
_NEARLY_ONE = 1.1  # D would fall faster than t^-10
_MOST_BEND = 0.5
_MOST_RESIDUAL = 0.4
_LARGEST_LOG = 700.0
_T_95 = 2.2622
"""The 97.5 % point of Student's law with nine degrees of freedom."""


@dataclass(frozen=True, eq=False)
class TraceColumns:
    """A descent as three columns of equal length.  t: (m,), increasing · f: (m,) · grad_norm: (m,), non-negative"""

    t: FloatArray
    f: FloatArray
    grad_norm: FloatArray

    def usable(self, f_star: float) -> BoolArray:
        """Rows whose D is more than rounding and whose gradient is not 0.  (m,)"""
        least = _ROUNDING * np.finfo(np.float64).eps * float(np.abs(self.f).max(initial=0))
        rows: BoolArray = (self.f - f_star > least) & (self.grad_norm > 0)
        return rows

    def rows(self, chosen: IntArray | BoolArray) -> "TraceColumns":
        """Some rows."""
        return TraceColumns(self.t[chosen], self.f[chosen], self.grad_norm[chosen])

    def thinned(self) -> "TraceColumns":
        """At most 300 rows, evenly in log t (the first row counts as t = 1 when it is 0)."""
        if len(self.t) <= _SUBSAMPLE:
            return self
        since = self.t - self.t[0] + 1
        wanted = np.geomspace(1, since[-1], _SUBSAMPLE)
        return self.rows(np.unique(np.searchsorted(since, wanted).clip(0, len(since) - 1)))


@dataclass(frozen=True)
class ExponentFit:
    """The line through (log D, log |g|^2).

    alpha: slope · low, high: 95 % interval · alpha_end: slope of the later half of the rows · mu: half of e^intercept · bend: second derivative of the best parabola, times the
    spread of log D: how much alpha changes along the trace · residual: root mean square of the distances from the line · points: used.
    """

    alpha: float
    low: float
    high: float
    alpha_end: float
    mu: float
    bend: float
    residual: float
    points: int

    @property
    def geometric(self) -> bool:
        """May the exponent be 1, along the whole trace or where it ends?"""
        return self.low <= 1 or self.alpha_end <= _NEARLY_ONE

    @property
    def bends(self) -> bool:
        """Is the relation no power law: alpha changes by more than half, or points are off by more than a factor of 1.5?"""
        return abs(self.bend) > _MOST_BEND or self.residual > _MOST_RESIDUAL


def fit_exponent(trace: TraceColumns, f_star: float) -> ExponentFit | None:
    """The exponent for a given f_star. None where fewer than eight rows can be used or all have the same D."""
    used = trace.rows(trace.usable(f_star)).thinned()
    if len(used.t) < LEAST_POINTS:
        return None
    x, y = np.log(used.f - f_star), 2 * np.log(used.grad_norm)
    if np.ptp(x) < _LEAST_SPREAD:
        return None
    alpha = _slope(x, y)
    intercept = float(y.mean() - alpha * x.mean())
    spread = _jackknife_error(x, y) * _T_95
    later = slice(len(x) // 2, None)
    return ExponentFit(
        alpha=alpha,
        low=alpha - spread,
        high=alpha + spread,
        alpha_end=_slope(x[later], y[later]),
        mu=float(np.exp(min(intercept, _LARGEST_LOG)) / 2),
        bend=2 * _curvature(x, y) * float(np.ptp(x)),
        residual=float(np.sqrt(np.mean((y - intercept - alpha * x) ** 2))),
        points=len(x),
    )


def _slope(x: FloatArray, y: FloatArray) -> float:
    """Of the best line; 0 where all x are alike."""
    u = x - x.mean()
    size = float(u @ u)
    return float(u @ y) / size if size > 0 else 0.0


def _curvature(x: FloatArray, y: FloatArray) -> float:
    """The coefficient of x^2 in the best parabola; 0 where fewer than three x differ."""
    u = x - x.mean()
    w = u * u - np.mean(u * u)
    w = w - u * float(u @ w) / float(u @ u)
    size = float(w @ w)
    return float(w @ y) / size if size > 1e-12 * float(np.sum(u**4)) else 0.0


def _jackknife_error(x: FloatArray, y: FloatArray) -> float:
    """Standard error of the slope, from leaving out one stretch at a time."""
    stretches = min(_STRETCHES, len(x) // 2)
    left_out = np.array_split(np.arange(len(x)), stretches)
    slopes = np.array([_slope(np.delete(x, stretch), np.delete(y, stretch)) for stretch in left_out])
    return float(np.sqrt((stretches - 1) / stretches * np.sum((slopes - slopes.mean()) ** 2)))


def profile_minimum(trace: TraceColumns) -> float | None:
    """The f_star below every f of the trace whose line fits best. None where fewer than eight rows can be used."""
    least = float(trace.f.min())
    thin = trace.rows(trace.usable(least)).thinned()  # the same rows for every candidate
    if len(thin.t) < LEAST_POINTS:
        return None
    lowest = np.finfo(np.float64).eps * max(float(np.abs(trace.f).max()), 1e-290)
    logs = np.linspace(np.log(lowest), np.log(10 * max(float(np.ptp(thin.f)), lowest)), _OFFSETS)
    errors = [_misfit(thin, least - float(np.exp(log))) for log in logs]
    best = int(np.argmin(errors))
    low, high = logs[max(best - 1, 0)], logs[min(best + 1, _OFFSETS - 1)]
    for _ in range(_REFINEMENTS):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if _misfit(thin, least - float(np.exp(left))) < _misfit(thin, least - float(np.exp(right))):
            high = right
        else:
            low = left
    return least - float(np.exp((low + high) / 2))


def _misfit(trace: TraceColumns, f_star: float) -> float:
    """Mean squared distance from the line."""
    x, y = np.log(trace.f - f_star), 2 * np.log(trace.grad_norm)
    return float(np.mean((y - y.mean() - _slope(x, y) * (x - x.mean())) ** 2))
