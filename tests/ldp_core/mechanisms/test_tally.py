"""Tallies: what they accept, and that n travels with the counts."""

import numpy as np
import pytest

from ldp_core.errors import ReportError, TallyError
from ldp_core.mechanisms import Tally, create


def test_n_is_the_sum_unless_given() -> None:
    assert Tally(np.array([1, 2, 0])).n == 3
    assert Tally(np.array([3, 2, 0]), 4).n == 4
    assert Tally.empty(4).n == 0
    assert Tally.of([1, 1, 2], 3).merge(Tally(np.array([1, 0, 0]), 7)).n == 10


@pytest.mark.parametrize(
    ("counts", "reports", "message"),
    [
        ([[1]], None, "one row"),
        ([0.5], None, "integers"),
        ([-1, 2], None, "negative"),
        ([3, 1], 2, "at most 1 to a cell"),
    ],
)
def test_impossible_counts_are_refused(counts: list, reports: int | None, message: str) -> None:
    with pytest.raises(TallyError, match=message):
        Tally(np.array(counts), reports)


def test_strangers_do_not_merge() -> None:
    with pytest.raises(TallyError, match="different mechanisms"):
        Tally.empty(3).merge(Tally.empty(4))


def test_messages_are_checked_before_any_is_counted() -> None:
    with pytest.raises(ReportError, match=r"message 5 at position 2 is outside 0\.\.4"):
        Tally.of([0, 1, 5], 5)
    assert Tally.of(np.array([], dtype=np.int64), 5).n == 0
    assert Tally.of(np.array([4], dtype=np.uint32), 5).counts.tolist() == [0, 0, 0, 0, 1]


def test_counts_beyond_32_bits_add_up() -> None:
    big = Tally(np.full(3, 2**61))
    assert big.merge(big).n == 3 * 2**62


@pytest.mark.parametrize("name", ["subset_selection", "optimized_local_hashing", "optimized_unary_encoding"])
def test_a_tally_of_supports_is_as_long_as_the_domain(name: str) -> None:
    mechanism = create(name, epsilon="1", domain_size=20)
    tally = mechanism.tally(mechanism.randomize_many([3] * 50, np.random.default_rng(0)))
    assert (tally.size, tally.n) == (20, 50)
