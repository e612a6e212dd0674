"""What the private labels of rows say together: each one's unbiased value, and their mean with its interval."""

import math
from dataclasses import dataclass

import numpy as np

from ldp_core.errors import TallyError
from ldp_core.estimation.proportion import wilson_interval
from ldp_core.labels.row_labels import RowLabels
from ldp_core.mechanisms import Tally
from ldp_core.types import FloatArray, IntArray

__all__ = ["LabelEstimate"]


@dataclass(frozen=True, eq=False)
class LabelEstimate:
    """Rows with one report, in order.

    row_numbers: (m,) · bits: (m,) of 0 and 1 · labels: (m,) unbiased, each plus or minus `magnitude` · magnitude: B (lambda + 1) / (lambda - 1) ·
    repeated: rows left out because they have several reports.
    """

    row_numbers: IntArray
    bits: IntArray
    labels: FloatArray
    magnitude: float
    repeated: int

    @classmethod
    def of(cls, rows: RowLabels, tally: Tally) -> "LabelEstimate":
        """The labels of a tally. Raises TallyError when no row has exactly one report."""
        numbers, bits = rows.single_reports(tally)
        if len(numbers) == 0:
            raise TallyError("no row has exactly one report, so there is no label to read")
        labels, reported = rows.outcome.debias(bits), rows.reported(tally)
        return cls(numbers, bits, labels, rows.outcome.magnitude, reported - len(numbers))

    @property
    def mean(self) -> float:
        """Unbiased for the mean label of these rows, each clipped to the bound."""
        upper = int(np.count_nonzero(self.bits))
        return self.magnitude * (2 * upper - len(self.bits)) / len(self.bits)  # from the count: 0 is 0

    @property
    def standard_error(self) -> float:
        """Of `mean`: sqrt((magnitude^2 - mean^2) / m). The mean of squared labels is at least the square of their mean, so it errs on the safe side."""
        return math.sqrt(max(self.magnitude**2 - self.mean**2, 0.0) / len(self.labels))

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """For the mean label: Wilson's interval of the share of upper bits, debiased."""
        low, high = wilson_interval(int(np.count_nonzero(self.bits)), len(self.bits), confidence)
        return self.magnitude * (2 * low - 1), self.magnitude * (2 * high - 1)
