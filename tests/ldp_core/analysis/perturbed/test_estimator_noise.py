"""The covariance of an estimate, against exact enumeration over messages."""

import numpy as np
import pytest

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.perturbed.estimator_noise import EstimatorNoise, report_covariance
from ldp_core.mechanisms.design_mechanism import DesignMechanism
from ldp_core.mechanisms.registry import create
from ldp_core.mechanisms.tally import Tally
from tests.ldp_core.analysis.perturbed.collections_of_phones import Phones, geometry, message_law, zipf


def enumerated(mechanism: DesignMechanism, frequencies: np.ndarray, n: int) -> np.ndarray:
    """Covariance of the estimates when phones are drawn with these frequencies, message by message."""
    messages = frequencies @ message_law(mechanism)
    k, N = mechanism.domain_size, mechanism.report_space
    supports = np.array([mechanism.supported(np.arange(N), item) for item in range(k)]) / float(mechanism.rates.gap)
    mean = supports @ messages
    return ((supports * messages) @ supports.T - np.outer(mean, mean)) / n


def differences(covariance: np.ndarray) -> np.ndarray:
    own = np.diag(covariance)
    return own[:, None] + own[None, :] - 2 * covariance


def test_randomized_response_has_the_multinomial_covariance() -> None:
    """Every pair is alike there, so nothing is averaged and any tally must agree."""
    mechanism = create("randomized_response", epsilon=1, domain_size=5)
    tally = Tally(np.array([240, 220, 200, 180, 160]))
    estimate = mechanism.decode(tally)
    shares = tally.counts / tally.n
    expected = (np.diag(shares) - np.outer(shares, shares)) / tally.n / float(mechanism.rates.gap) ** 2
    noise = EstimatorNoise(estimate)
    # estimates below zero count as zero in variances
    assert (estimate.frequencies >= 0).all()
    assert noise.covariance() == pytest.approx(expected, rel=1e-9)
    assert report_covariance(mechanism, tally) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("q", "t"), [(2, 3), (3, 3), (2, 4)])
def test_on_a_full_geometry_equal_frequencies_average_nothing(q: int, t: int) -> None:
    k = (q**t - 1) // (q - 1)
    mechanism = geometry(k, 1.0, q, t)
    tally = Tally(np.full(mechanism.report_space, 30))
    expected = enumerated(mechanism, np.full(k, 1 / k), tally.n)
    assert EstimatorNoise(mechanism.decode(tally)).covariance() == pytest.approx(expected, rel=1e-9)
    assert report_covariance(mechanism, tally) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("name", ["randomized_response", "projective_geometry", "subset_selection"])
def test_differences_are_those_of_independent_noise(name: str) -> None:
    """e_i + e_j is Var(f_i - f_j) + (f_i - f_j)^2 / n exactly, and never too small."""
    mechanism = create(name, epsilon=1, domain_size=7)
    estimate = mechanism.decode(mechanism.tally(mechanism.randomize_many(np.arange(700) % 7, np.random.default_rng(3))))
    noise = EstimatorNoise(estimate)
    e, f = noise.rank_variances(), noise.plausible
    between = ~np.eye(7, dtype=bool)
    expected = differences(noise.covariance()) + (f[:, None] - f[None, :]) ** 2 / estimate.n
    assert (e[:, None] + e[None, :])[between] == pytest.approx(expected[between], rel=1e-9)


def test_the_averaged_differences_are_near_the_exact_ones() -> None:
    """Zipf frequencies on the geometry with 121 points; triples of sets make a difference of a few per cent."""
    mechanism, frequencies = geometry(100, 1.0, 3, 5), zipf(100, 1.1)
    phones = Phones(mechanism, frequencies, 10**7)
    noise = EstimatorNoise(phones.estimate(np.random.default_rng(0)))
    exact = differences(enumerated(mechanism, frequencies, 10**7))
    e, between = noise.rank_variances(), ~np.eye(100, dtype=bool)
    ratio = (e[:, None] + e[None, :])[between] / exact[between]
    assert ratio.mean() == pytest.approx(1, abs=0.02)
    assert 0.85 < ratio.min() < ratio.max() < 1.2


def test_deviations_of_estimates_are_as_predicted() -> None:
    """300 collections of 1e5 phones at epsilon 1 on 121 points; 4 E / (n (E - 1)^2) gives 0.00607 at the best set size."""
    mechanism, frequencies = geometry(100, 1.0, 3, 5), zipf(100, 1.1)
    phones, rng = Phones(mechanism, frequencies, 10**5), np.random.default_rng(5)
    seen = np.array([phones.estimate(rng).frequencies for _ in range(300)])
    predicted = np.sqrt(EstimatorNoise(phones.estimate(rng)).rank_variances())
    assert np.median(predicted) == pytest.approx(0.00611, rel=0.02)
    assert (seen.std(axis=0) / predicted).mean() == pytest.approx(1, abs=0.02)  # error of the mean below 0.5 %


def test_unary_bits_are_independent() -> None:
    mechanism = create("optimized_unary_encoding", epsilon=1, domain_size=6)
    estimate = mechanism.decode(mechanism.tally(mechanism.randomize_many(np.arange(600) % 6, np.random.default_rng(1))))
    assert EstimatorNoise(estimate).pair_terms == (0.0, 0.0)


def test_a_large_exact_covariance_is_refused() -> None:
    mechanism = geometry(9_000, 1.0, 3, 9)
    with pytest.raises(AnalysisError, match="at most") as caught:
        report_covariance(mechanism, Tally.empty(mechanism.report_space))
    assert caught.value.field == "covariance"
