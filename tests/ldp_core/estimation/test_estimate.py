"""Estimates: unbiased, summing to one, with intervals that cover, canaries that sing and exact provenance."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm

from ldp_core.errors import ParameterError, TallyError
from ldp_core.estimation import Estimate, SupportRates, critical_value, score_interval, total_squared_error
from ldp_core.estimation.intervals import noise_floor
from ldp_core.mechanisms import create
from ldp_core.mechanisms.design_mechanism import DesignMechanism

EPSILON_5_K_22000 = ("5", 22_000)


def mechanism_for(epsilon: str, k: int, **parameters: int) -> DesignMechanism:
    mechanism = create("projective_geometry", epsilon=epsilon, domain_size=k, **parameters)
    assert isinstance(mechanism, DesignMechanism)
    return mechanism


def collected(mechanism: DesignMechanism, values: np.ndarray, seed: int) -> Estimate:
    messages = mechanism.randomize_many(values, np.random.default_rng(seed))
    return mechanism.decode(mechanism.tally(messages), decoder="singer")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=1, max_size=60), st.integers(2, 31))
def test_all_estimates_sum_to_exactly_one_whatever_the_messages(messages: list[int], k: int) -> None:
    mechanism = mechanism_for("1", k, q=5, t=3)
    estimate = mechanism.decode(mechanism.tally(messages))
    assert estimate.total == 1
    everything = estimate.frequencies.sum() + estimate.canaries.total_frequency
    assert everything == pytest.approx(1, abs=1e-9)


def test_debiasing_equals_rational_arithmetic() -> None:
    mechanism = mechanism_for("0.5", 40, q=3, t=4)
    messages = np.random.default_rng(2).integers(0, 40, 999)
    estimate = mechanism.decode(mechanism.tally(messages))
    s, r = mechanism.rates.own, mechanism.rates.other
    exact = [(Fraction(int(T)) - 999 * r) / (999 * (s - r)) for T in estimate.support_counts[:40]]
    assert np.allclose(estimate.frequencies, [float(f) for f in exact], rtol=0, atol=1e-12)


def test_debiasing_does_not_cancel_at_a_trillion_reports() -> None:
    mechanism = mechanism_for("1", 341, q=4, t=5)
    counts = np.full(341, 3 * 10**9, dtype=np.int64)
    estimate = mechanism.decode(mechanism.tally([]).merge(type(mechanism.tally([]))(counts)))
    assert estimate.frequencies == pytest.approx(np.full(341, 1 / 341), rel=1e-12)


@pytest.mark.thorough
def test_count_error_matches_the_formula_at_k_22000() -> None:
    """Mean total squared error of n = 10,000 over repeated fleets, within 3 standard errors of the formula."""
    mechanism = mechanism_for(*EPSILON_5_K_22000)
    n, fleets = 10_000, 40
    values = np.random.default_rng(0).zipf(1.3, n) % 22_000
    truth = np.bincount(values, minlength=22_000) / n
    errors = [
        float(((collected(mechanism, values, seed).frequencies - truth) ** 2).sum()) * n for seed in range(fleets)
    ]
    expected = total_squared_error(mechanism.rates, 22_000)
    standard_error = np.std(errors, ddof=1) / fleets**0.5
    assert abs(np.mean(errors) - expected) < 3 * standard_error  # false alarm 0.3 %, with fixed seeds
    assert standard_error < 0.01 * expected


@pytest.mark.thorough
@pytest.mark.parametrize(("k", "epsilon", "n", "collections"), [(22_000, "5", 100_000, 20), (665, "2", 50_000, 60)])
def test_pointwise_intervals_cover_95_percent(k: int, epsilon: str, n: int, collections: int) -> None:
    mechanism = mechanism_for(epsilon, k)
    values = np.random.default_rng(1).zipf(1.2, n) % k
    truth = np.bincount(values, minlength=k) / n
    covered, heavy = [], []
    top = np.argsort(truth)[-20:]
    for seed in range(collections):
        low, high = collected(mechanism, values, seed).interval(0.95)
        holds = (low <= truth) & (truth <= high)
        covered.append(holds.mean())
        heavy.append(holds[top].mean())
    # all items: standard deviation of the mean is below 0.002 · the 20 most frequent: below 0.011
    assert 0.94 < np.mean(covered) < 0.96
    assert 0.91 < np.mean(heavy) < 0.985


@pytest.mark.thorough
def test_simultaneous_intervals_hold_all_truths_together() -> None:
    mechanism = mechanism_for("2", 665)
    values = np.random.default_rng(3).zipf(1.4, 20_000) % 665
    truth = np.bincount(values, minlength=665) / len(values)
    together = 0
    for seed in range(100):
        low, high = collected(mechanism, values, seed).interval(0.95, simultaneous=True)
        together += bool(((low <= truth) & (truth <= high)).all())
    assert together >= 87  # 95 expected; 86 or fewer has probability 4e-4, with fixed seeds


def test_intervals_solve_the_score_equation() -> None:
    rng = np.random.default_rng(4)
    f, n, z = rng.normal(0.05, 0.1, 50), 1_000, 2.5
    for noise, slope in ((3.66, 1.23), (64.5, -0.98)):
        low, high = score_interval(f, noise, slope, n, z)
        for end in (low, high):
            valid = noise + slope * end >= 0
            assert np.allclose((f - end)[valid] ** 2, (z * z * (noise + slope * end) / n)[valid])


def law(rates: SupportRates, n: int, holders: int) -> np.ndarray:
    """The chance of each number of supports, 0..n, of an item that so many of n phones hold."""
    own = binom.pmf(np.arange(holders + 1), holders, float(rates.own))
    return np.convolve(own, binom.pmf(np.arange(n - holders + 1), n - holders, float(rates.other)))


@pytest.mark.thorough
@pytest.mark.parametrize("epsilon", ["1", "2", "4"])
@pytest.mark.parametrize("n", [1_000, 10_000])
@pytest.mark.parametrize("k", [24, 1_000, 20_000])
def test_many_intervals_hold_their_truths_where_supports_are_few(epsilon: str, n: int, k: int) -> None:
    """Exactly, by the law of the supports: far out its tail is longer than a normal one."""
    mechanism = mechanism_for(epsilon, 665)
    rates, provenance = mechanism.rates, mechanism.decode(mechanism.tally([0])).provenance
    estimate = Estimate.from_support_counts(  # its "items" are all numbers of supports that one item may have
        np.arange(n + 1), n=n, rates=rates, domain_size=n + 1, provenance=provenance
    )
    few = n * float(rates.other) < 50  # a step of one support is then a large step
    low, high = score_interval(
        estimate.frequencies, estimate.noise_variance, estimate.slope, n, critical_value(0.95, k), estimate.asymmetry
    )
    for holders in (0, n // 20, 3 * n // 10):
        chance, truth = law(rates, n, holders), holders / n
        missed = chance[(low > truth) | (high < truth)].sum()
        assert missed * k < (0.09 if few else 0.055)
    floor = noise_floor(
        float(estimate.noise_variance), n, 0.95, k, float(estimate.noise_third / estimate.noise_variance)
    )
    assert law(rates, n, 0)[estimate.frequencies > floor].sum() * k < 0.06


@pytest.mark.parametrize("epsilon", ["1", "2", "4"])
@pytest.mark.parametrize("n", [1_000, 10_000])
def test_honest_canaries_sing_once_in_ten_thousand_collections(epsilon: str, n: int) -> None:
    """At most: by the law of each point's supports, added up over the points."""
    mechanism = mechanism_for(epsilon, 665)
    rates, canaries = mechanism.rates, mechanism.decode(mechanism.tally([0] * n)).canaries
    z = (np.arange(n + 1) / n - float(rates.other)) / float(rates.gap) / np.sqrt(rates.noise_variance / n)
    assert law(rates, n, 0)[np.abs(z) > canaries.alarm_at].sum() * canaries.count < 1e-4


