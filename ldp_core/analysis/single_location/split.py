"""Rows for training, for choosing and for judging, and the choice among fits."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ldp_core.analysis.single_location.attention import AttentionFit, predict
from ldp_core.analysis.single_location.held_out import r_squared
from ldp_core.types import FloatArray, IntArray

__all__ = ["Rows", "Split", "choose"]


class Rows(NamedTuple):
    """X: (rows, L, d) tokens · y: (rows,) outcomes."""

    X: FloatArray
    y: FloatArray


@dataclass(frozen=True, eq=False)
class Split:
    """X: (n, L, d) scaled tokens, in random order · y: (n,) · order: (n,) original row numbers · ends: of training and validation ·
    scale: what tokens were divided by · token_sd: deviation of the scaled tokens · degenerate: positions with one token only.
    """

    X: FloatArray
    y: FloatArray
    order: IntArray
    ends: tuple[int, int]
    scale: float
    token_sd: float
    degenerate: tuple[int, ...]

    @property
    def train(self) -> Rows:
        """Rows that heads are fitted to."""
        return Rows(self.X[: self.ends[0]], self.y[: self.ends[0]])

    @property
    def validation(self) -> Rows:
        """Rows that fits are compared on."""
        return Rows(self.X[self.ends[0] : self.ends[1]], self.y[self.ends[0] : self.ends[1]])

    @property
    def fitted(self) -> Rows:
        """Training and validation rows together, for the last fit."""
        return Rows(self.X[: self.ends[1]], self.y[: self.ends[1]])

    @property
    def test(self) -> Rows:
        """Rows that only the final judgement sees."""
        return Rows(self.X[self.ends[1] :], self.y[self.ends[1] :])

    @cached_property
    def mean_token(self) -> FloatArray:
        """Mean of all tokens.  (d,)"""
        return np.asarray(self.X.mean(axis=(0, 1)))

    @property
    def z_mean(self) -> float:
        """Length of the mean token over what it would be about by chance."""
        n, L, d = self.X.shape
        return float(np.linalg.norm(self.mean_token) / self.token_sd * np.sqrt(n * L / d))

    def r2_validation(self, fit: AttentionFit) -> float:
        """R^2 of a fit on the validation rows."""
        return r_squared(self.validation.y, predict(fit, self.validation.X), float(self.train.y.mean()))


def choose(split: Split, fits: Sequence[AttentionFit]) -> AttentionFit:
    """The best fit at the least lambda that is not clearly worse, on the validation rows.

    Once attention is saturated a larger lambda changes the predictions little and leaves the direction undetermined. So the
    least lambda is taken whose best fit has a mean squared error within one standard error (of the paired difference) of the
    least one.
    """
    rows = split.validation
    errors = {id(fit): np.square(rows.y - predict(fit, rows.X)) for fit in fits}
    best = min(fits, key=lambda fit: float(errors[id(fit)].mean()))
    for lam in sorted({fit.lam for fit in fits}):
        candidate = min((fit for fit in fits if fit.lam == lam), key=lambda fit: float(errors[id(fit)].mean()))
        excess = errors[id(candidate)] - errors[id(best)]
        if excess.mean() <= excess.std() / np.sqrt(len(excess)):
            return candidate
    return best
