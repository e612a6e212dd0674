"""The audit: honest mechanisms pass and are bounded closely, a leak of 5 % is caught."""

import math

import numpy as np
import pytest
from scipy import stats

from ldp_core.errors import ParameterError
from ldp_core.mechanisms import create, list_mechanisms
from ldp_core.privacy import audit, clopper_pearson, epsilon_lower_bound

# name, epsilon, domain_size, parameters: sizes that a collection might have
INSTANCES = [
    ("projective_geometry", "1", 1_000, {"q": 4, "t": 6}),
    ("hybrid_projective_geometry", "2", 500, {}),
    ("hadamard_response", "2", 500, {}),
    ("randomized_response", "1", 8, {}),
    ("subset_selection", "1", 20, {}),
    ("spread", "1", 1_000, {}),
    ("spread", "0.5", 1_000, {}),
    ("optimized_unary_encoding", "1", 50, {}),
    ("symmetric_unary_encoding", "2", 12, {}),
    ("optimized_local_hashing", "2", 100, {}),
]


def test_every_mechanism_is_audited() -> None:
    assert {name for name, *_ in INSTANCES} == set(list_mechanisms())


@pytest.mark.parametrize("instance", INSTANCES, ids=lambda instance: f"{instance[0]}-{instance[1]}")
@pytest.mark.parametrize("draws", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_honest_mechanisms_pass_and_are_bounded_closely(instance: tuple, draws: int) -> None:
    name, epsilon, k, parameters = instance
    mechanism = create(name, epsilon=epsilon, domain_size=k, **parameters)
    # 20 audits of 2 tests: at a confidence of 1 - 1e-6 the false alarm rate of all is below 4e-5
    result = audit(mechanism, np.random.default_rng(40), draws=draws, confidence=1 - 1e-6)
    assert result.passed
    close = audit(mechanism, np.random.default_rng(41), draws=draws)
    slack = 0.12 if draws == 100_000 else 0.04  # about three times the mean distance
    assert float(mechanism.epsilon) - slack < close.lower_bound


@pytest.mark.slow
@pytest.mark.parametrize(
    ("epsilon", "q", "t", "mean"), [("1", 4, 9, 0.990), ("2", 8, 6, 1.987), ("4", 53, 4, 3.970), ("5", 149, 3, 4.952)]
)
def test_bounds_at_a_million_draws_are_as_computed_elsewhere(epsilon: str, q: int, t: int, mean: float) -> None:
    mechanism = create("projective_geometry", epsilon=epsilon, domain_size=10_000, q=q, t=t)
    bounds = [audit(mechanism, np.random.default_rng([42, run])).lower_bound for run in range(4)]
    assert all(bound <= mechanism.epsilon for bound in bounds)  # 16 runs at 99 %: the seed is fixed
    assert np.mean(bounds) == pytest.approx(mean, abs=0.03)  # deviation of the mean of four is below 0.012


@pytest.mark.parametrize("epsilon", ["1", "2", "4"])
def test_a_leak_of_five_percent_is_caught(epsilon: str) -> None:
    honest = create("randomized_response", epsilon=epsilon, domain_size=20)
    leaky = create("randomized_response", epsilon=math.log(1.05 * math.exp(float(epsilon))), domain_size=20)
    leaky.epsilon = honest.epsilon
    leaky.__dict__["rates"] = honest.rates  # it publishes the honest rates and samples with the other threshold
    result = audit(leaky, np.random.default_rng(43), draws=300_000)
    assert result.own_rate_p < 1e-6
    assert not result.passed


@pytest.mark.slow
@pytest.mark.parametrize(("epsilon", "q", "t"), [("1", 4, 6), ("2", 8, 4)])
def test_the_bound_alone_refutes_a_leak_of_five_percent(epsilon: str, q: int, t: int) -> None:
    leaky = create("projective_geometry", epsilon=math.log(1.05 * math.exp(float(epsilon))), domain_size=500, q=q, t=t)
    result = audit(leaky, np.random.default_rng(44), draws=4_000_000)
    assert result.lower_bound > float(epsilon)


def test_a_value_sent_in_clear_is_caught() -> None:
    mechanism = create("randomized_response", epsilon="3", domain_size=4)
    mechanism.randomize_many = lambda values, rng: np.asarray(values)  # type: ignore[method-assign]
    result = audit(mechanism, np.random.default_rng(45), draws=20_000)
    assert result.lower_bound > 7
    assert not result.passed


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (10, 10), (3, 10), (500, 1_000), (7, 1_000_000)])
@pytest.mark.parametrize("level", [0.005, 0.05])
def test_clopper_pearson_agrees_with_scipy(hits: int, trials: int, level: float) -> None:
    interval = stats.binomtest(hits, trials).proportion_ci(1 - 2 * level, method="exact")
    assert clopper_pearson(hits, trials, level) == pytest.approx(
        (interval.low, interval.high), rel=1e-7
    )  # its root finder stops there


def test_the_bound_covers() -> None:
    """Under the true ratio e the 90 % bound lies below 1 in at least 90 % of runs; 2,000 runs, 5 sigma = 3.4 %."""
    rng = np.random.default_rng(46)
    rate = math.e / 10
    pairs = zip(rng.binomial(2_000, rate, 2_000), rng.binomial(2_000, 0.1, 2_000), strict=True)
    right = [epsilon_lower_bound(int(a), 2_000, int(b), 2_000, 0.9) <= 1 for a, b in pairs]
    assert np.mean(right) > 0.9 - 0.034


def test_events_that_prove_nothing_bound_nothing() -> None:
    assert epsilon_lower_bound(0, 100, 0, 100) == 0
    assert epsilon_lower_bound(30, 100, 60, 100) == 0


def test_wrong_arguments_are_refused() -> None:
    mechanism = create("randomized_response", epsilon="1", domain_size=4)
    rng = np.random.default_rng(0)
    with pytest.raises(ParameterError, match="two different items"):
        audit(mechanism, rng, items=(1, 1))
    with pytest.raises(ParameterError, match="at least one draw"):
        audit(mechanism, rng, draws=0)
    with pytest.raises(ParameterError, match="confidence"):
        audit(mechanism, rng, draws=1, confidence=1.0)
    with pytest.raises(ParameterError, match="hits <= trials"):
        clopper_pearson(2, 1, 0.1)
