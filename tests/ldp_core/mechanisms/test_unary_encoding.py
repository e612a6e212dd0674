"""Unary encoding with more bits than an integer of 64 holds, and its shortcut for large fleets."""

import numpy as np
import pytest

from ldp_core.errors import ReportError
from ldp_core.mechanisms import create
from ldp_core.randomness import GeneratorSource

NAMES = ["optimized_unary_encoding", "symmetric_unary_encoding"]


@pytest.mark.parametrize("name", NAMES)
def test_wide_reports_are_integers_or_rows_of_bytes(name: str) -> None:
    mechanism = create(name, epsilon="2", domain_size=100)
    assert (mechanism.report_bits, mechanism.fits_collections) == (100, False)
    rows = mechanism.randomize_many(np.arange(40), np.random.default_rng(0))
    assert rows.shape == (40, 13)
    integers = [int.from_bytes(row.tobytes(), "little") for row in rows]
    a, b = mechanism.tally(rows), mechanism.tally(integers)
    assert np.array_equal(a.counts, b.counts)
    assert a.n == b.n == 40
    expected = [sum(report >> x & 1 for report in integers) for x in range(100)]
    assert a.counts.tolist() == expected
    assert mechanism.supported(rows, 77).tolist() == [bool(report >> 77 & 1) for report in integers]


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_scalar_wide_reports_have_the_rates(name: str) -> None:
    mechanism = create(name, epsilon="2", domain_size=70)
    source = GeneratorSource(np.random.default_rng(1))
    tally = mechanism.tally([mechanism.randomize(3, source) for _ in range(2_000)])
    own, other = float(mechanism.rates.own), float(mechanism.rates.other)
    assert abs(tally.counts[3] / 2_000 - own) < 6 * np.sqrt(own * (1 - own) / 2_000)  # 6 sigma: < 1e-8
    others = np.delete(tally.counts, 3).mean() / 2_000
    assert abs(others - other) < 6 * np.sqrt(other * (1 - other) / 2_000 / 69)


@pytest.mark.parametrize("name", NAMES)
def test_the_shortcut_for_fleets_has_the_same_mean_and_variance(name: str) -> None:
    mechanism = create(name, epsilon="1", domain_size=6)
    held = np.array([500, 300, 200, 0, 0, 0])
    rng = np.random.default_rng(2)
    estimates = np.array([mechanism.decode(mechanism.simulate_tally(held, rng)).frequencies for _ in range(4_000)])
    for item in range(6):
        variance = mechanism.variance(1_000, held[item] / 1_000)
        assert abs(estimates[:, item].mean() - held[item] / 1_000) < 6 * np.sqrt(variance / 4_000)
        assert estimates[:, item].var() == pytest.approx(variance, rel=0.15)  # 6 sigma of 4,000 runs: 0.134


def test_wide_reports_that_no_phone_sends() -> None:
    mechanism = create("optimized_unary_encoding", epsilon="1", domain_size=70)
    with pytest.raises(ReportError, match="more than 70 bits"):
        mechanism.tally(np.full((2, 9), 255, dtype=np.uint8))
    with pytest.raises(ReportError, match="rows of 9 bytes"):
        mechanism.tally(np.zeros((2, 8), dtype=np.uint8))
    with pytest.raises(ReportError, match="position 1"):
        mechanism.tally([0, 1 << 70])
    with pytest.raises(ReportError, match="position 0"):
        mechanism.tally([0.5])
    assert mechanism.tally([]).n == 0
