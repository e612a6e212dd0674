"""Five numbers follow the iteration of two vectors exactly."""

import math

import numpy as np
import pytest
from scipy.stats import kstest

from ldp_core.analysis.single_location.model import Overlaps, PopulationRisk
from ldp_core.analysis.single_location.reduction import (
    gram_matrix,
    projected_step,
    start_on_manifold,
    start_on_spheres,
)


def overlaps(k: np.ndarray, v: np.ndarray) -> Overlaps:
    """k* and v* are the first two axes."""
    return Overlaps(kappa=k[0], nu=v[1], theta=v[0], eta=k[1], rho=k @ v)


def step_of_vectors(risk: PopulationRisk, k: np.ndarray, v: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """The iteration as it is written, on vectors of length d."""
    R = risk.gradient(overlaps(k, v))
    k_star, v_star = np.eye(len(k))[:2]
    by_k = R.kappa * k_star + R.eta * v_star + R.rho * v
    by_v = R.nu * v_star + R.theta * k_star + R.rho * k
    k, v = k - alpha * (by_k - (k @ by_k) * k), v - alpha * (by_v - (v @ by_v) * v)
    return k / np.linalg.norm(k), v / np.linalg.norm(v)


def test_five_numbers_follow_the_vectors() -> None:
    """Acceptance A1.6."""
    rng = np.random.default_rng(4)
    risk = PopulationRisk(40, 10, math.sqrt(0.5), 0.9)
    k, v = (x / np.linalg.norm(x) for x in rng.standard_normal((2, 40)))
    at = overlaps(k, v)
    for _ in range(500):
        at = projected_step(risk, at, 1e-3)
        k, v = step_of_vectors(risk, k, v, 1e-3)
    wanted = overlaps(k, v)
    for name in ("kappa", "nu", "theta", "eta", "rho"):
        assert float(getattr(at, name)) == pytest.approx(float(getattr(wanted, name)), abs=1e-10)


def test_large_steps_are_followed_too() -> None:
    rng = np.random.default_rng(5)
    risk = PopulationRisk(7, 3, 0.9, 0.6)
    k, v = (x / np.linalg.norm(x) for x in rng.standard_normal((2, 7)))
    at = overlaps(k, v)
    for _ in range(20):
        at = projected_step(risk, at, 0.8)
        k, v = step_of_vectors(risk, k, v, 0.8)
    assert np.allclose(gram_matrix(at), gram_matrix(overlaps(k, v)), atol=1e-10)


@pytest.mark.parametrize("d", [2, 3, 4, 50])
def test_starts_are_those_of_unit_vectors(d: int) -> None:
    rng = np.random.default_rng(d)
    for start in (start_on_spheres(d, 40, rng), start_on_manifold(d, 40, rng)):
        for i in range(40):
            one = Overlaps(**{name: getattr(start, name)[i] for name in ("kappa", "nu", "theta", "eta", "rho")})
            gram = np.linalg.eigvalsh(gram_matrix(one))
            assert gram[0] > -1e-12
            assert (gram > 1e-9).sum() <= d  # no more than d directions in R^d


def test_sphere_starts_have_the_law_of_drawn_vectors() -> None:
    rng = np.random.default_rng(6)
    start = start_on_spheres(8, 3000, rng)
    vectors = rng.standard_normal((2, 3000, 8))
    vectors /= np.linalg.norm(vectors, axis=2, keepdims=True)
    products = np.einsum("ni,ni->n", vectors[0], vectors[1])
    # Five Kolmogorov-Smirnov tests at 1e-5 each: false alarm 5e-5
    for got, wanted in (
        (start.kappa, vectors[0, :, 0]),
        (start.eta, vectors[0, :, 1]),
        (start.nu, vectors[1, :, 1]),
        (start.theta, vectors[1, :, 0]),
        (start.rho, products),
    ):
        assert kstest(got, wanted).pvalue > 1e-5
