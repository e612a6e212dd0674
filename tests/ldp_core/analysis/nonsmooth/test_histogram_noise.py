"""The covariance as an operator is the covariance."""

import numpy as np
import pytest

from ldp_core.analysis.nonsmooth.histogram_noise import MatrixNoise, ProjectiveReports, StructuredNoise, noise_of
from ldp_core.analysis.perturbed.estimator_noise import EstimatorNoise, report_covariance
from ldp_core.mechanisms import Tally, create

RNG = np.random.default_rng(4)


def collected(name: str, k: int = 20, n: int = 3000, **parameters: int) -> tuple[object, Tally]:
    mechanism = create(name, epsilon="1.386", domain_size=k, **parameters)
    shares = np.arange(1, k + 1) ** -1.2
    values = RNG.choice(k, size=n, p=shares / shares.sum())
    return mechanism, mechanism.tally(mechanism.randomize_many(values, RNG))


@pytest.mark.parametrize(("q", "t"), [(5, 3), (2, 5), (4, 3), (31, 2)])
def test_reports_of_projective_geometry_have_the_covariance_of_their_counts(q: int, t: int) -> None:
    mechanism, tally = collected("projective_geometry", q=q, t=t)
    noise = noise_of(mechanism.decode(tally), tally)
    assert isinstance(noise, ProjectiveReports)
    w = RNG.standard_normal((12, 20))
    covariance = report_covariance(mechanism, tally)
    assert noise.variances(w) == pytest.approx(np.einsum("si,ij,sj->s", w, covariance, w), rel=1e-11)
    assert noise.variances(np.ones((1, 20)) * 0.3) == pytest.approx(0.09 * covariance.sum(), rel=1e-9)


def test_the_adjoint_is_the_transpose_of_support() -> None:
    mechanism, tally = collected("projective_geometry", q=3, t=4)
    noise = noise_of(mechanism.decode(tally), tally)
    w = RNG.standard_normal(20)
    supports = np.array([mechanism.supported(np.arange(40), item) for item in range(20)])
    assert noise.adjoint(w) == pytest.approx(w @ supports, abs=1e-12)


@pytest.mark.parametrize(
    "name", ["randomized_response", "optimized_unary_encoding", "subset_selection", "hadamard_response"]
)
def test_other_mechanisms_have_the_averaged_covariance(name: str) -> None:
    mechanism, tally = collected(name)
    estimate = mechanism.decode(tally)
    noise = noise_of(estimate, tally)
    w = RNG.standard_normal((8, 20))
    covariance = EstimatorNoise(estimate).covariance()
    assert noise.variances(w) == pytest.approx(np.einsum("si,ij,sj->s", w, covariance, w), rel=1e-9)


@pytest.mark.parametrize("name", ["projective_geometry", "randomized_response"])
def test_draws_have_that_covariance(name: str) -> None:
    """Six deviations of a chi-square mean over 4000 draws, in 5 directions: false alarm below 1e-7."""
    mechanism, tally = collected(name)
    noise = noise_of(mechanism.decode(tally), tally)
    w = RNG.standard_normal((5, 20))
    errors = noise.draws(np.random.default_rng(1), 4000) @ w.T
    assert (errors**2).mean(axis=0) / noise.variances(w) == pytest.approx(np.ones(5), abs=6 * np.sqrt(2 / 4000))
    assert np.abs(errors.mean(axis=0) / np.sqrt(noise.variances(w) / 4000)).max() < 6


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
