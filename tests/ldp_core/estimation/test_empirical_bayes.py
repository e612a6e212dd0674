"""The fit of the prior says how it ended, and what it says is true."""

import numpy as np
import pytest
from scipy.optimize import minimize

from ldp_core.estimation.empirical_bayes import fit_frequency_prior, mixture_weights
from ldp_core.estimation.norm_sub import norm_sub


def random_problem(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres, means = np.linspace(-2, 5, 30), np.linspace(0, 4, 6)
    return np.exp(-0.5 * (centres[:, None] - means) ** 2), rng.integers(1, 40, 30)


@pytest.mark.parametrize("seed", range(4))
def test_the_gap_is_a_bound_on_what_is_missing(seed: int) -> None:
    """Against SLSQP, which finds the largest mean log likelihood another way."""
    density, counts = random_problem(seed)
    shares = counts / counts.sum()
    weights, convergence = mixture_weights(density, counts)
    best = minimize(
        lambda w: -float(shares @ np.log(density @ w)),
        np.full(6, 1 / 6),
        jac=lambda w: -density.T @ (shares / (density @ w)),
        bounds=[(1e-12, None)] * 6,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-14, "maxiter": 500},
    )
    missing = -best.fun - float(shares @ np.log(density @ weights))
    assert convergence.gap is not None
    assert -1e-10 <= missing <= convergence.gap + 1e-10
    assert weights.sum() == pytest.approx(1)


def test_columns_that_are_alike_do_not_keep_the_weights_from_settling() -> None:
    """The likelihood has many maximisers then; expectation maximisation goes to one of them."""
    density, counts = random_problem(9)
    doubled, convergence = mixture_weights(np.hstack([density, density]), counts)
    assert doubled[:6] == pytest.approx(doubled[6:])
    alone, once = mixture_weights(density, counts)
    assert 2 * doubled[:6] == pytest.approx(alone, abs=1e-3)
    assert convergence.status == once.status
    assert convergence.path_length == pytest.approx(once.path_length / np.sqrt(2), rel=0.01)


def test_a_fit_on_few_reports_admits_that_its_weights_are_unsettled() -> None:
    """100 items and 10 reports: the values have settled to one part in 5000, the weights still move."""
    rng = np.random.default_rng(0)
    shares = norm_sub(np.arange(1, 101) ** -1.1)
    convergence = fit_frequency_prior(shares + rng.normal(0, 0.36, 100), noise=1.3, slope=0.0, n=10).convergence
    assert convergence.status == "iterates_unsettled"
    assert convergence.gap is not None
    assert 0 < convergence.gap < 1e-3
    assert convergence.path_length > convergence.recent_path > 100 * convergence.last_step


def test_nothing_to_fit_is_settled() -> None:
    convergence = fit_frequency_prior(np.array([50.0, 60.0]), noise=1.0, slope=0.0, n=1).convergence
    assert (convergence.status, convergence.iterations, convergence.gap) == ("converged", 0, 0.0)
