"""Every mechanism: the vectorised randomizer has the exact law of the scalar one."""

import numpy as np
import pytest
from scipy import stats

from ldp_core.errors import ParameterError, ValueOutOfDomain
from ldp_core.randomness import GeneratorSource, SystemSource
from tests.conformance.cases import as_array, build, every_case, laws

DRAWS = 60_000


@every_case
def test_vectorised_draws_follow_the_exact_law(case: tuple) -> None:
    mechanism = build(case)
    rng = np.random.default_rng(30)
    k = mechanism.domain_size
    for item in {0, k // 2, k - 1}:
        messages = mechanism.randomize_many(np.full(DRAWS, item), rng)
        seen = np.bincount(messages, minlength=mechanism.report_space)
        expected = as_array(laws(case)[item], mechanism.report_space) * DRAWS
        assert expected.min() > 5  # the chi-square approximation holds
        assert stats.chisquare(seen, expected * (DRAWS / expected.sum())).pvalue > 1e-7  # 80 tests: false alarm < 1e-5


@every_case
def test_mixed_items_keep_their_places(case: tuple) -> None:
    mechanism = build(case)
    rng = np.random.default_rng(31)
    values = rng.integers(0, mechanism.domain_size, 20_000)
    messages = mechanism.randomize_many(values, rng)
    own = np.zeros(len(values), dtype=bool)
    for item in range(mechanism.domain_size):
        own[values == item] = mechanism.supported(messages[values == item], item)
    assert stats.binomtest(int(own.sum()), len(own), float(mechanism.rates.own)).pvalue > 1e-7


@every_case
def test_both_randomizers_refuse_items_outside_without_naming_them(case: tuple) -> None:
    mechanism = build(case)
    k = mechanism.domain_size
    for value in (-1, k, 987_654_321):
        with pytest.raises(ValueOutOfDomain) as refusal:
            mechanism.randomize(value, SystemSource())
        assert str(value) not in str(refusal.value).replace(f"0..{k - 1}", "")
        with pytest.raises(ValueOutOfDomain):
            mechanism.randomize_many([0, value], np.random.default_rng(0))
    with pytest.raises(ParameterError, match="one row"):
        mechanism.randomize_many([[0]], np.random.default_rng(0))


@every_case
def test_devices_use_the_operating_system(case: tuple) -> None:
    mechanism = build(case)
    messages = [mechanism.randomize(0, SystemSource()) for _ in range(50)]
    simulated = mechanism.randomize(0, GeneratorSource(np.random.default_rng(1)))
    assert all(0 <= message < mechanism.report_space for message in [*messages, simulated])
    assert len(set(messages)) > 1  # 50 equal draws: < 1e-6 even for randomized response at epsilon 2.5
