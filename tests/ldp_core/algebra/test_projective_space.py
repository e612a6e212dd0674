"""Points, hyperplanes and the two bijections, against brute force over all vectors."""

import itertools

import galois
import numpy as np
import pytest

from ldp_core.algebra import ProjectiveSpace, point_count
from ldp_core.algebra._kernels import division_by
from ldp_core.errors import FieldError, ParameterError

SMALL = [(2, 2), (3, 2), (4, 2), (9, 2), (2, 3), (2, 4), (3, 3), (3, 4), (4, 3), (5, 3), (7, 3), (8, 3), (9, 3), (2, 6)]


def all_points(q: int, t: int) -> list[tuple[int, ...]]:
    """Canonical vectors in the documented order, by listing all vectors."""
    vectors = [v for v in itertools.product(range(q), repeat=t) if any(v) and next(x for x in v if x) == 1]
    return sorted(vectors, key=lambda v: (-next(i for i, x in enumerate(v) if x), v))


@pytest.mark.parametrize(("q", "t"), SMALL)
def test_numbering_is_by_leading_zeros_then_lexicographic(q: int, t: int) -> None:
    space = ProjectiveSpace(q, t)
    expected = all_points(q, t)
    assert space.size == len(expected) == point_count(q, t)
    assert [space.point(index) for index in range(space.size)] == expected
    assert [space.index(vector) for vector in expected] == list(range(space.size))
    assert space.points(np.arange(space.size)).tolist() == [list(vector) for vector in expected]


@pytest.mark.thorough
@pytest.mark.parametrize(("q", "t"), SMALL)
def test_both_bijections_are_onto_a_hyperplane_and_its_complement(q: int, t: int) -> None:
    space = ProjectiveSpace(q, t)
    authority = galois.GF(q)
    vectors = authority(np.array(all_points(q, t)))
    on = np.asarray(vectors @ vectors.T) == 0  # (N, N) incidence by a library we did not write
    assert set(on.sum(axis=0)) == {space.hyperplane_size}
    for x in range(space.size):
        members = [space.member(x, i) for i in range(space.hyperplane_size)]
        others = [space.non_member(x, i) for i in range(space.size - space.hyperplane_size)]
        assert sorted(members) == np.flatnonzero(on[x]).tolist() == space.hyperplane(x).tolist()
        assert sorted(others) == np.flatnonzero(~on[x]).tolist()


@pytest.mark.parametrize(("q", "t"), [*SMALL, (25, 3), (27, 3), (16, 3), (149, 3), (4, 7), (1024, 2), (100_000_007, 2)])
def test_vectorised_bijections_equal_the_ones_a_phone_runs(q: int, t: int) -> None:
    space = ProjectiveSpace(q, t)
    rng = np.random.default_rng(q * t)
    x = rng.integers(0, space.size, 600)
    i = rng.integers(0, space.hyperplane_size, 600)
    j = rng.integers(0, space.size - space.hyperplane_size, 600)
    assert space.members(x, i).tolist() == [space.member(a, b) for a, b in zip(x.tolist(), i.tolist(), strict=True)]
    assert space.non_members(x, j).tolist() == [
        space.non_member(a, b) for a, b in zip(x.tolist(), j.tolist(), strict=True)
    ]


@pytest.mark.parametrize(("q", "t"), [(2, 5), (3, 3), (4, 3), (9, 3)])
def test_two_hyperplanes_share_the_stated_number_of_points(q: int, t: int) -> None:
    space = ProjectiveSpace(q, t)
    blocks = [set(space.hyperplane(x).tolist()) for x in range(space.size)]
    shared = {len(a & b) for a, b in itertools.combinations(blocks, 2)}
    assert shared == {space.pair_intersection}


def test_large_geometry_ends_are_where_the_formula_says() -> None:
    space = ProjectiveSpace(149, 4)
    assert space.point(0) == (0, 0, 0, 1)
    assert space.point(space.size - 1) == (1, 148, 148, 148)
    assert space.index((1, 0, 0, 0)) == (149**3 - 1) // 148


@pytest.mark.parametrize("vector", [(0, 0, 0), (2, 1, 0), (1, 0), (0, 2, 1)])
def test_vectors_that_are_no_canonical_points_are_refused(vector: tuple[int, ...]) -> None:
    with pytest.raises(ParameterError, match="first nonzero one is 1"):
        ProjectiveSpace(3, 3).index(vector)


def test_impossible_spaces_are_refused() -> None:
    with pytest.raises(ParameterError, match="t must be at least 2, got 1"):
        ProjectiveSpace(3, 1)
    with pytest.raises(FieldError):
        ProjectiveSpace(6, 3)


@pytest.mark.parametrize(("q", "t"), [(10**18 + 9, 2), (2, 10**9), (2, 63), (0, 3), (1, 3), (-5, 3)])
def test_hostile_parameters_are_refused_at_once(q: int, t: int) -> None:
    with pytest.raises(ParameterError, match="outside what is supported"):
        ProjectiveSpace(q, t)


@pytest.mark.parametrize(("q", "t"), [(2, 2), (3, 3), (4, 9), (8, 6), (149, 3), (149, 4), (1009, 2)])
def test_division_by_multiplication_is_exact_at_its_largest_numbers(q: int, t: int) -> None:
    magic, shift = division_by(q, t)
    assert shift
    largest = max(q**t, t * q * q)
    numbers = [*range(min(largest, 5_000)), *range(largest - min(largest, 5_000), largest)]
    assert all(number * magic >> shift == number // q for number in numbers)
    assert largest * magic < 1 << 63


def test_division_is_left_to_floats_where_no_multiplication_serves() -> None:
    assert division_by(2971, 3) == (0, 0)
    space, rng = ProjectiveSpace(2971, 3), np.random.default_rng(0)
    x, j = rng.integers(0, space.size, 300), rng.integers(0, 2971**2, 300)
    assert space.non_members(x, j).tolist() == [
        space.non_member(a, b) for a, b in zip(x.tolist(), j.tolist(), strict=True)
    ]
