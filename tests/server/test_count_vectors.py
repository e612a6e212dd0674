"""Count vectors survive being packed, are small, and damaged ones are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.services.count_vectors import CountVectorError, pack_counts, unpack_counts

SMALL = st.lists(st.integers(0, 3), min_size=1, max_size=300)
SPARSE = st.lists(st.sampled_from([0] * 50 + [1, 255, 256, 65_536, 1 << 40]), min_size=1, max_size=300)


@given(SMALL | SPARSE)
def test_counts_survive(counts: list[int]) -> None:
    vector = np.array(counts, dtype=np.int64)
    again = unpack_counts(pack_counts(vector), len(counts))
    assert again.dtype == np.int64
    assert again.tolist() == counts


@pytest.mark.parametrize("at", [0, 70_000, 99_999])
def test_one_report_among_many_cells_costs_almost_nothing(at: int) -> None:
    vector = np.zeros(100_000, dtype=np.int64)
    vector[at] = 1
    packed = pack_counts(vector)
    assert len(packed) < 60
    assert unpack_counts(packed, 100_000).nonzero()[0].tolist() == [at]


@pytest.mark.parametrize(("reports", "bytes_per_report"), [(1_000, 4.0), (100_000, 1.5), (10_000_000, 0.2)])
def test_bytes_of_a_report(reports: int, bytes_per_report: float) -> None:
    cells = 100_000
    vector = np.bincount(np.random.default_rng(1).integers(0, cells, reports), minlength=cells)
    assert len(pack_counts(vector)) <= bytes_per_report * reports


def test_damaged_bytes_are_refused() -> None:
    packed = pack_counts(np.array([1, 0, 500, 2]))
    for damaged in (b"", packed[:10], packed[:-3], b"\x02" + packed[1:], packed[:20] + b"x" * 20):
        with pytest.raises(CountVectorError):
            unpack_counts(damaged, 4)
    with pytest.raises(CountVectorError):
        unpack_counts(packed, 5)
