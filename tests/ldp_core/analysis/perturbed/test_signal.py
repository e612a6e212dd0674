"""The guard against ranking noise: it seldom cries wolf, and it sees both many small differences and one large one."""

import numpy as np
import pytest

from ldp_core.analysis.perturbed.estimator_noise import EstimatorNoise
from ldp_core.analysis.perturbed.signal import signal_in
from ldp_core.mechanisms.registry import create
from tests.ldp_core.analysis.perturbed.collections_of_phones import Phones, geometry, zipf


def alarms(frequencies: np.ndarray, n: int, times: int, seed: int) -> float:
    phones, rng = Phones(geometry(100, 1.0, 3, 5), frequencies, n), np.random.default_rng(seed)
    return float(np.mean([signal_in(EstimatorNoise(phones.estimate(rng))).p_value < 0.01 for _ in range(times)]))


def test_uniform_truth_raises_few_alarms() -> None:
    """Nominal 1 %; more than 3 % of 500 by chance once in 3000."""
    assert alarms(zipf(100, 0), 20_000, 500, 1) <= 0.03


def test_power_is_as_measured_before() -> None:
    """Zipf 0.5: 0.29 of collections of 20,000 phones; Zipf 1: all of them. 4 errors of 0.047."""
    assert alarms(zipf(100, 0.5), 20_000, 100, 2) == pytest.approx(0.35, abs=0.19)
    assert alarms(zipf(100, 1.0), 20_000, 20, 3) == 1


def test_one_heavy_item_among_thousands_is_seen() -> None:
    """chi^2 on 8999 degrees of freedom cannot see it."""
    frequencies = np.full(9_000, 0.9 / 8_999)
    frequencies[17] = 0.1
    mechanism = geometry(9_000, 1.0, 3, 9)
    values = np.random.default_rng(4).choice(9_000, 20_000, p=frequencies)
    found = signal_in(
        EstimatorNoise(mechanism.decode(mechanism.tally(mechanism.randomize_many(values, np.random.default_rng(5)))))
    )
    assert found.p_value < 1e-6
    assert found.chi2_p > 1e-4


def test_counts_of_a_few_reports_raise_no_alarm() -> None:
    """Randomized response over 2000 items counts one report in each cell on average, far from normal."""
    mechanism, rng = create("randomized_response", epsilon=1, domain_size=2_000), np.random.default_rng(6)
    p = []
    for _ in range(150):
        tally = mechanism.tally(rng.integers(0, 2_000, 2_000))
        p.append(signal_in(EstimatorNoise(mechanism.decode(tally))).p_value)
    assert np.mean(np.array(p) < 0.01) <= 0.05  # nominal 1 %, more than 5 % of 150 once in 3000


def test_blocks_are_judged_by_their_own_noise() -> None:
    mechanism = create("hybrid_projective_geometry", epsilon=3, domain_size=60, h=3, q=3, t=4)
    rng = np.random.default_rng(7)
    p = []
    for _ in range(60):
        reports = mechanism.randomize_many(rng.integers(0, 60, 3_000), rng)
        p.append(signal_in(EstimatorNoise(mechanism.decode(mechanism.tally(reports)))).p_value)
    assert np.mean(np.array(p) < 0.01) <= 0.07  # nominal 1 %, more than 7 % of 60 once in 3000
