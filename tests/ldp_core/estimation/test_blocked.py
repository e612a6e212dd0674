"""Estimates with blocks: each item carries the noise of its own block."""

from fractions import Fraction

import numpy as np
import pytest

from ldp_core.errors import ParameterError, TallyError
from ldp_core.estimation import BlockedError
from ldp_core.mechanisms import create
from ldp_core.mechanisms.tally import Tally


def crowded(k: int = 93, n: int = 20_000) -> tuple:
    """All phones hold item 0, so block 0 is full and the others are empty."""
    mechanism = create("hybrid_projective_geometry", epsilon="3", domain_size=k, h=3, q=5, t=3)
    return mechanism, np.zeros(n, dtype=np.int64)


@pytest.mark.thorough
def test_standard_errors_follow_the_blocks() -> None:
    mechanism, values = crowded()
    rng = np.random.default_rng(80)
    runs = 300
    estimates = [mechanism.decode(mechanism.tally(mechanism.randomize_many(values, rng))) for _ in range(runs)]
    spread = np.std([estimate.frequencies for estimate in estimates], axis=0)
    claimed = estimates[0].standard_errors
    in_block = np.arange(3, 93, 3)
    apart = np.setdiff1d(np.arange(93), np.arange(0, 93, 3))
    for items in (in_block, apart):  # root mean square over 30 or more items of 300 runs: deviation below 1 %
        assert np.sqrt(np.mean(spread[items] ** 2)) == pytest.approx(np.sqrt(np.mean(claimed[items] ** 2)), rel=0.06)
    assert claimed[in_block].mean() > 2 * claimed[apart].mean()


def test_estimates_of_all_points_sum_to_one_for_projective_blocks() -> None:
    mechanism, _ = crowded(k=50)
    rng = np.random.default_rng(81)
    estimate = mechanism.decode(mechanism.tally(rng.integers(0, mechanism.report_space, 777)))
    assert estimate.total == Fraction(1)
    assert estimate.canaries.count == 43
    together = estimate.frequencies.sum() + estimate.canaries.total_frequency
    assert together == pytest.approx(1, abs=1e-9)


def test_canaries_are_judged_by_the_noise_of_their_block() -> None:
    mechanism, values = crowded(k=30, n=5_000)
    rng = np.random.default_rng(82)
    runs = [mechanism.decode(mechanism.tally(mechanism.randomize_many(values, rng))).canaries for _ in range(60)]
    assert np.mean([canaries.rms_z**2 for canaries in runs]) == pytest.approx(1, abs=0.1)  # 63 x 60 squares: 4 sigma
    assert not any(canaries.alarm for canaries in runs)  # 60 x 1e-4 at a fixed seed


def test_intervals_and_noise_floor_take_the_noise_of_each_item() -> None:
    mechanism, values = crowded()
    estimate = mechanism.decode(mechanism.tally(mechanism.randomize_many(values, np.random.default_rng(83))))
    interval = estimate.interval(0.95)
    widths = interval.high - interval.low
    assert widths[3] > 2 * widths[1]
    assert estimate.noise_floor() > 3 * np.sqrt(np.max(estimate.noise_variance) / estimate.n)
    assert estimate.poisoning.users_per_fake == pytest.approx(
        float(mechanism.error.alpha + mechanism.error.beta + mechanism.error.gamma)
    )


def test_moments_of_what_a_report_adds_are_those_of_its_law() -> None:
    mechanism, _ = crowded()
    design, error = mechanism.design, mechanism.error
    item, messages = 4, np.arange(mechanism.report_space)
    in_block = messages // error.block_messages == item % error.blocks
    adds = (
        float(error.alpha) * np.isin(messages, design.block(item)) + float(error.beta) * in_block + float(error.gamma)
    )
    for holder, variance, third in (
        (item, error.own, error.own_third),
        (item + error.blocks, error.same, error.same_third),
        (item + 1, error.apart, error.apart_third),
    ):
        law = float(error.base) * np.where(np.isin(messages, design.block(holder)), float(error.ratio), 1)
        assert law.sum() == pytest.approx(1)
        centred = adds - law @ adds
        assert (law @ centred**2, law @ centred**3) == (pytest.approx(variance), pytest.approx(third))


def test_large_counts_lose_no_digit() -> None:
    mechanism, _ = crowded()
    counts = np.full(mechanism.report_space, 10**9)
    counts[7] += 3
    estimate = mechanism.decode(Tally(counts))
    exact = []
    design, error, n = mechanism.design, mechanism.error, estimate.n
    for item in range(93):
        T = int(counts[design.block(item)].sum())
        G = int(design.block_totals(counts)[item % 3])
        exact.append(float((error.alpha * T + error.beta * G) / n + error.gamma))
    assert estimate.frequencies == pytest.approx(exact, rel=1e-9, abs=1e-18)


def test_wrong_shares_are_refused() -> None:
    error = BlockedError(3, 31, 6, 1, Fraction(5))
    with pytest.raises(ParameterError, match="0 <= frequency <= block_share <= 1"):
        error.variance(1, 0.5, 0.2)
    with pytest.raises(ParameterError, match="at least one report"):
        error.variance(0, 0.5)
    mechanism, _ = crowded()
    with pytest.raises(TallyError, match="at least one"):
        mechanism.decode(mechanism.tally([]))
