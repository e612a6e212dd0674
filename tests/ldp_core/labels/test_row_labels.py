"""A label of a public row: private for that row, exactly, and counted as any other message."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldp_core.errors import FanoError, ParameterError, ReportError, TallyError, ValueOutOfDomain
from ldp_core.labels import LabelEstimate, OneBitOutcome, RowLabels
from ldp_core.mechanisms import Tally
from ldp_core.privacy.threshold import exp_bounds
from ldp_core.randomness import COIN_BITS, GeneratorSource

COIN = 1 << COIN_BITS
ROWS = RowLabels(50, OneBitOutcome("1", 2))


class Enumerated:
    """A source whose draws are given; each is one 64-bit coin."""

    def __init__(self, *coins: int) -> None:
        self._coins = iter(coins)

    def bits(self, k: int, /) -> int:
        assert k == COIN_BITS
        return next(self._coins)


def law(rows: RowLabels, row: int, label: float) -> dict[int, Fraction]:
    """The exact law of a message: both coins have one threshold each, so four pairs of draws stand for all."""
    rounding, keeping = rows.outcome.rounding_threshold(label), rows.mechanism.threshold
    chances: dict[int, Fraction] = {}
    for first, weight in ((0, rounding), (COIN - 1, COIN - rounding)):
        for second, share in ((0, keeping), (COIN - 1, COIN - keeping)):
            if weight and share:
                message = rows.randomize(row, label, Enumerated(first, second))
                chances[message] = chances.get(message, Fraction(0)) + Fraction(weight * share, COIN * COIN)
    return chances


@pytest.mark.parametrize("epsilon", ["0.1", "1", "3", "7/2"])
def test_two_labels_of_one_row_differ_by_at_most_epsilon(epsilon: str) -> None:
    rows = RowLabels(3, OneBitOutcome(epsilon, "2.5"))
    laws = [law(rows, 1, label) for label in (-1e300, -2.5, -0.3, 0.0, 1.1, 2.5, 5.0)]
    assert all(sum(one.values()) == 1 and one.keys() == {2, 3} for one in laws)
    worst = max(one[message] / other[message] for one in laws for other in laws for message in (2, 3))
    assert worst == rows.outcome.likelihood_ratio
    assert worst <= exp_bounds(Fraction(epsilon), 60)[0]


def test_a_row_is_not_hidden_and_no_other_is_touched() -> None:
    for row in (0, 17, 49):
        assert law(ROWS, row, 0.4).keys() == {2 * row, 2 * row + 1}


@given(st.floats(-2, 2))
def test_the_label_of_a_single_report_is_unbiased(label: float) -> None:
    mean = sum(
        float(chance) * LabelEstimate.of(ROWS, ROWS.tally([message])).mean
        for message, chance in law(ROWS, 7, label).items()
    )
    assert mean == pytest.approx(label, abs=1e-12)


@pytest.mark.thorough
def test_phones_and_simulation_have_one_law() -> None:
    rng = np.random.default_rng(11)
    n, label = 20_000, 0.8
    numbers = np.full(n, 7)
    chance = float(law(ROWS, 7, label)[15])
    error = math.sqrt(chance * (1 - chance) / n)
    source = GeneratorSource(rng)
    phones = np.array([ROWS.randomize(7, label, source) for _ in range(n)])
    simulated = ROWS.randomize_many(numbers, np.full(n, label), rng)
    for messages in (phones, simulated):  # 5 standard errors, twice: false alarm 1.2e-6
        assert set(messages.tolist()) == {14, 15}
        assert abs(float(np.mean(messages == 15)) - chance) < 5 * error


def test_repeated_rows_are_left_out_whatever_they_say() -> None:
    tally = ROWS.tally([3, 3, 8, 9, 20, 41])
    numbers, bits = ROWS.single_reports(tally)
    assert (numbers.tolist(), bits.tolist()) == ([10, 20], [0, 1])
    estimate = LabelEstimate.of(ROWS, tally)
    assert estimate.repeated == 2
    assert estimate.labels.tolist() == [-ROWS.outcome.magnitude, ROWS.outcome.magnitude]
    assert ROWS.of_all_rows(tally).counts.tolist() == [2, 4]
    with pytest.raises(TallyError, match="exactly one report"):
        LabelEstimate.of(ROWS, ROWS.tally([3, 3]))


def test_the_interval_of_the_mean_holds_it_as_often_as_promised() -> None:
    rng = np.random.default_rng(3)
    rows = RowLabels(400, OneBitOutcome("1", 2))
    labels = rng.uniform(-2, 1, 400)
    held, off = 0, []
    for _ in range(400):
        estimate = LabelEstimate.of(rows, rows.tally(rows.randomize_many(np.arange(400), labels, rng)))
        low, high = estimate.interval()
        held += low <= labels.mean() <= high
        off.append((estimate.mean - labels.mean()) / estimate.standard_error)
    # 95 % of 400 with 4 standard errors of room: false alarm below 1e-4. The error stated is an upper bound, reached at equal labels.
    assert held >= 400 * 0.95 - 4 * math.sqrt(400 * 0.95 * 0.05)
    assert 0.85 < np.std(off) < 1.1
    assert abs(float(np.mean(off))) < 4 / math.sqrt(400)


def test_equal_bits_do_not_make_a_sure_mean() -> None:
    estimate = LabelEstimate.of(ROWS, ROWS.tally(2 * np.arange(20) + 1))
    assert estimate.mean == ROWS.outcome.magnitude
    low, high = estimate.interval()
    assert low < 0.8 * estimate.mean
    assert high == pytest.approx(estimate.mean)


def test_as_many_bits_of_either_kind_have_the_mean_0_and_not_nearly_0() -> None:
    rows = RowLabels(50, OneBitOutcome("1", 2))
    even = LabelEstimate.of(rows, rows.tally(2 * np.arange(50) + np.arange(50) // 25))
    assert even.mean == 0


def test_what_is_no_row_or_label_is_refused_without_the_label() -> None:
    source = Enumerated()
    for row in (-1, 50, True, 1.0, "3"):
        with pytest.raises(ParameterError, match=r"row must be a whole number in 0\.\.49"):
            ROWS.randomize(row, 0.5, source)  # type: ignore[arg-type]  # that is what is tested
    for label in (float("nan"), float("inf"), "1.25", None, True):
        with pytest.raises(ValueOutOfDomain) as refusal:
            ROWS.randomize(3, label, source)  # type: ignore[arg-type]
        assert "1.25" not in str(refusal.value)
    for numbers, labels in (([[0]], [[1.0]]), ([0, 1], [1.0]), ([50], [1.0]), ([-1], [1.0]), ([0], [float("nan")])):
        with pytest.raises(FanoError):
            ROWS.randomize_many(numbers, labels, np.random.default_rng(0))
    with pytest.raises(ReportError):
        ROWS.tally([100])
    with pytest.raises(TallyError, match="do not belong together"):
        ROWS.of_all_rows(Tally.empty(2))
    for count in (0, True, 1.5, (1 << 31) + 1):
        with pytest.raises(ParameterError, match="rows must be"):
            RowLabels(count, ROWS.outcome)  # type: ignore[arg-type]
