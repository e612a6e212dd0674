"""Closed forms against integrals, finite differences and each other."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import gumbel_r, multivariate_normal, norm

from ldp_core.analysis.perturbed.closed_forms import closed_form
from ldp_core.analysis.perturbed.independent import ClosedForm
from ldp_core.analysis.perturbed.noise import CovarianceNoise, GumbelNoise, Noise, NormalNoise
from ldp_core.analysis.perturbed.solvers import Argmax, Assignment, GraphPath, Ranks, Solver, TopK

THETA = np.array([-0.6, 1.9, -0.2, 1.1, -1.0])
EQUAL = CovarianceNoise(np.diag([0.2, 0.5, 0.3, 0.9, 0.25]) + 0.1)
GENERAL = CovarianceNoise(np.cov(np.random.default_rng(4).normal(size=(5, 12))))
PATHS = GraphPath([[0, 1], [1, 4], [0, 2], [2, 3], [3, 4]], 0, 4)


def exact(solver: Solver, theta: np.ndarray, noise: Noise) -> ClosedForm:
    form = closed_form(solver, theta, noise, jacobian=True)
    assert form is not None
    return form


@pytest.mark.parametrize("noise", [GumbelNoise(0.5), NormalNoise(0.5)], ids=lambda n: n.kind)
def test_argmax_is_the_textbook_integral(noise: GumbelNoise | NormalNoise) -> None:
    law = gumbel_r if noise.kind == "gumbel" else norm
    found = exact(Argmax(5), THETA, noise).mean

    def integrand(t: float, i: int) -> float:
        others = np.delete(THETA, i)
        return float(law.pdf(t, THETA[i], 0.5) * law.cdf(t, others, 0.5).prod())

    expected = [quad(integrand, THETA[i] - 4, THETA[i] + 20, (i,), limit=300, points=[THETA[i]])[0] for i in range(5)]
    assert found == pytest.approx(expected, abs=1e-8)


def test_gumbel_top_two_is_plackett_and_luce() -> None:
    """Pr[i in the first two] = p_i + sum_j p_j p_i / (1 - p_j) when people pick one after another."""
    p = exact(Argmax(5), THETA, GumbelNoise(0.5)).mean
    expected = [p[i] + sum(p[j] * p[i] / (1 - p[j]) for j in range(5) if j != i) for i in range(5)]
    assert exact(TopK(5, 2), THETA, GumbelNoise(0.5)).mean == pytest.approx(expected, abs=1e-10)


def test_top_one_and_all_but_one_follow_from_argmax() -> None:
    largest, smallest = exact(Argmax(5), THETA, NormalNoise(0.5)), exact(Argmax(5), -THETA, NormalNoise(0.5))
    four = exact(TopK(5, 4), THETA, NormalNoise(0.5))
    assert four.mean == pytest.approx(1 - smallest.mean, abs=1e-12)
    assert four.value == pytest.approx(THETA.sum() + smallest.value, abs=1e-9)
    assert exact(TopK(5, 1), THETA, NormalNoise(0.5)).jacobian == pytest.approx(largest.jacobian, abs=1e-12)


@pytest.mark.parametrize(
    ("solver", "theta", "noise"),
    [
        (Argmax(5), THETA, GumbelNoise(0.5)),
        (Argmax(5), THETA, NormalNoise(0.5)),
        (Argmax(5), THETA, EQUAL),
        (TopK(5, 2), THETA, NormalNoise(0.5)),
        (TopK(5, 3), THETA, GumbelNoise(0.5)),
        (TopK(5, 2), THETA, EQUAL),
        (Ranks(5), THETA, GumbelNoise(0.5)),
        (Ranks(5), THETA, NormalNoise(0.5)),
        (Ranks(5), THETA, GENERAL),
        (Argmax(2), THETA[:2] / 5, NormalNoise(0.5)),
        (Assignment(2), THETA[:4] / 5, NormalNoise(0.5)),
        (PATHS, -np.array([1.0, 1, 0.6, 0.7, 0.6]), GENERAL),
    ],
    ids=lambda x: getattr(x, "name", getattr(x, "kind", "")),
)
def test_the_mean_is_the_gradient_of_the_value_and_the_jacobian_its_hessian(
    solver: Solver, theta: np.ndarray, noise: Noise
) -> None:
    """Central differences with step 1e-4: error near 1e-7."""
    found, step = exact(solver, theta, noise), 1e-4
    shifts = step * np.eye(len(theta))
    ups, downs = ([exact(solver, theta + sign * shift, noise) for shift in shifts] for sign in (1, -1))
    gradient = [(up.value - down.value) / (2 * step) for up, down in zip(ups, downs, strict=True)]
    hessian = np.array([(up.mean - down.mean) / (2 * step) for up, down in zip(ups, downs, strict=True)])
    assert found.mean == pytest.approx(gradient, abs=1e-6)
    assert found.jacobian == pytest.approx(hessian, abs=1e-6)
    assert found.jacobian == pytest.approx(found.jacobian.T, abs=1e-12)
    assert np.linalg.eigvalsh(found.jacobian)[0] > -1e-9


def test_argmax_under_equal_covariances_is_a_multivariate_normal_orthant() -> None:
    """Also where the shared part is negative, so that no independent noise has this covariance."""
    theta, matrix = np.array([0.3, 0.1, 0.2]), np.full((3, 3), -0.1) + np.diag([0.4, 0.5, 0.6])
    contrast = np.array([[-1.0, 1, 0], [-1, 0, 1]])
    orthant = multivariate_normal(contrast @ theta, contrast @ matrix @ contrast.T).cdf(np.zeros(2))
    assert exact(Argmax(3), theta, CovarianceNoise(matrix)).mean[0] == pytest.approx(orthant, abs=1e-6)


@pytest.mark.parametrize(("size", "mean"), [(3, 1.5 / np.sqrt(np.pi)), (5, 1.1629644736), (100, 2.5075936)])
def test_the_largest_of_equal_normals_has_the_tabulated_mean(size: int, mean: float) -> None:
    """Expected normal order statistics: Harter 1961."""
    assert exact(Argmax(size), np.zeros(size), NormalNoise(1.0)).value == pytest.approx(mean, abs=1e-6)


def test_large_problems_and_unknown_laws_have_no_closed_form() -> None:
    assert closed_form(Argmax(5), THETA, GENERAL, jacobian=False) is None
    assert closed_form(Assignment(3), np.zeros(9), NormalNoise(1.0), jacobian=False) is None
    assert closed_form(TopK(5_000, 2_000), np.zeros(5_000), NormalNoise(1.0), jacobian=False) is None
