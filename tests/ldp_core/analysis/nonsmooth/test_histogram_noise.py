"""The covariance as an operator is the covariance."""

from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.nonsmooth.histogram_noise import MatrixNoise, MessageReports, StructuredNoise, noise_of
from ldp_core.analysis.perturbed.estimator_noise import EstimatorNoise, report_covariance
from ldp_core.mechanisms import Tally, create
from ldp_core.types import FloatArray

RNG = np.random.default_rng(4)


def collected(name: str, **parameters: int) -> tuple[Any, Tally]:
    k = 20
    mechanism = create(name, epsilon="1.386", domain_size=k, **parameters)
    shares = np.arange(1, k + 1) ** -1.2
    values = RNG.choice(k, size=3000, p=shares / shares.sum())
    return mechanism, mechanism.tally(mechanism.randomize_many(values, RNG))


def exact_covariance(mechanism: Any, tally: Tally) -> FloatArray:
    """From the estimate that each single message would make: estimates are affine in the shares of messages."""
    messages = range(mechanism.report_space)
    one = np.array([mechanism.decode(Tally.of([y], mechanism.report_space)).frequencies for y in messages]).T
    share = tally.counts / tally.n
    return ((one * share) @ one.T - np.outer(one @ share, one @ share)) / tally.n


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("projective_geometry", {"q": 5, "t": 3}),
        ("projective_geometry", {"q": 31, "t": 2}),
        ("randomized_response", {}),
        ("hadamard_response", {}),
        ("hadamard_response", {"blocks": 4}),
        ("hybrid_projective_geometry", {"h": 3, "q": 3, "t": 3}),
        ("spread", {"p": 2, "n": 5, "c": 2}),
        ("spread", {"p": 3, "n": 3, "c": 1}),
    ],
)
def test_counted_messages_have_the_covariance_of_their_counts(name: str, parameters: dict[str, int]) -> None:
    mechanism, tally = collected(name, **parameters)
    noise = noise_of(mechanism, mechanism.decode(tally), tally)
    assert isinstance(noise, MessageReports)
    w = RNG.standard_normal((12, 20))
    covariance = exact_covariance(mechanism, tally)
    assert noise.variances(w) == pytest.approx(np.einsum("si,ij,sj->s", w, covariance, w), rel=1e-9)


def test_it_is_the_covariance_of_rankings() -> None:
    mechanism, tally = collected("projective_geometry", q=2, t=5)
    noise = noise_of(mechanism, mechanism.decode(tally), tally)
    w = RNG.standard_normal((3, 20))
    covariance = report_covariance(mechanism, tally)
    assert noise.variances(w) == pytest.approx(np.einsum("si,ij,sj->s", w, covariance, w), rel=1e-11)


def test_transforms_of_a_large_design_agree_with_their_matrix() -> None:
    """1000 items and 4681 messages, above the size up to which a matrix is used."""
    mechanism = create("projective_geometry", epsilon="2", domain_size=1000, q=8, t=5)
    tally = mechanism.tally(mechanism.randomize_many(RNG.integers(0, 1000, 20_000), RNG))
    noise = noise_of(mechanism, mechanism.decode(tally), tally)
    w = RNG.standard_normal(1000)
    supports = np.zeros(mechanism.report_space)
    for item in range(1000):
        supports[mechanism.supports(item)] += w[item]
    found, exact = noise.scores(w), supports / float(mechanism.rates.gap)
    assert found - found.mean() == pytest.approx(exact - exact.mean(), abs=1e-9)


@pytest.mark.parametrize("name", ["optimized_unary_encoding", "subset_selection", "optimized_local_hashing"])
def test_other_mechanisms_have_the_averaged_covariance(name: str) -> None:
    mechanism, tally = collected(name)
    estimate = mechanism.decode(tally)
    noise = noise_of(mechanism, estimate, tally)
    assert isinstance(noise, StructuredNoise)
    w = RNG.standard_normal((8, 20))
    covariance = EstimatorNoise(estimate).covariance()
    assert noise.variances(w) == pytest.approx(np.einsum("si,ij,sj->s", w, covariance, w), rel=1e-9)


@pytest.mark.parametrize(
    "name", ["projective_geometry", "randomized_response", "hadamard_response", "subset_selection"]
)
def test_draws_have_that_covariance(name: str) -> None:
    """Six deviations of a chi-square mean over 1000 draws, in 5 directions: false alarm below 1e-7."""
    mechanism, tally = collected(name)
    noise = noise_of(mechanism, mechanism.decode(tally), tally)
    w = RNG.standard_normal((5, 20))
    errors = noise.draws(np.random.default_rng(1), 1000) @ w.T
    assert (errors**2).mean(axis=0) / noise.variances(w) == pytest.approx(np.ones(5), abs=6 * np.sqrt(2 / 1000))
    assert np.abs(errors.mean(axis=0) / np.sqrt(noise.variances(w) / 1000)).max() < 6


def test_given_covariances() -> None:
    root = RNG.standard_normal((6, 6))
    matrix = root @ root.T
    w = RNG.standard_normal((5, 6))
    noise = MatrixNoise(matrix)
    assert noise.variances(w) == pytest.approx(np.diag(w @ matrix @ w.T))
    errors = noise.draws(np.random.default_rng(2), 4000) @ w.T
    assert (errors**2).mean(axis=0) / noise.variances(w) == pytest.approx(np.ones(5), abs=6 * np.sqrt(2 / 4000))
    alone = StructuredNoise(np.array([4.0, 9.0, 0.0]))
    assert alone.variances(np.array([[1.0, 1.0, 5.0]])) == pytest.approx([13.0])
    assert (alone.draws(np.random.default_rng(3), 5)[:, 2] == 0).all()
