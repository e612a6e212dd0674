"""Products of two private signs, collected by randomised response on pairs of attributes.

Each phone has d attributes +-1, draws a pair (a, b) whatever its values are, and reports x_a x_b kept with probability e^eps/(1 + e^eps), turned
otherwise. With n reports of a pair, m of them +1 ("agree"), and c = (e^eps + 1)/(e^eps - 1):

    G_ab = c (2m/n - 1),  E G_ab = E[x_a x_b],  standard error at most c/sqrt(n).   (Warner 1965)
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array, integer, real
from ldp_core.types import FloatArray

__all__ = ["PairEstimates", "pair_estimates", "pairs_from_json"]

_FIELDS = ("attributes", "epsilon", "reports")


@dataclass(frozen=True, eq=False)
class PairEstimates:
    """Estimated correlations of d attributes.

    correlations: (d, d), symmetric, 1 on the diagonal, 0 for a pair without reports · variances: (d, d), bounds; 0 on the diagonal,
    infinite for a pair without reports.
    """

    correlations: FloatArray
    variances: FloatArray

    @property
    def missing(self) -> int:
        """Pairs without a report."""
        return int(np.isinf(self.variances).sum()) // 2

    @property
    def weights(self) -> FloatArray:
        """1/variance over the largest 1/variance; 0 for a pair without reports, 1 on the diagonal, where X and G agree.  (d, d)"""
        off = ~np.eye(len(self.variances), dtype=np.bool_)
        least = float(self.variances[off].min())
        weights = np.ones_like(self.variances)
        weights[off] = least / self.variances[off]
        return weights

    def threshold_ratio(self, mean_correlation: float) -> float:
        """d r^2 / (2 v log d), r the mean correlation and v the variance that the mean number of reports gives.

        Above about 1 the polarity can be found, below it the noise has more agreement with some other signs.
        """
        d = len(self.variances)
        off = ~np.eye(d, dtype=np.bool_)
        reports = float(np.mean(1 / self.variances[off]))
        return d * mean_correlation**2 * reports / (2 * math.log(d))


def pair_estimates(attributes: int, epsilon: float, reports: FloatArray) -> PairEstimates:
    """Estimates from rows (a, b, reports, agreeing reports), each pair a != b at most once.  (m, 4)

    >>> import numpy as np
    >>> pair_estimates(2, math.log(3), np.array([[0, 1, 100, 75]])).correlations
    array([[1., 1.],
           [1., 1.]])
    """
    c = 1 / math.tanh(epsilon / 2)
    G = np.eye(attributes)
    variances = np.where(G > 0, 0.0, np.inf)
    a, b = reports[:, 0].astype(np.int64), reports[:, 1].astype(np.int64)
    n, agree = reports[:, 2], reports[:, 3]
    G[a, b] = G[b, a] = c * (2 * agree / n - 1)
    variances[a, b] = variances[b, a] = c**2 / n
    return PairEstimates(G, variances)


def pairs_from_json(given: object, most_attributes: int) -> PairEstimates:
    """Estimates from {"attributes": d, "epsilon": eps, "reports": [[a, b, n, agree], ..]}. AnalysisError says what is wrong."""
    if not isinstance(given, Mapping) or set(given) != set(_FIELDS):
        raise AnalysisError(
            f"matrix.pairs must be an object with {', '.join(_FIELDS)}", code="wrong_type", field="matrix.pairs"
        )
    d = integer("matrix.pairs.attributes", given["attributes"], 2, most_attributes)
    epsilon = real("matrix.pairs.epsilon", given["epsilon"], 0, 50, above=True)
    return pair_estimates(d, epsilon, _checked(given["reports"], d))


def _checked(given: object, d: int) -> FloatArray:
    name, most = "matrix.pairs.reports", d * (d - 1) // 2
    if isinstance(given, Sequence | np.ndarray) and len(given) > most:
        raise TooLargeError(f"{d} attributes have {most} pairs, got {len(given)} rows", field=name)
    rows = array(name, given, 2)
    if rows.shape[1:] != (4,) or not len(rows):
        raise AnalysisError(
            f"{name} must be rows of [a, b, reports, agreeing reports], at least one", code="wrong_shape", field=name
        )
    a, b, n, agree = rows.T
    whole = (rows == np.floor(rows)).all()
    if not whole or (rows[:, :2] < 0).any() or (rows[:, :2] >= d).any() or (a == b).any():
        raise AnalysisError(
            f"{name} must be whole numbers, and a and b two different attributes 0 to {d - 1}",
            code="out_of_range",
            field=name,
        )
    if (n < 1).any() or (n > 2**53).any() or (agree < 0).any() or (agree > n).any():
        raise AnalysisError(
            f"{name} must have at least 1 report in each row, and 0 to all of them agreeing",
            code="out_of_range",
            field=name,
        )
    if len(np.unique(np.minimum(a, b) * d + np.maximum(a, b))) < len(rows):
        raise AnalysisError(f"{name} has a pair twice; add its counts into one row", code="duplicate_pair", field=name)
    return rows
