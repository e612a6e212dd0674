"""Which classifier is needed, judged on points that it was not fitted to."""

import math
from collections.abc import Callable, Mapping

import numpy as np

from ldp_core.types import BoolArray, FloatArray, IntArray

__all__ = ["cross_validated", "fold_numbers", "is_better", "verdict", "wrong"]

_ONE_IN = 20
"""A difference counts when chance would produce it at most once in so many times: 5 %."""


def wrong(decisions: FloatArray, y: FloatArray) -> BoolArray:
    """Where the sign of a decision is not the label. A decision of zero is wrong."""
    return np.asarray(decisions * y <= 0)


def fold_numbers(y: FloatArray, folds: int, rng: np.random.Generator) -> IntArray:
    """A fold for each point, both labels spread evenly.  (n,) -> (n,) of 0..folds-1"""
    number = np.empty(len(y), dtype=np.int64)
    for label in (-1.0, 1.0):
        rows = rng.permutation(np.flatnonzero(y == label))
        number[rows] = np.arange(len(rows)) % folds
    return number


def is_better(one: BoolArray, other: BoolArray) -> bool:
    """Is the first wrong less often, by a one-sided sign test at 5 % on the points where just one is wrong? (McNemar, exact)"""
    wins, losses = int(np.sum(~one & other)), int(np.sum(one & ~other))
    n = wins + losses
    tail = sum(math.comb(n, i) for i in range(losses + 1))
    return wins > losses and tail * _ONE_IN <= 2**n


def verdict(errors: Mapping[str, BoolArray]) -> str:
    """f1_advantage, kernel_enough or linear_enough; `undecided` unless all three kinds of classifier were judged.

    errors: by method, where it is wrong, on the same held-out points. Gradient descent stands for F1, or the program where it was not run.
    """
    f1 = [errors[name] for name in ("gd_both", "f1_lp") if name in errors]
    if not f1 or "f2_kernel" not in errors or "linear_svm" not in errors:
        return "undecided"
    best, kernel, linear = f1[0], errors["f2_kernel"], errors["linear_svm"]
    if is_better(best, kernel) and is_better(best, linear):
        return "f1_advantage"
    return "kernel_enough" if is_better(kernel, linear) else "linear_enough"


def cross_validated(
    X: FloatArray,
    y: FloatArray,
    number: IntArray,
    fit: Callable[[FloatArray, FloatArray], Callable[[FloatArray], Mapping[str, FloatArray]]],
) -> dict[str, BoolArray]:
    """Where each method is wrong about each point, when it is fitted to the other folds."""
    found: dict[str, BoolArray] = {}
    for fold in range(int(number.max()) + 1):
        inside = number == fold
        for name, decisions in fit(X[~inside], y[~inside])(X[inside]).items():
            found.setdefault(name, np.zeros(len(y), dtype=np.bool_))[inside] = wrong(decisions, y[inside])
    return found
