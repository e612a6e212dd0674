"""What was seen in one fleet after another, as sums: nothing grows with the number of fleets but a few numbers of each."""

import numpy as np

from ldp_core.analysis.simulation.population import Holdings
from ldp_core.analysis.simulation.promise import Promise
from ldp_core.estimation import Estimate
from ldp_core.types import BoolArray, FloatArray, Frequencies, IntArray

__all__ = ["Observed"]


class Observed:
    """Sums over fleets of k items each.

    fleets: R so far · errors, squared_errors: (k,) sums of estimate minus truth and of its square · covered: (k,) fleets whose
    interval held the truth · among_top: (k,) fleets in which the item was among the largest ·
    of each fleet: error_ratios (sum of squared errors over the promised one), covered_shares, all_covered (do all simultaneous intervals hold?),
    precisions (share of the largest estimates that belong there), floors (the noise floor), found and false_found (items above it
    that somebody, that nobody holds).
    """

    def __init__(self, holdings: Holdings, promise: Promise, *, confidence: float, top: int) -> None:
        k = len(holdings.held)
        self._promise, self._confidence, self.top = promise, confidence, top
        self._truth, self._held = holdings.truth, holdings.held > 0
        self._belongs = holdings.held >= np.partition(holdings.held, k - top)[k - top]  # ties belong as well
        self.fleets = 0
        self.errors, self.squared_errors = np.zeros(k), np.zeros(k)
        self.covered, self.among_top = np.zeros(k, dtype=np.int64), np.zeros(k, dtype=np.int64)
        self.error_ratios: list[float] = []
        self.covered_shares: list[float] = []
        self.all_covered: list[bool] = []
        self.precisions: list[float] = []
        self.floors: list[float] = []
        self.found: list[int] = []
        self.false_found: list[int] = []

    def add(self, estimate: Estimate) -> None:
        """One more fleet."""
        self.fleets += 1
        error = estimate.frequencies - self._truth
        squared = error * error
        self.errors += error
        self.squared_errors += squared
        self.error_ratios.append(float(squared.sum()) / self._promise.total_variance)
        self._add_intervals(estimate)
        self._add_ranking(estimate.frequencies)
        self._add_findings(estimate)

    def _add_intervals(self, estimate: Estimate) -> None:
        inside = self._inside(estimate, simultaneous=False)
        self.covered += inside
        self.covered_shares.append(float(inside.mean()))
        self.all_covered.append(bool(self._inside(estimate, simultaneous=True).all()))

    def _inside(self, estimate: Estimate, *, simultaneous: bool) -> BoolArray:
        low, high = estimate.interval(self._confidence, simultaneous=simultaneous)
        inside: BoolArray = (low <= self._truth) & (self._truth <= high)
        return inside

    def _add_ranking(self, frequencies: Frequencies) -> None:
        largest: IntArray = np.argpartition(frequencies, len(frequencies) - self.top)[len(frequencies) - self.top :]
        self.among_top[largest] += 1
        self.precisions.append(float(self._belongs[largest].mean()))

    def _add_findings(self, estimate: Estimate) -> None:
        floor = estimate.noise_floor(self._confidence)
        above = estimate.frequencies > floor
        self.floors.append(floor)
        self.found.append(int(np.count_nonzero(above & self._held)))
        self.false_found.append(int(np.count_nonzero(above & ~self._held)))

    @property
    def unheld_items(self) -> int:
        """Items that nobody holds."""
        return int(np.count_nonzero(~self._held))

    @property
    def error_ratio(self) -> float | None:
        """Observed over promised standard error of all items together; None before the first fleet."""
        return float(np.sqrt(np.mean(self.error_ratios))) if self.fleets else None

    @property
    def standard_errors(self) -> FloatArray:
        """The root mean square error of each item.  (k,)"""
        return np.sqrt(self.squared_errors / self.fleets)

    @property
    def bias_z(self) -> FloatArray:
        """The mean error of each item in promised standard errors of that mean.  (k,)"""
        z: FloatArray = self.errors / (np.sqrt(self.fleets) * self._promise.standard_errors)
        return z
