"""The service's own iterative fits, judged by the rule that the counterexamples made necessary."""

import numpy as np
import pytest

from ldp_core.analysis.lojasiewicz.descents import descend, safe_step
from ldp_core.analysis.lojasiewicz.likelihood import Likelihood
from ldp_core.estimation.convergence import Convergence, diagnose_convergence
from ldp_core.mechanisms.channel import MatrixChannel, message_channel
from tests.ldp_core.analysis.lojasiewicz.instances import counts_of, geometry_31


def judged(likelihood: Likelihood, algorithm: str, step: float, steps: int = 1500) -> Convergence:
    values: list[float] = []
    points: list[np.ndarray] = []
    gap = np.inf
    for point in descend(likelihood, algorithm, step):
        values.append(point.value)
        points.append(point.p)
        gap = point.gap
        if point.t == steps:
            break
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
    return diagnose_convergence(values, lengths, gap=gap)


@pytest.fixture(scope="module")
def collected() -> Likelihood:
    return Likelihood(message_channel(geometry_31()), counts_of(geometry_31(), 20_000, seed=3))


def test_mirror_descent_of_histograms_settles_at_a_safe_step(collected: Likelihood) -> None:
    """Its reference function is regular up to the boundary of the simplex, so the spiral does not threaten it."""
    step = safe_step(collected, "mirror")
    assert step is not None
    found = judged(collected, "mirror", step)
    assert found.status == "converged"
    assert found.gap is not None
    assert found.gap < 1e-4
    assert found.path_length < 2
    assert judged(collected, "em", 0.0).status == "converged"


def test_a_step_too_long_is_called_unsettled(collected: Likelihood) -> None:
    """Values lower than at the start, a gap that stays, and a path of hundreds of times the size of the simplex."""
    found = judged(collected, "mirror", 20.0)
    assert found.status in {"iterates_unsettled", "diverged"}
    assert found.gap is not None
    assert found.gap > 0.01
    assert found.path_length > 100
    assert found.last_step > 0.1


def test_a_likelihood_with_many_maximisers_does_not_unsettle_expectation_maximisation() -> None:
    """Two items with the same law of messages: the maximum is a segment, and the path ends on it."""
    columns = np.random.default_rng(0).dirichlet(np.ones(6), 4).T
    likelihood = Likelihood(MatrixChannel(np.hstack([columns, columns[:, :2]])), np.array([3, 0, 1, 5, 2, 1]))
    found = judged(likelihood, "em", 0.0)
    assert found.status == "converged"
    assert found.gap == pytest.approx(0, abs=1e-9)