def test_third_moments_are_those_of_the_law() -> None:
    mechanism = mechanism_for("2", 665)
    n, rates = 100, mechanism.rates
    added = (np.arange(n + 1) - n * float(rates.other)) / float(rates.gap)
    for holders, expected in ((0, rates.noise_third), (n, rates.own_third)):
        assert law(rates, n, holders) @ (added - holders) ** 3 / n == pytest.approx(expected, rel=1e-9)


def test_an_interval_reaches_further_on_the_longer_side_only() -> None:
    f = np.array([0.1])
    for asymmetry, further in ((3.0, (True, False)), (-3.0, (False, True)), (0.0, (False, False))):
        plain, skewed = score_interval(f, 2.0, 1.0, 100, 3.0), score_interval(f, 2.0, 1.0, 100, 3.0, asymmetry)
        assert (skewed.low[0] < plain.low[0], skewed.high[0] > plain.high[0]) == further


@pytest.mark.parametrize(("confidence", "comparisons"), [(0.95, 1), (0.5, 1), (0.999, 22_000)])
def test_critical_values_equal_scipy(confidence: float, comparisons: int) -> None:
    expected = norm.isf((1 - confidence) / 2 / comparisons)
    assert critical_value(confidence, comparisons) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("confidence", [0.0, 1.0, -0.5, 95.0])
