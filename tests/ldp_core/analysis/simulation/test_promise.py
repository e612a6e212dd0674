"""The promise is that of each mechanism, and bounds what it says it bounds."""

import numpy as np
import pytest
from scipy import stats

from ldp_core.analysis.simulation.population import Holdings
from ldp_core.analysis.simulation.promise import Promise
from ldp_core.mechanisms import Mechanism, create, list_mechanisms
from ldp_core.mechanisms.blocked_mechanism import BlockedMechanism

HELD = np.array([400, 150, 60, 30, 20, 10, 5, 0, 0, 25])
EVERY = pytest.mark.parametrize("name", list_mechanisms())


def made(name: str, epsilon: str = "2") -> Mechanism:
    return create(name, epsilon=epsilon, domain_size=len(HELD))


@EVERY
def test_variances_are_those_of_the_mechanism(name: str) -> None:
    mechanism, holdings = made(name), Holdings(HELD)
    n, promise = holdings.phones, Promise.of(mechanism, holdings)
    for x, truth in enumerate(holdings.truth.tolist()):
        if isinstance(mechanism, BlockedMechanism):
            blocks = mechanism.error.blocks
            expected = mechanism.variance(n, truth, float(holdings.truth[x % blocks :: blocks].sum()))
        else:
            expected = mechanism.variance(n, truth)
        assert promise.variances[x] == pytest.approx(expected, rel=1e-12)
    assert promise.total_variance == pytest.approx(promise.variances.sum())


@EVERY
def test_no_report_moves_an_estimate_by_more_than_the_largest_move(name: str) -> None:
    """What one report more or less of a fleet of one phone can do to its estimate."""
    mechanism = made(name)
    promise = Promise.of(mechanism, Holdings(HELD))
    reports = mechanism.randomize_many(np.zeros(400, dtype=np.int64), np.random.default_rng(0))
    single = np.array([mechanism.decode(mechanism.tally(reports[i : i + 1])).frequencies for i in range(len(reports))])
    spread = np.ptp(single, axis=0).max()
    assert 0.99 * promise.largest_move <= spread <= promise.largest_move * (1 + 1e-9)


def test_the_miss_rate_bounds_the_exact_tail_of_a_count() -> None:
    """Against the binomial law: both tails of the support count of an item that nobody holds."""
    mechanism = create("randomized_response", epsilon="1", domain_size=50)
    rate = float(mechanism.rates.other)
    for phones in (2_000, 20_000, 200_000):
        promise = Promise.of(mechanism, Holdings.dealt(np.eye(50)[0], phones))
        step = promise.largest_move / phones / promise.standard_errors[1]
        middle, spread = phones * rate, np.sqrt(phones * rate * (1 - rate))
        for z in (1.5, 2.0, 3.0, 4.0):
            law = stats.binom(phones, rate)
            exact = law.sf(np.floor(middle + z * spread)) + law.cdf(np.ceil(middle - z * spread) - 1)
            nominal = 2 * stats.norm.sf(z)
            assert promise.step == pytest.approx(step, rel=0.05)
            assert exact <= promise.miss_rate(nominal, z)
            assert phones < 200_000 or promise.miss_rate(nominal, z) < 1.3 * nominal


def test_two_items_have_one_error() -> None:
    two = Promise.of(create("randomized_response", epsilon="1", domain_size=2), Holdings(np.array([10**6, 10**6])))
    assert two.independent_items == pytest.approx(1, rel=1e-4)
    many = Promise.of(create("symmetric_unary_encoding", epsilon="1", domain_size=40), Holdings(np.full(40, 10**6)))
    assert many.independent_items == pytest.approx(39, rel=1e-3)
