"""Three decoders, one answer: bit for bit, on random and adversarial counts."""

import numpy as np
import pytest

from ldp_core.algebra import point_count
from ldp_core.algebra.prime_powers import prime_powers
from ldp_core.decoding import DECODERS, singer, support_counts
from ldp_core.errors import DecodeError, ParameterError, TallyError
from ldp_core.types import Counts

FIELDS = [(2, 3), (3, 3), (4, 3), (5, 3), (7, 3), (8, 3), (9, 3), (2, 8), (3, 6), (16, 3), (25, 3)]
LINES = [(2, 2), (3, 2), (4, 2), (9, 2), (31, 2)]
SMALL_GEOMETRIES = [(q, t) for q in prime_powers(32) for t in range(2, 16) if point_count(q, t) <= 20_000]


def adversarial(size: int) -> list[Counts]:
    """One message only, all equal, two far apart, alternating extremes, the largest that fit."""
    single, edges, alternating = (np.zeros(size, dtype=np.int64) for _ in range(3))
    single[size // 2] = 10**12
    edges[0], edges[-1] = 1, 10**12
    alternating[::2] = 10**9
    return [single, edges, alternating, np.full(size, 10**9), np.full(size, (2**62) // size), np.zeros(size, np.int64)]


@pytest.mark.parametrize(
    ("q", "t"), [*FIELDS, *LINES, (4, 5), (5, 4), (8, 4), (27, 3), pytest.param(149, 3, marks=pytest.mark.thorough)]
)
def test_all_decoders_equal_enumeration(q: int, t: int) -> None:
    size = point_count(q, t)
    rng = np.random.default_rng(size)
    random = [rng.integers(0, top, size) for top in (2, 1_000, 10**9)]
    for counts in [*random, *adversarial(size)]:
        expected = support_counts(counts, q=q, t=t, decoder="enumeration")
        for decoder in DECODERS:
            assert np.array_equal(support_counts(counts, q=q, t=t, decoder=decoder), expected), decoder


@pytest.mark.slow
@pytest.mark.parametrize(("q", "t"), SMALL_GEOMETRIES)
def test_all_decoders_agree_for_every_small_prime_power(q: int, t: int) -> None:
    size = point_count(q, t)
    counts = np.random.default_rng(size).integers(0, 10**9, size)
    expected = support_counts(counts, q=q, t=t, decoder="enumeration")
    for decoder in DECODERS:
        assert np.array_equal(support_counts(counts, q=q, t=t, decoder=decoder), expected), decoder


@pytest.mark.parametrize(("q", "t"), [(8, 7), (67, 4), (2, 17)])
@pytest.mark.parametrize("top", [3, 10**9])
def test_fast_decoders_agree_on_large_geometries(q: int, t: int, top: int) -> None:
    size = point_count(q, t)
    counts = np.random.default_rng(top).integers(0, top + 1, size)
    by_programming = support_counts(counts, q=q, t=t, decoder="dynamic_programming")
    assert np.array_equal(by_programming, support_counts(counts, q=q, t=t, decoder="singer"))


@pytest.mark.slow
@pytest.mark.parametrize("counts_per_cell", [1, 10**9])
def test_fast_decoders_agree_at_three_million_items(counts_per_cell: int) -> None:
    size = point_count(149, 4)
    counts = np.random.default_rng(1).integers(0, 2 * counts_per_cell + 1, size)
    by_programming = support_counts(counts, q=149, t=4, decoder="dynamic_programming")
    assert np.array_equal(by_programming, support_counts(counts, q=149, t=4, decoder="singer"))


def test_singer_falls_back_to_halves_where_one_transform_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = np.random.default_rng(5).integers(0, 10**13, point_count(3, 9))
    expected = support_counts(counts, q=3, t=9)
    halves = []
    original = singer.SingerTables._in_halves

    def recorded(self: singer.SingerTables, counts: Counts) -> Counts:
        halves.append(True)
        return original(self, counts)

    monkeypatch.setattr(singer.SingerTables, "_in_halves", recorded)
    assert np.array_equal(support_counts(counts, q=3, t=9, decoder="singer"), expected)
    assert halves


def test_a_corrupt_transform_is_caught_and_no_result_is_given() -> None:
    tables = singer.SingerTables.build(5, 3)
    tables.transform[0, 1] += 3.0
    with pytest.raises(DecodeError, match="no result is given"):
        tables.correlate(np.arange(31))


def test_a_swap_of_two_results_is_caught_by_the_square_identity() -> None:
    tables = singer.SingerTables.build(5, 3)
    counts = np.random.default_rng(0).integers(0, 50, 31)
    wrong = tables.correlate(counts)
    wrong[3] += 1
    wrong[7] -= 1  # the sum is still right
    with pytest.raises(singer._NotExact):
        tables._checked(counts, wrong)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.zeros(6, dtype=np.int64), "shape \\(7,\\) are needed; got \\(6,\\)"),
        (np.zeros((7, 1), dtype=np.int64), "got \\(7, 1\\)"),
        (np.zeros(7), "must be integers, got an array of float64"),
        (np.array([0, 0, -1, 0, 0, 0, 0]), "must not be negative"),
        (np.full(7, 2**62), "2\\^63 or more"),
    ],
)
def test_counts_that_do_not_fit_are_refused(counts: Counts, message: str) -> None:
    with pytest.raises(TallyError, match=message):
        support_counts(counts, q=2, t=3)


def test_an_unknown_decoder_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ParameterError, match="dynamic_programming, enumeration, singer; got 'fft'"):
        support_counts(np.zeros(7, dtype=np.int64), q=2, t=3, decoder="fft")


def test_unsigned_and_narrow_counts_are_taken() -> None:
    counts = np.array([3, 0, 1, 0, 0, 2, 5], dtype=np.uint32)
    assert np.array_equal(support_counts(counts, q=2, t=3), support_counts(counts.astype(np.int64), q=2, t=3))
