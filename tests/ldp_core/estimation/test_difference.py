"""The difference test: calibrated under the null, powerful where there is a difference, corrections as published."""

from itertools import permutations

import numpy as np
import pytest
from scipy import stats

from ldp_core.errors import ParameterError
from ldp_core.estimation import Difference, holm, sampling_errors
from ldp_core.estimation.estimate import Estimate
from ldp_core.mechanisms import Mechanism, create

K = 24


def estimate_of(mechanism: Mechanism, weights: np.ndarray, n: int, rng: np.random.Generator) -> Estimate:
    values = rng.choice(mechanism.domain_size, size=n, p=weights)
    return mechanism.decode(mechanism.tally(mechanism.randomize_many(values, rng)))


def zipf(k: int) -> np.ndarray:
    weights = 1 / np.arange(1, k + 1)
    return weights / weights.sum()


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["projective_geometry", "hadamard_response", "randomized_response"])
def test_equal_populations_rarely_differ(name: str) -> None:
    mechanism, rng = create(name, epsilon="3", domain_size=K), np.random.default_rng(1)
    runs = 300
    z, alarms = [], 0
    for _ in range(runs):
        test = Difference.between(
            estimate_of(mechanism, zipf(K), 2_000, rng), estimate_of(mechanism, zipf(K), 1_000, rng)
        )
        z.append(test.z)
        alarms += bool((test.p_holm < 0.05).any())
    spread = np.array(z).std(axis=0)
    # a standard deviation from 300 runs: 6 sigma = 0.245, 24 items: < 1e-7
    assert np.all(np.abs(spread - 1) < 0.245)
    assert alarms <= runs * 0.05 + 6 * np.sqrt(runs * 0.05 * 0.95)  # 6 sigma: < 1e-8


def every_outcome(mechanism: Mechanism, n: int, share: float) -> tuple[Estimate, np.ndarray]:
    """An estimate whose "items" are all that n reports can say of one item of this share, and the chance of each: a report
    supports the item or not, independently of the others, so the number of those that do is binomial."""
    rates = mechanism.rates
    support = float(rates.other) + float(rates.gap) * share
    low, high = stats.binom.ppf(1e-12, n, support), stats.binom.isf(1e-12, n, support)
    counts = np.arange(int(low), int(high) + 1)
    provenance = mechanism.decode(mechanism.tally([0])).provenance
    estimate = Estimate.from_support_counts(counts, n=n, rates=rates, domain_size=len(counts), provenance=provenance)
    return estimate, stats.binom.pmf(counts, n, support)


def false_alarms(mechanism: Mechanism, sizes: tuple[int, int], share: float, level: float) -> float:
    """The exact chance that an item of one share on both sides has p < level by itself."""
    (first, chance_a), (second, chance_b) = (every_outcome(mechanism, n, share) for n in sizes)
    grid = [side.ravel() for side in np.meshgrid(first.frequencies, second.frequencies, indexing="ij")]
    errors = np.meshgrid(sampling_errors(first), sampling_errors(second), indexing="ij")
    test = Difference.of((grid[0], grid[1]), (errors[0].ravel(), errors[1].ravel()), sizes)
    return float(np.outer(chance_a, chance_b).ravel() @ (test.p < level))


@pytest.mark.thorough
@pytest.mark.parametrize("epsilon", ["1", "4", "8"])
@pytest.mark.parametrize(
    "sizes", [(10, 10), (100, 100), (1_000, 1_000), *permutations((100, 5_000)), *permutations((1_000, 20_000))]
)
def test_no_size_beside_another_cries_wolf(epsilon: str, sizes: tuple[int, int]) -> None:
    """Exactly, by enumeration. Reports of a window that has just begun are compared with those of a long one."""
    mechanism = create("randomized_response", epsilon=epsilon, domain_size=K)
    for share in (0.0, 0.001, 1 / K, 0.3, 0.7):
        alone, together = (false_alarms(mechanism, sizes, share, 0.05 / comparisons) for comparisons in (1, K))
        assert alone < 0.058  # 100 reports have few outcomes, and none lies just at the level
        assert together * min(K, 1 / max(share, 1e-9)) < 0.053  # so many items can have this share


