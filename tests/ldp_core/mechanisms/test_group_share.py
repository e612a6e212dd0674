"""Shares of groups: the sum of the parts, with an error that repeated collections confirm."""

import numpy as np
import pytest

from ldp_core.errors import ParameterError
from ldp_core.mechanisms import create, group_share

K = 30
GROUP = [0, 3, 4, 11, 12, 13, 14, 29]
DESIGNS = ["projective_geometry", "hybrid_projective_geometry", "hadamard_response", "randomized_response"]
OTHERS = ["subset_selection", "symmetric_unary_encoding"]


def shares(name: str, runs: int) -> tuple[np.ndarray, np.ndarray, bool]:
    mechanism, rng = create(name, epsilon="3", domain_size=K), np.random.default_rng(7)
    weights = 1 / np.arange(1, K + 1)
    found = []
    for _ in range(runs):
        values = rng.choice(K, size=1_000, p=weights / weights.sum())
        tally = mechanism.tally(mechanism.randomize_many(values, rng))
        estimate = mechanism.decode(tally)
        share = group_share(mechanism, tally, estimate, GROUP)
        assert share.share == pytest.approx(estimate.frequencies[GROUP].sum())
        found.append(share)
    return np.array([s.share for s in found]), np.array([s.standard_error for s in found]), found[0].bound


@pytest.mark.parametrize("name", DESIGNS)
def test_the_error_is_the_spread_of_repeated_collections(name: str) -> None:
    values, errors, bound = shares(name, 400)
    assert not bound
    # the standard deviation of 400 runs has a relative error of 3.5 %; 6 sigma: < 1e-8
    assert values.std() == pytest.approx(errors.mean(), rel=0.22)


@pytest.mark.parametrize("name", OTHERS)
def test_where_the_tally_does_not_tell_the_error_is_a_bound(name: str) -> None:
    values, errors, bound = shares(name, 100)
    assert bound
    assert values.std() < errors.mean()


@pytest.mark.parametrize("name", DESIGNS)
def test_few_reports_that_agree_are_not_sure(name: str) -> None:
    """Nobody holds any of the group, so far: the error is that of not knowing, never 0."""
    mechanism = create(name, epsilon="8", domain_size=K)
    message = int(mechanism.randomize_many([0], np.random.default_rng(9))[0])
    for n in (1, 2, 50):
        tally = mechanism.tally([message] * n)
        share = group_share(mechanism, tally, mechanism.decode(tally), [5, 6, 7])
        assert share.standard_error > 0.1 / n


def test_all_points_together_have_no_error() -> None:
    mechanism = create("projective_geometry", epsilon="2", domain_size=13, q=3, t=3)
    tally = mechanism.tally([0, 1, 1, 7, 12])
    share = group_share(mechanism, tally, mechanism.decode(tally), range(13))
    assert (share.share, share.standard_error) == (pytest.approx(1), 0.0)


def test_one_item_is_a_group() -> None:
    from ldp_core.estimation import sampling_errors

    mechanism, rng = create("projective_geometry", epsilon="2", domain_size=K), np.random.default_rng(8)
    tally = mechanism.tally(mechanism.randomize_many(rng.integers(0, K, 50_000), rng))
    estimate = mechanism.decode(tally)
    for item in (0, 29):
        share = group_share(mechanism, tally, estimate, [item])
        assert share.share == estimate.frequencies[item]
        assert share.standard_error == pytest.approx(sampling_errors(estimate)[item], rel=1e-4)


def test_wrong_groups_are_refused() -> None:
    mechanism = create("randomized_response", epsilon="2", domain_size=3)
    tally = mechanism.tally([0, 1])
    for items in ([], [0, 0], [3], [-1]):
        with pytest.raises(ParameterError):
            group_share(mechanism, tally, mechanism.decode(tally), items)
