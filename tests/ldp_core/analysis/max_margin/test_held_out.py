"""Verdicts come from held-out errors and nothing else."""

import numpy as np
import pytest
from scipy.stats import binomtest

from ldp_core.analysis.max_margin.held_out import cross_validated, fold_numbers, is_better, verdict, wrong


@pytest.mark.parametrize(("wins", "losses"), [(5, 0), (4, 0), (9, 2), (8, 3), (30, 16), (0, 0), (3, 9)])
def test_the_sign_test_is_exact(wins: int, losses: int) -> None:
    one = np.array([False] * wins + [True] * losses + [True] * 7)
    other = np.array([True] * wins + [False] * losses + [True] * 7)
    wanted = wins + losses > 0 and binomtest(wins, wins + losses, alternative="greater").pvalue <= 0.05
    assert is_better(one, other) == (wanted and wins > losses)


def test_verdicts() -> None:
    right, bad, half = np.zeros(40, bool), np.ones(40, bool), np.arange(40) < 20
    assert verdict({"gd_both": right, "f2_kernel": half, "linear_svm": bad}) == "f1_advantage"
    assert verdict({"f1_lp": half, "f2_kernel": half, "linear_svm": bad}) == "kernel_enough"
    assert verdict({"gd_both": half, "f2_kernel": half, "linear_svm": half}) == "linear_enough"
    assert verdict({"gd_both": right, "f2_kernel": half}) == "undecided"
    assert verdict({}) == "undecided"


def test_folds_hold_both_labels_and_every_point_once() -> None:
    y = np.array([1.0] * 11 + [-1.0] * 23)
    number = fold_numbers(y, 5, np.random.default_rng(0))
    for fold in range(5):
        assert {1.0, -1.0} == set(y[number == fold])
    sizes = np.bincount(number)
    assert sizes.sum() == 34
    assert np.ptp(sizes) <= 2


def test_cross_validation_never_judges_a_point_by_itself() -> None:
    y = np.array([1.0, -1.0] * 10)
    X = np.arange(20.0)[:, None]

    def remember(X_fit: np.ndarray, y_fit: np.ndarray):
        seen = dict(zip(X_fit[:, 0], y_fit, strict=True))
        return lambda X_new: {"memory": np.array([seen.get(x, 0.0) for x in X_new[:, 0]])}

    assert cross_validated(X, y, np.arange(20) % 5, remember)["memory"].all()


def test_a_decision_of_zero_is_wrong() -> None:
    assert wrong(np.array([0.0, 1.0, -1.0]), np.array([1.0, 1.0, 1.0])).tolist() == [True, False, True]
