"""The cyclic order, against inner products and published canonical difference sets."""

import hashlib

import numpy as np
import pytest

from ldp_core.algebra import ProjectiveSpace
from ldp_core.algebra.singer_cycle import SingerCycle, singer_modulus
from ldp_core.errors import ParameterError


@pytest.mark.parametrize(
    ("q", "t"),
    [(2, 3), (2, 8), (3, 4), (3, 5), (4, 3), (4, 4), (5, 3), (7, 3), (8, 3), (9, 3), (16, 3), (25, 3), (27, 3)],
)
def test_incidence_is_membership_of_the_sum_in_the_difference_set(q: int, t: int) -> None:
    cycle, space = SingerCycle(q, t), ProjectiveSpace(q, t)
    assert np.array_equal(np.sort(cycle.points), np.arange(space.size))
    assert np.array_equal(np.sort(cycle.hyperplanes), np.arange(space.size))
    assert len(cycle.difference_set) == space.hyperplane_size
    in_set = np.isin(np.arange(space.size), cycle.difference_set)
    for j in range(0, space.size, max(1, space.size // 50)):
        on = space.hyperplane(int(cycle.hyperplanes[j]))
        expected = np.flatnonzero(in_set[(np.arange(space.size) + j) % space.size])
        assert sorted(cycle.points[expected].tolist()) == on.tolist()


@pytest.mark.parametrize(("q", "t"), [(2, 5), (3, 3), (5, 3), (4, 4), (9, 3)])
def test_every_difference_occurs_equally_often(q: int, t: int) -> None:
    cycle = SingerCycle(q, t)
    d = cycle.difference_set
    differences = (d[:, None] - d[None, :]) % cycle.size
    occurrences = np.bincount(differences.ravel(), minlength=cycle.size)
    assert occurrences[0] == len(d)
    assert set(occurrences[1:]) == {ProjectiveSpace(q, t).pair_intersection}


# Canonical sets computed independently: first modulus in lexicographic order, s_0 = … = s_{t-2} = 0, s_{t-1} = 1.
@pytest.mark.parametrize(
    ("q", "t", "digest"),
    [
        (149, 3, "c945b57910dc5966"),
        (53, 3, "931c5322b9a4a260"),
        (13, 3, "c1447d2acc364faf"),
        (3, 4, "7f75a794c4692825"),
    ],
)
def test_difference_sets_are_the_canonical_ones(q: int, t: int, digest: str) -> None:
    text = ",".join(map(str, SingerCycle(q, t).difference_set))
    assert hashlib.sha256(text.encode()).hexdigest()[:16] == digest


def test_small_canonical_sets() -> None:
    assert SingerCycle(2, 3).difference_set.tolist() == [0, 1, 3]
    assert SingerCycle(5, 3).difference_set.tolist() == [0, 1, 3, 8, 12, 18]
    assert SingerCycle(7, 3).difference_set.tolist() == [0, 1, 3, 13, 32, 36, 43, 52]
    assert singer_modulus(149, 3) == (6, 1, 0, 1)


def test_a_line_has_no_cycle_here() -> None:
    with pytest.raises(ParameterError, match="t >= 3, got 2"):
        SingerCycle(5, 2)
