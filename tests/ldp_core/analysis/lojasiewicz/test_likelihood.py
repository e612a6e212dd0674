"""The likelihood, its certificate, and the inequality between gradient and distance."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from ldp_core.analysis.lojasiewicz.curvature import extreme_tangent_curvatures
from ldp_core.analysis.lojasiewicz.interior_point import interior_point
from ldp_core.analysis.lojasiewicz.likelihood import frank_wolfe_gap, softmax_gradient
from ldp_core.analysis.lojasiewicz.path import walk
from tests.ldp_core.analysis.lojasiewicz.instances import likelihood_31


def test_the_gradient_is_that_of_the_value() -> None:
    likelihood = likelihood_31()
    p = np.random.default_rng(0).dirichlet(np.ones(31))
    value, gradient = likelihood.value_and_gradient(p)
    assert value == likelihood.value(p)
    assert gradient == pytest.approx(approx_fprime(p, likelihood.value, 1e-8), abs=1e-5)
    assert p @ gradient == pytest.approx(-1)


def test_the_softmax_gradient_is_that_by_the_logits() -> None:
    likelihood = likelihood_31()

    def by_logits(theta: np.ndarray) -> float:
        weights = np.exp(theta)
        return likelihood.value(weights / weights.sum())

    theta = np.random.default_rng(1).normal(size=31)
    p = np.exp(theta) / np.exp(theta).sum()
    v = softmax_gradient(p, likelihood.value_and_gradient(p)[1])
    assert v == pytest.approx(approx_fprime(theta, by_logits, 1e-7), abs=1e-6)


@pytest.mark.parametrize("points", [2_000, pytest.param(20_000, marks=pytest.mark.slow)])
def test_the_certificate_and_the_inequality_hold_everywhere(points: int) -> None:
    """f - f* <= gap, and |v|^2 >= 2 mu min(p)^2 (f - f*), at Dirichlet points; the least ratio of the second was 9.9 once."""
    likelihood = likelihood_31()
    best = walk(interior_point(likelihood), steps=100, tol_gap=1e-12).last
    assert best is not None
    mu, _ = extreme_tangent_curvatures(likelihood.channel, likelihood.least_curvature_weights)
    assert mu is not None
    assert mu > 0
    rng = np.random.default_rng(2)
    ratios, violations = [], 0
    for i in range(points):
        p = rng.dirichlet(np.full(31, (0.3, 1.0, 10.0)[i % 3]))
        value, gradient = likelihood.value_and_gradient(p)
        excess = value - best.value
        violations += excess > frank_wolfe_gap(p, gradient) + 1e-12
        v = softmax_gradient(p, gradient)
        bound = 2 * mu * p.min() ** 2 * excess
        violations += v @ v < bound
        violations += excess > (v / np.maximum(p, 1e-300)) @ (v / np.maximum(p, 1e-300)) / (2 * mu)
        violations += excess > np.linalg.norm(v) * np.linalg.norm(1 - best.p / np.maximum(p, 1e-300)) + 1e-12
        if bound > 1e-300:
            ratios.append(v @ v / bound)
    assert violations == 0
    assert min(ratios) > 1
