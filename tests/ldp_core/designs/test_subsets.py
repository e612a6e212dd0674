"""The numbering of subsets, against itertools."""

import itertools
from math import comb

import numpy as np
import pytest

from ldp_core.designs.subsets import SubsetRanking


@pytest.mark.parametrize(("k", "w"), [(5, 2), (7, 3), (6, 6), (6, 0), (9, 1), (8, 7)])
def test_ranks_follow_the_largest_element_first(k: int, w: int) -> None:
    ranking = SubsetRanking(k, w)
    expected = sorted(itertools.combinations(range(k), w), key=lambda subset: subset[::-1])
    assert ranking.size == comb(k, w) == len(expected)
    assert [ranking.unrank(rank) for rank in range(ranking.size)] == expected
    assert [ranking.rank(subset) for subset in expected] == list(range(ranking.size))
    rows = ranking.subsets(np.arange(ranking.size))
    assert rows.tolist() == [list(subset) for subset in expected]
    assert ranking.ranks(rows).tolist() == list(range(ranking.size))


def test_large_ranks_round_trip() -> None:
    ranking = SubsetRanking(64, 31)
    ranks = np.random.default_rng(0).integers(0, ranking.size, 200)
    assert np.array_equal(ranking.ranks(ranking.subsets(ranks)), ranks)
    assert [ranking.rank(ranking.unrank(int(rank))) for rank in ranks[:20]] == ranks[:20].tolist()
    assert ranking.unrank(ranking.size - 1) == tuple(range(33, 64))
