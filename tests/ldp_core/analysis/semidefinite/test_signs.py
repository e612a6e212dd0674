"""Signs against all 2^n of them."""

import itertools

import numpy as np
import pytest

from ldp_core.analysis.semidefinite.signs import best_signs, certify_signs, round_factor, smallest_step
from ldp_core.analysis.semidefinite.unit_rows import random_rows
from tests.ldp_core.analysis.semidefinite.known import cycle, noisy_correlations, random_graph

ALL = np.array(list(itertools.product([1.0], *([[-1.0, 1.0]] * 9)))).T  # (10, 512), up to the sign of the whole


@pytest.mark.parametrize("seed", range(20))
def test_bound_and_uniqueness_hold_over_all_signs(seed: int) -> None:
    _, G = noisy_correlations(10, 0.6, 0.1 + 0.05 * seed, seed)
    values = np.sort(np.einsum("im,im->m", ALL, -G @ ALL))
    s = best_signs(-G, ALL)
    proof = certify_signs(-G, s)
    assert proof.value == pytest.approx(values[0])
    assert proof.bound <= values[0] + 1e-12
    worse = certify_signs(-G, ALL[:, seed])
    assert worse.bound <= values[0] + 1e-12
    assert not worse.unique or np.array_equal(ALL[:, seed], s)


def test_uniqueness_is_proved_where_the_signal_is_strong() -> None:
    _, G = noisy_correlations(10, 0.6, 0.1, 0)
    assert certify_signs(-G, best_signs(-G, ALL)).unique


def test_two_best_divisions_are_not_unique() -> None:
    """Two separate edges have two best cuts, and a ring of odd length n has n."""
    two = np.kron(np.eye(2), np.array([[0.0, 1.0], [1.0, 0.0]]))
    proof = certify_signs(two, np.array([1.0, -1.0, 1.0, -1.0]))
    assert not proof.unique
    assert proof.bound == pytest.approx(proof.value, abs=1e-12)
    assert not certify_signs(cycle(5), np.array([1.0, -1.0, 1.0, -1.0, 1.0])).unique


def test_a_factor_of_rank_one_rounds_to_its_signs() -> None:
    rng = np.random.default_rng(0)
    signs = np.where(rng.random(10) < 0.5, -1.0, 1.0)
    _, G = noisy_correlations(10, 0.6, 0.1, 0)
    np.testing.assert_array_equal(round_factor(-G, np.outer(signs, [0.6, 0.8]), 1, rng), signs * signs[0])


def test_rounding_returns_the_best_of_its_draws() -> None:
    C, U = random_graph(10, 4, 0), random_rows(10, 4, np.random.default_rng(0))
    few = round_factor(C, U, 5, np.random.default_rng(1))
    many = round_factor(C, U, 300, np.random.default_rng(1))
    assert many @ C @ many <= few @ C @ few <= (C @ ALL * ALL).sum(axis=0).mean()


def test_values_of_whole_weights_move_in_steps_of_four() -> None:
    C = random_graph(10, 4, 1) * 3 + np.eye(10) * 0.5
    values = np.unique(np.einsum("im,im->m", ALL, C @ ALL))
    assert smallest_step(C) == 4
    assert np.diff(values).min() >= 4
    assert smallest_step(C / 2) == 0
