"""Do two collections of reports differ? Item by item, with every error and every multiplicity stated.

Notation: f_a, f_b: unbiased estimates from n_a and n_b reports of different phones · D = f_b - f_a.
    Var(f) = data-fixed variance + f (1 - f) / n: which phones happened to report is chance as well, and two halves of
    one population differ by that much. (Law of total variance; exact for phones that answer independently.)
    e^2 = Var(f_a) + Var(f_b): as the shares were estimated, each side by itself.
    e0^2 = v (1/n_a + 1/n_b), v = (n_a^2 Var(f_a) + n_b^2 Var(f_b)) / (n_a + n_b) + n_a n_b D^2 / (n_a + n_b)^2: as if both
    sides were one, which they are where nothing differs. v is the variance of what a report adds, over all reports of both.
    z = D / max(e, e0). Each error alone cries wolf beside a much larger side: e when nobody of the smaller one holds an item that is
    not rare, since it then takes its share for sure; e0 when two or three of the smaller one hold an item that nearly nobody does.
Bonferroni: k p. Holm 1979: step down, uniformly more powerful, and valid under any dependence between items.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import erfc, sqrt

import numpy as np

from ldp_core.errors import ParameterError
from ldp_core.estimation.estimate import Estimate
from ldp_core.estimation.intervals import Interval, critical_value
from ldp_core.types import FloatArray

__all__ = ["Difference", "holm", "sampling_errors"]


@dataclass(frozen=True, eq=False)
class Difference:
    """Second minus first, for each of k comparisons.

    first, second: shares · standard_errors: of the difference, chance of who reported included, max(e, e0).  All (k,).
    """

    first: FloatArray
    second: FloatArray
    standard_errors: FloatArray

    @classmethod
    def between(cls, first: Estimate, second: Estimate) -> "Difference":
        """Item by item. Raises ParameterError for estimates of different numbers of items."""
        if first.domain_size != second.domain_size:
            raise ParameterError(
                f"estimates of {first.domain_size} and {second.domain_size} items cannot be compared item by item"
            )
        return cls.of(
            (first.frequencies, second.frequencies),
            (sampling_errors(first), sampling_errors(second)),
            (first.n, second.n),
        )

    @classmethod
    def of(
        cls, shares: tuple[FloatArray, FloatArray], errors: tuple[FloatArray, FloatArray], sizes: tuple[int, int]
    ) -> "Difference":
        """From unbiased shares of two sides, their errors with the chance of who reported, and n_a and n_b reports."""
        (first, second), (n_a, n_b) = shares, sizes
        variances = [n * error**2 for n, error in zip(sizes, errors, strict=True)]
        apart = variances[0] / n_a + variances[1] / n_b
        together = variances[0] / n_b + variances[1] / n_a + (second - first) ** 2 / (n_a + n_b)  # e0^2, multiplied out
        # what has no error on either side cannot differ: what is left of D then is rounding
        return cls(first, second, np.sqrt(np.where(apart > 0, np.maximum(apart, together), 0.0)))

    @property
    def comparisons(self) -> int:
        """k."""
        return len(self.first)

    @cached_property
    def difference(self) -> FloatArray:
        """D.  (k,)"""
        return self.second - self.first

    @cached_property
    def z(self) -> FloatArray:
        """D over its standard error; 0 for what has none, such as the sum of all points, which is 1 whatever is reported.  (k,)"""
        still = self.standard_errors == 0
        ratio: FloatArray = np.where(still, 0.0, self.difference / np.where(still, 1.0, self.standard_errors))
        return ratio

    @cached_property
    def p(self) -> FloatArray:
        """Two-sided p-values of each comparison by itself.  (k,)"""
        return np.array([erfc(abs(value) / sqrt(2)) for value in self.z.tolist()])

    @cached_property
    def p_bonferroni(self) -> FloatArray:
        """min(1, k p): small where the difference stands out among all k.  (k,)"""
        return np.minimum(1.0, self.comparisons * self.p)

    @cached_property
    def p_holm(self) -> FloatArray:
        """Holm's adjusted p-values, never above Bonferroni's.  (k,)"""
        return holm(self.p)

    def interval(self, confidence: float = 0.95, *, simultaneous: bool = False) -> Interval:
        """Intervals of D: each holds its truth with this probability, or all k together when `simultaneous`."""
        spread = critical_value(confidence, self.comparisons if simultaneous else 1) * self.standard_errors
        return Interval(self.difference - spread, self.difference + spread)


def sampling_errors(estimate: Estimate) -> FloatArray:
    """Standard errors of shares of the population from which the phones came: sqrt(data-fixed + f (1 - f) / n).  (k,)"""
    plausible = np.clip(estimate.frequencies, 0, 1)
    errors: FloatArray = np.sqrt(estimate.standard_errors**2 + plausible * (1 - plausible) / estimate.n)
    return errors


def holm(p: Sequence[float] | FloatArray) -> FloatArray:
    """Holm's adjusted p-values: for the i-th smallest of k, the largest of min(1, (k - j + 1) p_(j)) over j <= i.  (k,)

    >>> holm([0.01, 0.04, 0.03]).round(10).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    steps = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted
