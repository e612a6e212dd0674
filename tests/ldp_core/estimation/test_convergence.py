"""What a finished iteration says of itself."""

import numpy as np
import pytest

from ldp_core.errors import ParameterError
from ldp_core.estimation.convergence import STATUSES, diagnose_convergence


def along(power: float, steps: int = 5000) -> str:
    k = np.arange(1.0, steps + 1)
    return diagnose_convergence(1 / k, k[1:] ** -power).status


@pytest.mark.parametrize(
    ("power", "status"),
    [
        (0.5, "iterates_unsettled"),
        (1.0, "iterates_unsettled"),
        (1.6, "converged"),
        (2.0, "converged"),
        (3.0, "converged"),
    ],
)
def test_a_finite_path_is_told_from_an_infinite_one(power: float, status: str) -> None:
    assert along(power) == status


def test_geometric_descent_converges_once_it_is_run_to_the_end() -> None:
    error = 0.9 ** np.arange(300)
    assert diagnose_convergence(error**2, 0.1 * error[:-1]).status == "converged"
    assert diagnose_convergence(error[:20] ** 2, 0.1 * error[:19]).status == "still_descending"


def test_what_rises_or_is_undefined_diverges() -> None:
    assert diagnose_convergence([1, 2, 4], [1, 1]).status == "diverged"
    assert diagnose_convergence([1, float("nan")], [1]).status == "diverged"
    assert diagnose_convergence([1, 0.5], [float("inf")]).status == "diverged"
    assert diagnose_convergence([1, 1 + 1e-15], [1e-20]).status != "diverged"


def test_short_runs_are_judged_by_their_last_step_and_gap() -> None:
    assert diagnose_convergence([1, 1e-3, 1e-30], [1, 0.03], gap=1e-30).status == "converged"
    assert diagnose_convergence([1, 1e-3, 1e-30], [1, 0.9], gap=1e-30).status == "iterates_unsettled"
    assert diagnose_convergence([1, 0.5], [1]).status == "still_descending"
    assert diagnose_convergence([1.0, 0.0], [1], gap=0.0).status == "converged"
    assert diagnose_convergence([1.0], []).status == "converged"


def test_the_record_has_what_was_measured() -> None:
    found = diagnose_convergence([4, 2, 1, 1], [3, 2, 1], path_length=60, gap=0.5)
    assert (found.iterations, found.last_step, found.path_length, found.recent_path, found.gap) == (
        3,
        1.0,
        60,
        3.0,
        0.5,
    )
    assert found.status in STATUSES


@pytest.mark.parametrize(("values", "lengths"), [([], []), ([1.0], [-1.0])])
def test_no_trace_is_refused(values: list[float], lengths: list[float]) -> None:
    with pytest.raises(ParameterError, match="at least one value"):
        diagnose_convergence(values, lengths)
