"""Mirror descent that swings for ever, against its closed form and its defining equations."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize

from ldp_core.analysis.counterexamples.bregman_spiral import BregmanSpiral
from ldp_core.estimation.convergence import diagnose_convergence

STEPS = 20_000


def test_the_closed_form() -> None:
    """Acceptance C4: r = 0, A = 1, w = 4."""
    spiral = BregmanSpiral(1.0, 4.0)
    x = spiral.run(STEPS)
    k = np.arange(STEPS + 1)
    assert np.abs(x[:, 0] - 1 / (1 + k)).max() < 1e-12
    assert np.abs(x[:, 1] + np.sin(4 * np.log(1 + k))).max() < 1e-12
    late = x[STEPS // 10 :, 1]
    assert (late.min(), late.max()) == pytest.approx((-1, 1), abs=1e-6)
    assert np.count_nonzero(np.diff(np.sign(x[1:, 1]))) == 12


@pytest.mark.parametrize("r", [0.7, -2.0])
def test_the_offset_is_kept_and_the_equation_holds(r: float) -> None:
    """Acceptance C4, r = 0.7."""
    spiral = BregmanSpiral(1.0, 4.0, r)
    x = spiral.run(STEPS)
    assert np.ptp(x[:, 1] - spiral.middle(x[:, 0])) < 1e-14 * max(1, abs(r))
    slopes = spiral.gradient_of_reference(x)
    change = np.diff(slopes, axis=0)
    assert np.abs((change[:, 0] + spiral.beta) / slopes[1:, 0]).max() < 1e-12
    assert np.abs(change[:, 1]).max() < 1e-12


def test_a_step_is_the_least_of_its_model() -> None:
    """f(x) + D_h(x, x_k) / beta, minimised by a solver that knows no closed form."""
    spiral = BregmanSpiral(0.5, 2.0, 0.3)
    x = spiral.run(3)

    def reference(z: np.ndarray) -> float:
        return float(-spiral.beta * np.log(z[0]) + np.sqrt(1 + (z[1] - spiral.middle(z[0])) ** 2))

    for at, following in pairwise(x):
        slope = spiral.gradient_of_reference(at[None])[0]
        model = lambda z, slope=slope: z[0] + (reference(z) - slope @ z) / spiral.beta  # noqa: E731
        found = minimize(model, at, method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-14, "maxiter": 5000})
        assert found.x == pytest.approx(following, abs=1e-5)


def test_the_reference_is_convex() -> None:
    """Acceptance C4: the scaled Hessian stays above 0.52, and is the Hessian."""
    spiral = BregmanSpiral(1.0, 4.0)
    rng = np.random.default_rng(0)
    x = np.stack([np.exp(rng.uniform(-15, 5, 200_000)), rng.uniform(-20, 20, 200_000)], axis=1)
    assert spiral.least_scaled_curvature(x).min() > 0.52
    at = np.array([[0.8, 0.4]])
    steps = 1e-6 * np.eye(2)
    columns = [(spiral.gradient_of_reference(at + s) - spiral.gradient_of_reference(at - s))[0] / 2e-6 for s in steps]
    u = float(at[0, 1] - spiral.middle(at[:, 0])[0])
    scale = np.diag([0.8, (1 + u * u) ** 0.75])
    least = np.linalg.eigvalsh(scale @ np.array(columns) @ scale)[0]
    assert spiral.least_scaled_curvature(at)[0] == pytest.approx(least, rel=1e-6)


@pytest.mark.parametrize("steps", [1000, 5000, 20_000, 100_000])
def test_the_diagnosis_is_not_deceived_by_small_steps(steps: int) -> None:
    """Values and steps go to zero, and the path is infinite all the same."""
    x = BregmanSpiral(1.0, 4.0).run(steps)
    lengths = np.linalg.norm(np.diff(x, axis=0), axis=1)
    assert lengths[-1] < 0.01
    assert diagnose_convergence(x[:, 0], lengths).status == "iterates_unsettled"