def test_a_confidence_outside_its_range_is_refused(confidence: float) -> None:
    mechanism = mechanism_for("1", 10)
    estimate = mechanism.decode(mechanism.tally([0, 1]))
    with pytest.raises(ParameterError, match="strictly between 0 and 1"):
        estimate.interval(confidence)
    with pytest.raises(ParameterError, match="strictly between 0 and 1"):
        estimate.noise_floor(confidence)


@pytest.mark.thorough
def test_noise_floor_is_rarely_exceeded_by_items_nobody_holds() -> None:
    mechanism = mechanism_for("2", 665)
    false_finds = 0
    for seed in range(60):
        estimate = collected(mechanism, np.zeros(5_000, dtype=np.int64), seed)
        false_finds += bool((estimate.frequencies[1:] > estimate.noise_floor(0.95)).any())
        assert estimate.frequencies[0] > estimate.noise_floor(0.95)
    assert false_finds <= 10  # about 3 expected; 11 or more has probability 4e-4, with fixed seeds


def test_canaries_are_quiet_on_honest_reports_and_loud_on_random_ones() -> None:
    mechanism = mechanism_for("1", 1_000)
    values = np.random.default_rng(5).integers(0, 1_000, 200_000)
    honest = collected(mechanism, values, 6).canaries
    assert honest.count == mechanism.report_space - 1_000
    assert not honest.alarm
    assert honest.rms_z == pytest.approx(1, abs=0.25)
    garbage = np.full(20_000, mechanism.report_space - 1)
    messages = np.concatenate([mechanism.randomize_many(values, np.random.default_rng(7)), garbage])
    assert mechanism.decode(mechanism.tally(messages)).canaries.alarm


def test_without_spare_points_there_are_no_canaries() -> None:
    mechanism = mechanism_for("1", 13, q=3, t=3)
    canaries = mechanism.decode(mechanism.tally([1, 2, 3])).canaries
    assert (canaries.count, canaries.alarm) == (0, False)


def test_one_forged_report_moves_an_item_by_the_printed_bound() -> None:
    mechanism = mechanism_for("1", 341, q=4, t=5)
    values = np.random.default_rng(8).integers(0, 341, 9_900)
    messages = mechanism.randomize_many(values, np.random.default_rng(9))
    forged = np.full(100, mechanism.supports(7)[0])
    before = mechanism.decode(mechanism.tally(messages))
    after = mechanism.decode(mechanism.tally(np.concatenate([messages, forged])))
    moved = (after.frequencies[7] * 10_000 - before.frequencies[7] * 9_900) / 100
    assert moved == pytest.approx(after.poisoning.users_per_fake, rel=1e-9)
    assert after.poisoning.shift_per_percent == pytest.approx(0.01 * after.poisoning.users_per_fake)


def test_no_report_is_no_estimate() -> None:
    mechanism = mechanism_for("1", 10)
    with pytest.raises(TallyError, match="no reports yet"):
        mechanism.decode(mechanism.tally([]))


def test_provenance_names_what_made_the_numbers() -> None:
    mechanism = mechanism_for("1", 1_000)
    provenance = mechanism.decode(mechanism.tally([5])).provenance
    assert provenance.mechanism == "projective_geometry"
    assert provenance.parameters == {"q": 4, "t": 6}
    assert provenance.epsilon == 1
    assert provenance.likelihood_ratio == mechanism.likelihood_ratio
    assert provenance.decoder == "dynamic_programming"
    assert provenance.post == ()