def test_equal_sizes_lose_no_power_to_the_pooled_error() -> None:
    """Where both sides are alike the two errors nearly agree."""
    mechanism, rng = create("projective_geometry", epsilon="2", domain_size=K), np.random.default_rng(9)
    one, other = (estimate_of(mechanism, zipf(K), 5_000, rng) for _ in range(2))
    apart = np.hypot(sampling_errors(one), sampling_errors(other))
    assert Difference.between(one, other).standard_errors == pytest.approx(apart, rel=2e-3)


def test_what_cannot_differ_has_no_z() -> None:
    test = Difference(np.array([1.0, 1.0]), np.array([1.0 + 1e-16, 1.5]), np.array([0.0, 0.25]))
    assert (test.z.tolist(), test.p[0]) == ([0.0, 2.0], 1.0)
    nothing = np.zeros(1)
    whole = Difference.of((np.array([1.0]), np.array([1 - 4e-16])), (nothing, nothing), (5, 9))
    assert (whole.standard_errors[0], whole.z[0], whole.p_holm[0]) == (0.0, 0.0, 1.0)


def test_without_the_chance_of_who_reported_it_would_cry_wolf() -> None:
    """At a large epsilon the randomizer adds little, and two samples of one population still differ."""
    mechanism, rng = create("randomized_response", epsilon="8", domain_size=4), np.random.default_rng(2)
    ratio = []
    for _ in range(200):
        one, other = (estimate_of(mechanism, np.full(4, 0.25), 1_000, rng) for _ in range(2))
        ratio.append((other.frequencies - one.frequencies) / np.hypot(one.standard_errors, other.standard_errors))
    assert np.std(ratio) > 2  # the data-fixed error alone is far too small here
    errors = sampling_errors(one)
    assert np.allclose(errors, np.sqrt(0.25 * 0.75 / 1_000), rtol=0.1)


def test_a_real_difference_is_found_and_its_interval_holds_it() -> None:
    mechanism, rng = create("projective_geometry", epsilon="3", domain_size=K), np.random.default_rng(3)
    second = zipf(K).copy()
    second[[0, 5]] += [-0.1, 0.1]
    test = Difference.between(estimate_of(mechanism, zipf(K), 50_000, rng), estimate_of(mechanism, second, 50_000, rng))
    assert np.flatnonzero(test.p_holm < 1e-6).tolist() == [0, 5]
    all_ = test.interval(0.95, simultaneous=True)
    assert all_.low[0] < -0.1 < all_.high[0] < 0 < all_.low[5] < 0.1 < all_.high[5]


def test_p_values_and_corrections_against_scipy() -> None:
    rng = np.random.default_rng(4)
    test = Difference(np.zeros(50), rng.normal(size=50) * 2, np.ones(50))
    assert np.allclose(test.p, 2 * stats.norm.sf(np.abs(test.z)), rtol=1e-12)
    assert np.allclose(test.p_bonferroni, np.minimum(1, 50 * test.p))
    assert np.all(test.p_holm <= test.p_bonferroni)
    assert np.all(test.p_holm >= test.p)
    one = test.interval(0.9)
    assert np.array_equal((one.low > 0) | (one.high < 0), test.p < 0.1)
    all_ = test.interval(0.9, simultaneous=True)
    assert np.array_equal((all_.low > 0) | (all_.high < 0), test.p_bonferroni < 0.1)


def test_holm_by_its_definition() -> None:
    rng = np.random.default_rng(5)
    for _ in range(20):
        p = rng.random(7) ** 3
        for level in (0.01, 0.05, 0.2):
            rejected, order = np.zeros(7, dtype=bool), np.argsort(p)
            for step, index in enumerate(order):
                if p[index] * (7 - step) >= level:
                    break
                rejected[index] = True
            assert np.array_equal(holm(p) < level, rejected)
    assert holm([]).tolist() == []


def test_different_domains_are_not_compared() -> None:
    rng = np.random.default_rng(6)
    one, other = (
        estimate_of(create("randomized_response", epsilon="1", domain_size=k), np.full(k, 1 / k), 100, rng)
        for k in (3, 4)
    )
    with pytest.raises(ParameterError, match="3 and 4"):
        Difference.between(one, other)
