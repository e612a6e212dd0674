"""Each check raises its alarm when it should, and no more often than it says."""

import numpy as np
import pytest
from scipy import stats

from ldp_core.analysis.simulation.checks import FALSE_ALARMS, alarm, bias_p_value, effective_items, error_p_value
from ldp_core.analysis.simulation.population import Holdings
from ldp_core.analysis.simulation.promise import Promise
from ldp_core.mechanisms import create

LEVELS = (0.05, 0.01, 0.001)


def promise_of(items: int, phones: int) -> Promise:
    mechanism = create("randomized_response", epsilon="1", domain_size=items)
    return Promise.of(mechanism, Holdings.dealt(np.full(items, 1 / items), phones))


def too_often(rejections: int, trials: int, level: float) -> bool:
    """Would so many rejections at this level happen by chance less than once in a million?"""
    return bool(stats.binom.sf(rejections - 1, trials, level) < 1e-6)


@pytest.mark.parametrize(("items", "phones"), [(2, 60), (8, 200), (60, 400)])
def test_the_bound_on_bias_is_one_even_for_few_reports(items: int, phones: int) -> None:
    """20,000 sums of exact counts: below each level no more often than it says, by its own proof."""
    promise, rng = promise_of(items, phones), np.random.default_rng(1)
    mechanism = create("randomized_response", epsilon="1", domain_size=items)
    own, other = float(mechanism.rates.own), float(mechanism.rates.other)
    held = phones // items
    supports = rng.binomial(3 * held, own, (20_000, items)) + rng.binomial(3 * (phones - held), other, (20_000, items))
    errors = (supports - 3 * (held * own + (phones - held) * other)) / (phones * (own - other))
    p = np.array([bias_p_value(promise, row, 3) for row in errors])
    for level in LEVELS:
        assert not too_often(int((p < level).sum()), len(p), level)


def test_the_bound_on_bias_is_near_that_of_a_normal_number() -> None:
    promise = promise_of(50, 10**7)
    z = 6.0
    errors = np.zeros(50)
    errors[7] = -z * np.sqrt(4) * promise.standard_errors[7]
    assert bias_p_value(promise, errors, 4) == pytest.approx(100 * np.exp(-z * z / 2), rel=0.05)


@pytest.mark.parametrize(("freedom", "fleets"), [(1, 2), (1, 20), (4, 5), (300, 4), (300, 50)])
def test_errors_of_the_promised_size_are_seldom_called_off(freedom: int, fleets: int) -> None:
    """10,000 sets of fleets whose sums of squares are chi-square, as those of independent normal errors are."""
    ratios = np.random.default_rng(2).chisquare(freedom, (10_000, fleets)) / freedom
    p = np.array([error_p_value(row, fleets * freedom) for row in ratios])
    for level in LEVELS:
        assert not too_often(int((p < level).sum()), len(p), level)


def test_errors_that_hang_together_are_seldom_called_off() -> None:
    """The same when the estimates move in 30 groups of ten and nothing says so beforehand."""
    promise, rng = promise_of(300, 10**6), np.random.default_rng(3)
    ratios = rng.chisquare(30, (10_000, 12)) / 30
    assert promise.independent_items == pytest.approx(299, rel=0.05)
    p = np.array([error_p_value(row, 12 * effective_items(promise, row)) for row in ratios])
    for level in LEVELS:
        assert not too_often(int((p < level).sum()), len(p), level)
    told = np.array([effective_items(promise, row) for row in ratios])
    assert np.median(told) == pytest.approx(30, rel=0.2)


def test_errors_of_another_size_are_called_off() -> None:
    ratios = 1.2 * np.random.default_rng(4).chisquare(300, (200, 20)) / 300
    assert max(error_p_value(row, 20 * 300) for row in ratios) < FALSE_ALARMS / 5


def test_one_fleet_tells_little_of_its_errors() -> None:
    assert effective_items(promise_of(300, 10**6), [1.3]) == 1
    assert error_p_value([1.3], 1) > 0.4


def test_the_alarm_is_that_of_the_least_p_value() -> None:
    assert not alarm({"bias": 2.1e-4, "error": 0.5, "pointwise": 1, "simultaneous": 1, "noise_floor": 1})
    assert alarm({"bias": 1, "error": 0.5, "pointwise": 1, "simultaneous": 1.9e-4, "noise_floor": 1})
