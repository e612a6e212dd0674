"""Expected ranks and rank ranges, against sampling and Tukey's studentized range."""

import numpy as np
import pytest
from scipy.stats import studentized_range

from ldp_core.analysis.perturbed.expected_ranks import normal_rank_law
from ldp_core.analysis.perturbed.rank_intervals import LargestDifference, PairSpread, expected_ranks, rank_ranges


def test_expected_ranks_count_from_the_most_frequent() -> None:
    rng = np.random.default_rng(0)
    f, root = rng.normal(size=8), rng.normal(size=(8, 8))
    covariance = root @ root.T
    assert expected_ranks(f, PairSpread(covariance)) == pytest.approx(9 - normal_rank_law(f, covariance).mean)
    own = rng.random(8)
    assert expected_ranks(f, PairSpread(own)) == pytest.approx(expected_ranks(f, PairSpread(np.diag(own))))
    assert expected_ranks(f, PairSpread(own)).sum() == pytest.approx(36)


def test_the_critical_value_is_tukeys_for_equal_variances() -> None:
    """The 95 % point of the studentized range over sqrt 2; 40,000 draws, error about 0.3 %."""
    k = 20
    noise = 3 * np.random.default_rng(1).standard_normal((40_000, k))
    largest = LargestDifference(PairSpread(np.full(k, 9.0))).of(noise)
    expected = studentized_range.ppf(0.95, k, 100_000) / np.sqrt(2)
    assert np.quantile(largest, 0.95) == pytest.approx(expected, rel=0.012)


@pytest.mark.parametrize("dense", [False, True])
def test_grouping_bounds_the_largest_difference_closely(dense: bool) -> None:
    rng = np.random.default_rng(2)
    spread = np.exp(rng.normal(size=30) / 2)
    if dense:
        root = rng.normal(size=(30, 60)) * np.sqrt(spread)[:, None] / 8
        spread = root @ root.T
    pairs = PairSpread(spread)
    noise = rng.multivariate_normal(np.zeros(30), spread if dense else np.diag(spread), 3000)
    gaps = np.abs(noise[:, :, None] - noise[:, None, :]) / pairs.rows(slice(0, 30))
    exact, bound = gaps.max(axis=(1, 2)), LargestDifference(pairs).of(noise)
    assert (bound >= exact - 1e-12).all()
    assert np.median(bound / exact) < (2 if dense else 1.15)


def test_ranges_hold_all_true_ranks_together() -> None:
    """2000 collections of normal noise; nominal 95 % and conservative, so below 93.5 % only once in 1000."""
    rng = np.random.default_rng(3)
    truth = np.linspace(0, 6, 15) ** 1.5
    spread = np.linspace(0.5, 2.0, 15)
    pairs = PairSpread(spread)
    largest = LargestDifference(pairs)
    critical = float(np.quantile(largest.of(rng.standard_normal((20_000, 15)) * np.sqrt(spread)), 0.95))
    ranks = np.arange(15, 0, -1)
    held = []
    for _ in range(2000):
        low, high = rank_ranges(truth + rng.standard_normal(15) * np.sqrt(spread), pairs, critical)
        held.append(((low <= ranks) & (ranks <= high)).all())
    assert np.mean(held) >= 0.935
    assert (high - low).mean() < 12  # the ranges say something
