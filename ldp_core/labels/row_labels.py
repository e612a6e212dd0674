"""Labels of numbered rows: the number is public, the label is one private bit.

The service holds R rows of data, for instance what it showed each person, and lacks an outcome that is sensitive. Each row's
phone knows its number and its outcome, and sends the message 2 · row + bit. For one row, the messages of any two outcomes are told
apart by at most lambda <= e^epsilon, and the row itself is not hidden at all. Source: label differential privacy in the local
model, Ghazi, Golowich, Kumar, Manurangsi, Zhang, NeurIPS 2021.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ldp_core.errors import ParameterError, TallyError, ValueOutOfDomain
from ldp_core.labels.one_bit_outcome import OneBitOutcome, format_bound, parse_bound
from ldp_core.mechanisms import Mechanism, Tally
from ldp_core.randomness import RandomSource
from ldp_core.types import IntArray, Messages

__all__ = ["MOST_ROWS", "RowLabels"]

MOST_ROWS = 1 << 31
"""A message is one unsigned integer of 32 bits."""


@dataclass(frozen=True)
class RowLabels:
    """R rows with one private outcome each. rows: 1..2^31 · outcome: the randomizer of the label.

    Raises ParameterError for another number of rows.

    >>> labels = RowLabels(1000, OneBitOutcome("1", 2))
    >>> labels.report_space, labels.ends
    (2000, ('-2', '2'))
    """

    rows: int
    outcome: OneBitOutcome

    def __post_init__(self) -> None:
        if isinstance(self.rows, bool) or not isinstance(self.rows, int) or not 1 <= self.rows <= MOST_ROWS:
            raise ParameterError(f"rows must be a whole number from 1 to {MOST_ROWS:,}, got {self.rows!r}")

    @property
    def mechanism(self) -> Mechanism:
        """What makes the label private: randomized response over its two ends."""
        return self.outcome.mechanism

    @property
    def report_space(self) -> int:
        """N = 2 R."""
        return 2 * self.rows

    @property
    def tally_size(self) -> int:
        """A tally counts every message."""
        return self.report_space

    @property
    def ends(self) -> tuple[str, str]:
        """The two labels that a phone rounds to, as text."""
        bound = format_bound(parse_bound(self.outcome.bound))
        return f"-{bound}", bound

    def randomize(self, row: int, label: float, source: RandomSource) -> int:
        """The message of the phone of a row. Raises ParameterError for a row that there is not, ValueOutOfDomain, without the label, for none that is a finite number."""
        if isinstance(row, bool) or not isinstance(row, int) or not 0 <= row < self.rows:
            raise ParameterError(f"row must be a whole number in 0..{self.rows - 1}, got {row!r}")
        if isinstance(label, bool) or not isinstance(label, int | float | np.integer | np.floating):
            raise ValueOutOfDomain("the label is not a number")
        return 2 * row + self.outcome.randomize(label, source)

    def randomize_many(self, rows: ArrayLike, labels: ArrayLike, rng: np.random.Generator) -> Messages:
        """The messages of many simulated phones; the same law as `randomize`.  (n,), (n,) -> (n,)"""
        numbers, outcomes = np.asarray(rows, dtype=np.int64), np.asarray(labels, dtype=np.float64)
        if numbers.ndim != 1 or numbers.shape != outcomes.shape:
            raise ParameterError(f"give each row one label, got shapes {numbers.shape} and {outcomes.shape}")
        if numbers.size and not 0 <= numbers.min() <= numbers.max() < self.rows:
            raise ParameterError(f"some row is not in 0..{self.rows - 1}")
        if not np.isfinite(outcomes).all():
            raise ValueOutOfDomain("some label is not a finite number")
        return 2 * numbers + self.outcome.simulate(outcomes, rng)

    def tally(self, reports: ArrayLike) -> Tally:
        """Count messages. Raises ReportError for one outside 0..2R-1; then none is counted."""
        return Tally.of(reports, self.report_space)

    def of_all_rows(self, tally: Tally) -> Tally:
        """The counts of the two ends over all rows, a tally of `mechanism`. Raises TallyError for another one's."""
        return Tally(self._by_row(tally).sum(axis=0))

    def single_reports(self, tally: Tally) -> tuple[IntArray, IntArray]:
        """Rows with exactly one report, and their bits.  -> (m,), (m,)

        A row has one phone and a phone answers once, so further reports of a row are mistakes or forged; which of them is
        right cannot be told, and the row is left out. That depends on nobody's label.
        """
        counts = self._by_row(tally)
        rows = np.flatnonzero(counts.sum(axis=1) == 1)
        return rows, counts[rows, 1]

    def reported(self, tally: Tally) -> int:
        """How many rows have a report."""
        return int(np.count_nonzero(self._by_row(tally).any(axis=1)))

    def _by_row(self, tally: Tally) -> IntArray:
        """(R, 2): how often each end was reported for each row."""
        if tally.size != self.tally_size:
            raise TallyError(
                f"labels of {self.rows} rows have a tally of {self.tally_size} cells and were given {tally.size}; they do not belong together"
            )
        return tally.counts.reshape(self.rows, 2)
