"""What the theory promises, on descents whose behaviour is known."""

import numpy as np
import pytest
from PEPit import PEP
from PEPit.functions import SmoothQuadraticLojasiewiczFunctionExpensive

from ldp_core.analysis.lojasiewicz.bounds import (
    gradient_descent_rate,
    noisy_bound,
    noisy_step,
    power_bound,
    separable_bound,
    source_bound,
)
from tests.ldp_core.analysis.lojasiewicz.descents_of_theory import (
    SeparableLogistic,
    gapless_flow,
    hilly,
    power_descent,
)

STEPS = pytest.param(200_000, marks=pytest.mark.slow)


def slope(t: np.ndarray, f: np.ndarray, first: int, last: int) -> float:
    return float(np.log(f[last] / f[first]) / np.log(t[last] / t[first]))


@pytest.mark.parametrize(
    ("p", "rate"),
    [(4, -2.0), pytest.param(3, -3.0, marks=pytest.mark.slow), pytest.param(6, -1.5, marks=pytest.mark.slow)],
)
def test_powers_fall_at_the_predicted_rate(p: int, rate: float) -> None:
    t, f, norm = power_descent(p, 100_000)
    alpha = 2 - 2 / p
    assert gradient_descent_rate(alpha) == pytest.approx(rate)
    assert slope(t, f, 10_000, 100_000) == pytest.approx(rate, abs=0.01)
    mu = p**alpha / 2  # |g|^2 = x^(2p-2) = (p f)^alpha
    assert norm**2 == pytest.approx(2 * mu * f**alpha)
    bound = power_bound(t, first=f[0], alpha=alpha, mu=mu, step=0.5 / (p - 1))
    assert (f <= bound * (1 + 1e-12)).all()


def test_a_bound_that_would_overshoot_is_not_used() -> None:
    """u - eta mu u^2 falls beyond 1 / (2 eta mu): a larger first value must not give a smaller bound."""
    times = np.arange(5.0)
    small = power_bound(times, first=0.5, alpha=2.0, mu=1.0, step=1.0)
    large = power_bound(times, first=0.9, alpha=2.0, mu=1.0, step=1.0)
    assert (large >= small).all()
    assert (np.diff(large) <= 0).all()


def test_the_hilly_function_has_its_constants_and_its_rate() -> None:
    x = np.linspace(1e-3, 6, 600_000)
    f, g = hilly(x)
    ratio = g**2 / (2 * f)
    mu = float(ratio.min())
    assert mu == pytest.approx(0.17553, abs=1e-5)
    assert x[ratio.argmin()] == pytest.approx(2.2017, abs=1e-3)
    assert mu > 1 / 32
    at = np.array([3.0])
    values = []
    for _ in range(200):
        value, slope_at = hilly(at)
        values.append(float(value[0]))
        at = at - slope_at / 8
    bound = power_bound(np.arange(200.0), first=values[0], alpha=1.0, mu=mu, step=1 / 8)
    assert (np.array(values) <= bound + 1e-15).all()


@pytest.mark.parametrize(("runs", "steps"), [(4000, 1_000), pytest.param(4000, 10_000, marks=pytest.mark.slow)])
def test_noisy_descent_stays_below_its_bound_on_average(runs: int, steps: int) -> None:
    """Noise of variance 1, seed fixed; the means are about a hundredth of the bound or less, so no false alarm is in sight."""
    rng, mu = np.random.default_rng(7), 0.17553
    x = np.full(runs, 3.0)
    for t in range(steps):
        x -= noisy_step(t, mu) * (hilly(x)[1] + rng.standard_normal(runs))
        if t + 1 in {100, 1_000, 10_000}:
            bound = noisy_bound(np.array([t + 1.0]), mu=mu, smoothness=8, variance=1)
            assert hilly(x)[0].mean() < bound[0]
    assert hilly(x)[0].mean() < {1_000: 0.01, 10_000: 0.001}[steps]


@pytest.mark.parametrize("steps", [20_000, STEPS])
def test_separable_logistic_regression_keeps_its_inequality_and_its_bound(steps: int) -> None:
    problem = SeparableLogistic()
    t, f, norm = problem.descend(steps)
    g, n = problem.margin, problem.points
    assert (norm >= g / n * -np.expm1(-n * f) - 1e-12).all()
    bound = separable_bound(t, first=f[0], margin=g, points=n, step=problem.step)
    assert (f <= bound).all()
    assert -1.05 < slope(t, f, steps // 10, steps) < -0.9
    if steps == 200_000:
        assert -1.02 <= slope(t, f, 20_000, 200_000) <= -0.93


def test_least_squares_without_a_gap_stays_below_the_source_bound() -> None:
    times = np.concatenate([[0.0], np.geomspace(1, 1e4, 200)])
    F, _, energy = gapless_flow(times)
    bound = source_bound(times, first=F[0], order=1.0, energy=energy)
    assert (bound >= F).all()
    assert F[-1] == pytest.approx(8.8e-6, rel=0.02)
    assert bound[-1] == pytest.approx(2.25e-4, rel=0.02)


@pytest.mark.parametrize(("mu", "steps"), [(0.2, 1), (0.5, 2)])
def test_the_geometric_bound_is_above_the_worst_case_of_performance_estimation(mu: float, steps: int) -> None:
    """PEPit bounds the worst f_n - f* over all 1-smooth functions with |g|^2 >= 2 mu (f - f*) by a semidefinite program."""
    problem = PEP()
    f = problem.declare_function(SmoothQuadraticLojasiewiczFunctionExpensive, L=1.0, mu=mu)
    star = f(f.stationary_point())
    x = problem.set_initial_point()
    problem.set_initial_condition(f(x) - star <= 1)
    for _ in range(steps):
        x = x - f.gradient(x)
    problem.set_performance_metric(f(x) - star)
    worst = problem.solve(verbose=0, wrapper="cvxpy")
    ours = power_bound(np.array([float(steps)]), first=1.0, alpha=1.0, mu=mu, step=1.0)[0]
    assert (1 - mu) ** (2 * steps) - 1e-4 <= worst <= ours  # a parabola attains the left side
