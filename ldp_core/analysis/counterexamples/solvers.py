"""Minimisers that are put to the test: exact line search and Armijo steps of our own, quasi-Newton methods of SciPy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.optimize import minimize

from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.types import FloatArray

__all__ = ["SOLVERS", "Smooth", "Trace", "armijo", "bfgs", "exact_line_search", "lbfgs"]

_BISECTIONS = 200
_DOUBLINGS = 60
_SUFFICIENT = 1e-4
_SHORTEST = 1e-16


class Smooth(Protocol):
    """A function of the plane with its gradient."""

    def value(self, x: FloatArray) -> float:
        """f(x).  (2,)"""
        ...

    def gradient(self, x: FloatArray) -> FloatArray:
        """grad f(x).  (2,) -> (2,)"""
        ...


@dataclass(frozen=True, eq=False)
class Trace:
    """iterates: (T + 1, 2) · values: (T + 1,) · message: why it ended."""

    iterates: FloatArray
    values: FloatArray
    message: str

    @property
    def step_lengths(self) -> FloatArray:
        """(T,)"""
        lengths: FloatArray = np.linalg.norm(np.diff(self.iterates, axis=0), axis=1)
        return lengths

    @property
    def path_length(self) -> float:
        """Of all steps."""
        return float(self.step_lengths.sum())


def exact_line_search(f: Smooth, start: FloatArray, steps: int, progress: Progress = silent) -> Trace:
    """Steepest descent, each step to the first minimum on its line, found by bisecting the directional derivative."""
    x, points, message = start, [start], "steps used up"
    for k in range(steps):
        progress(Step(k, steps, "steps", "f", f.value(x)))
        g = f.gradient(x)
        length = float(np.linalg.norm(g))
        if length == 0:
            message = "gradient is zero"
            break
        x = x - _line_minimum(f, x, g / length) * (g / length)
        points.append(x)
    return _trace(f, points, message)


def _line_minimum(f: Smooth, x: FloatArray, up: FloatArray) -> float:
    """The first t > 0 at which f stops falling along -up."""
    low, high = 0.0, 1.0
    for _ in range(_DOUBLINGS):
        if float(f.gradient(x - high * up) @ up) <= 0:
            break
        low, high = high, 2 * high
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if float(f.gradient(x - middle * up) @ up) > 0:
            low = middle
        else:
            high = middle
    return high


def armijo(f: Smooth, start: FloatArray, steps: int, progress: Progress = silent) -> Trace:
    """Steepest descent, each step of length 1 halved until the value falls by 1e-4 of what the slope promises."""
    x, points, message = start, [start], "steps used up"
    for k in range(steps):
        value, g = f.value(x), f.gradient(x)
        progress(Step(k, steps, "steps", "f", value))
        length = float(np.linalg.norm(g))
        if length == 0:
            message = "gradient is zero"
            break
        step = 1.0
        while step > _SHORTEST and not f.value(x - step * g / length) <= value - _SUFFICIENT * step * length:
            step /= 2
        if step <= _SHORTEST:
            message = "no step lowers the value enough"
            break
        x = x - step * g / length
        points.append(x)
    return _trace(f, points, message)


def bfgs(f: Smooth, start: FloatArray, steps: int, progress: Progress = silent) -> Trace:
    """BFGS of SciPy."""
    return _of_scipy("BFGS", f, start, steps, progress)


def lbfgs(f: Smooth, start: FloatArray, steps: int, progress: Progress = silent) -> Trace:
    """L-BFGS-B of SciPy, the solver behind the single-location fit."""
    return _of_scipy("L-BFGS-B", f, start, steps, progress)


def _of_scipy(name: str, f: Smooth, start: FloatArray, steps: int, progress: Progress) -> Trace:
    points = [start]

    def watch(x: FloatArray) -> None:
        points.append(np.array(x))
        progress(Step(len(points) - 1, steps, "steps", "f", f.value(x)))

    with np.errstate(all="ignore"):
        found = minimize(
            f.value, start, jac=f.gradient, method=name, callback=watch, options={"maxiter": steps, "gtol": 1e-12}
        )
    return _trace(f, points, str(found.message))


def _trace(f: Smooth, points: list[FloatArray], message: str) -> Trace:
    return Trace(np.array(points), np.array([f.value(x) for x in points]), message)


SOLVERS: Mapping[str, Callable[[Smooth, FloatArray, int, Progress], Trace]] = {
    "exact_line_search": exact_line_search,
    "armijo": armijo,
    "bfgs": bfgs,
    "lbfgs": lbfgs,
}
"""By name."""
