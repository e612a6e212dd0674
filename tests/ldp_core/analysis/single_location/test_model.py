"""The closed forms of the population risk equal the integrals they stand for."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import erf

from ldp_core.analysis.single_location.model import (
    Overlaps,
    PopulationRisk,
    best_lambda,
    erf_square_mean,
    linear_best_excess,
    oracle_floor,
)

GAMMA = math.sqrt(0.5)


def normal_mean(f) -> float:
    """E f(Z) for a standard normal Z, by adaptive quadrature."""
    density = lambda z: f(z) * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)  # noqa: E731
    return quad(density, -12, 12, epsabs=1e-13, epsrel=1e-13, limit=400, points=[0])[0]


@pytest.mark.parametrize(
    ("t", "g", "value"), [(0, 0.1, 0.012483540641), (0.5, 0.5, 0.352725772359), (2, 0.3, 0.981827915496)]
)
def test_the_mean_square_of_erf_has_its_known_values(t: float, g: float, value: float) -> None:
    """Acceptance A1.1."""
    assert float(erf_square_mean(t, g)) == pytest.approx(value, abs=1e-10)


def test_the_mean_square_of_erf_is_its_integral() -> None:
    rng = np.random.default_rng(1)
    for t, g in zip(rng.uniform(-4, 4, 40), rng.uniform(0, 3, 40), strict=True):
        square = lambda z, t=t, g=g: erf(t + g * z) ** 2  # noqa: E731
        assert float(erf_square_mean(t, g)) == pytest.approx(normal_mean(square), abs=1e-11)
    assert float(erf_square_mean(0, 0.7)) == pytest.approx(2 / math.pi * math.asin(0.98 / 1.98), abs=1e-14)


def excess_by_quadrature(d: int, L: int, gamma: float, lam: float, x: np.ndarray) -> float:
    """The risk as expectations over the located token's score, with nothing integrated by hand but the Gaussian rest."""
    kappa, nu, theta, eta, rho = x
    D = math.sqrt(d / 2)
    e = lambda z: erf(lam * (D * kappa + gamma * z))  # noqa: E731
    m = lambda z: D * theta + rho * gamma * z  # noqa: E731
    s = normal_mean(lambda z: e(z) * m(z))
    s2 = normal_mean(lambda z: e(z) ** 2 * (m(z) ** 2 + gamma**2 * (1 - rho**2)))
    cs = normal_mean(lambda z: e(z) * (gamma**2 * (nu - rho * eta) + m(z) * eta * gamma * z))
    n2 = normal_mean(lambda z: erf(lam * z) ** 2 * (rho**2 * z**2 + 1 - rho**2))
    c = 2 * lam / math.sqrt(math.pi * (1 + 2 * lam**2))
    noise = 2 * (L - 1) * c * rho * s + (L - 1) * n2 + (L - 1) * (L - 2) * c**2 * rho**2
    return gamma**2 - 2 * cs + s2 + noise


def cases():
    rng = np.random.default_rng(2)
    for _ in range(12):
        yield (
            int(rng.integers(2, 60)),
            int(rng.integers(1, 12)),
            rng.uniform(0.2, 1.5),
            rng.uniform(0.05, 2),
            rng.uniform(-0.7, 0.7, 5),
        )


def test_the_closed_form_is_the_risk() -> None:
    for d, L, gamma, lam, x in cases():
        closed = float(PopulationRisk(d, L, gamma, lam).excess(Overlaps(*x)))
        assert closed == pytest.approx(excess_by_quadrature(d, L, gamma, lam, x), rel=1e-9, abs=1e-10)


def test_the_gradient_is_the_slope_of_the_integral() -> None:
    h = 1e-4
    for d, L, gamma, lam, x in list(cases())[:4]:
        slope = PopulationRisk(d, L, gamma, lam).gradient(Overlaps(*x))
        f = lambda y, d=d, L=L, gamma=gamma, lam=lam: excess_by_quadrature(d, L, gamma, lam, y)  # noqa: E731
        wanted = [(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(5)]
        got = [slope.kappa, slope.nu, slope.theta, slope.eta, slope.rho]
        assert np.allclose(got, wanted, rtol=1e-5, atol=1e-5 * max(np.abs(wanted)))


def test_the_risk_is_that_of_sampled_rows() -> None:
    rng = np.random.default_rng(3)
    d, L, gamma, lam, rows = 6, 4, 0.8, 0.4, 200_000
    k, v = (x / np.linalg.norm(x) for x in rng.standard_normal((2, d)))
    X = rng.standard_normal((rows, L, d))
    X[:, 0] = gamma * X[:, 0] + math.sqrt(d / 2) * np.eye(d)[0]
    losses = (X[:, 0, 1] - np.einsum("nl,nl->n", erf(lam * (X @ k)), X @ v)) ** 2
    exact = float(PopulationRisk(d, L, gamma, lam).excess(Overlaps(k[0], v[1], v[0], k[1], k @ v)))
    # 5 standard errors: false alarm 6e-7
    assert abs(losses.mean() - exact) < 5 * losses.std() / math.sqrt(rows)


def test_the_floor_and_the_best_linear_model_have_their_known_values() -> None:
    """Acceptance A1.2."""
    assert oracle_floor(400, 10, GAMMA, 0.1) == pytest.approx(0.1134980830, abs=1e-8)
    assert oracle_floor(400, 10, GAMMA, 0.9) == pytest.approx(3.8193600018, abs=1e-8)
    assert linear_best_excess(10, GAMMA) == pytest.approx(0.4736842105, abs=1e-8)


@pytest.mark.parametrize(
    ("d", "lam", "excess"),
    [(25, 0.098, 0.306), (100, 0.089, 0.161), (400, 0.064, 0.067), (1600, 0.040, 0.024), (6400, 0.024, 0.0081)],
)
def test_the_best_lambda_falls_with_the_dimension(d: int, lam: float, excess: float) -> None:
    found, least = best_lambda(d, 10, GAMMA)
    assert found == pytest.approx(lam, abs=6e-4)
    assert least == pytest.approx(excess, abs=6e-4)
    assert least <= oracle_floor(d, 10, GAMMA, lam) + 1e-12
