"""One bit for one outcome: exactly private, and unbiased."""

import math
from fractions import Fraction

import numpy as np
import pytest

from ldp_core.errors import EpsilonError, ParameterError, ReportError, ValueOutOfDomain
from ldp_core.labels import OneBitOutcome
from ldp_core.privacy.threshold import exp_bounds
from ldp_core.randomness import COIN_BITS, GeneratorSource, TapeSource

COIN = 1 << COIN_BITS


def exact_probability_of_one(outcome: OneBitOutcome, y: float) -> Fraction:
    """From the integers of the two coins that a phone throws."""
    rounded = Fraction(outcome.rounding_threshold(y), COIN)
    kept = Fraction(outcome.mechanism.threshold, COIN)
    return rounded * kept + (1 - rounded) * (1 - kept)


@pytest.mark.parametrize("epsilon", ["0.1", "1", "3", "7/2"])
def test_no_two_outcomes_are_told_apart_by_more_than_epsilon(epsilon: str) -> None:
    outcome = OneBitOutcome(epsilon, 2.0)
    chances = [exact_probability_of_one(outcome, y) for y in (-1e300, -2, -0.3, 0, 1.1, 2, 5.0)]
    most = max(max(chances) / min(chances), (1 - min(chances)) / (1 - max(chances)))
    assert most == outcome.likelihood_ratio
    assert most <= exp_bounds(Fraction(epsilon), 60)[0]


def test_the_debiased_bit_has_the_outcome_as_its_mean() -> None:
    outcome = OneBitOutcome("1", 2.0)
    for y in (-2.0, -0.7, 0.0, 1.3, 2.0):
        chance = exact_probability_of_one(outcome, y)
        low, high = outcome.debias([0, 1])
        assert float(chance) * high + float(1 - chance) * low == pytest.approx(y, abs=1e-12)
        assert float(outcome.probability_of_one(y)) == pytest.approx(float(chance), abs=1e-15)
    assert outcome.variance_bound == pytest.approx(4 * ((math.e + 1) / (math.e - 1)) ** 2, rel=1e-12)


@pytest.mark.parametrize("epsilon", ["0.5", "2", "4", "8"])
@pytest.mark.parametrize("confidence", [0.2, 0.5, 0.8, 0.95])
def test_the_interval_of_one_bit_holds_for_every_outcome(epsilon: str, confidence: float) -> None:
    """By enumeration of both bits at every outcome, with no room for chance."""
    outcome = OneBitOutcome(epsilon, 2.0)
    intervals = [outcome.interval(bit, confidence) for bit in (0, 1)]
    assert intervals[0] == tuple(-end for end in reversed(intervals[1]))
    for y in np.linspace(-2, 2, 41):
        one = float(exact_probability_of_one(outcome, y))
        held = sum(chance for chance, (low, high) in zip((1 - one, one), intervals, strict=True) if low <= y <= high)
        assert held >= confidence - 1e-12, y


def test_the_interval_of_one_bit_excludes_what_the_bit_makes_unlikely() -> None:
    low, high = OneBitOutcome("8", 2.0).interval(1, 0.95)
    assert high == 2
    assert float(OneBitOutcome("8", 2.0).probability_of_one(low)) == pytest.approx(0.05, abs=1e-12)
    assert OneBitOutcome("1", 2.0).interval(1, 0.95) == (-2, 2)


def test_a_phone_rounds_and_then_flips_by_its_tape() -> None:
    outcome = OneBitOutcome("1", 2.0)
    heads, tails = bytes(8), bytes([255] * 8)
    assert outcome.randomize(0.5, TapeSource(heads + heads)) == 1
    assert outcome.randomize(0.5, TapeSource(heads + tails)) == 0
    assert outcome.randomize(0.5, TapeSource(tails + heads)) == 0
    assert outcome.randomize(2.5, TapeSource(tails + heads)) == 1  # clipped to the bound: no tails


@pytest.mark.thorough
def test_phones_and_simulation_have_one_law() -> None:
    outcome, rng = OneBitOutcome("1", 2.0), np.random.default_rng(7)
    n, y = 20_000, 0.8
    chance = float(outcome.probability_of_one(y))
    error = math.sqrt(chance * (1 - chance) / n)
    source = GeneratorSource(rng)
    phones = np.mean([outcome.randomize(y, source) for _ in range(n)])
    simulated = outcome.simulate(np.full(n, y), rng).mean()
    # 5 standard errors, twice: false alarm 1.2e-6
    assert abs(phones - chance) < 5 * error
    assert abs(simulated - chance) < 5 * error


def test_a_refusal_never_carries_the_outcome() -> None:
    with pytest.raises(ValueOutOfDomain, match="not a finite number") as refusal:
        OneBitOutcome("1", 2.0).randomize(float("inf"), TapeSource(b""))
    assert "inf" not in str(refusal.value).replace("finite", "")


def test_what_is_no_randomizer_or_report_is_refused() -> None:
    with pytest.raises(EpsilonError):
        OneBitOutcome(0, 1.0)
    for bound in (0, -1, True, "1e400", "two", float("nan"), float("inf"), 10**12 + 1, None):
        with pytest.raises(ParameterError, match="bound of an outcome"):
            OneBitOutcome(1, bound)  # type: ignore[arg-type]  # that is what is tested
    with pytest.raises(ReportError, match="0 or 1"):
        OneBitOutcome(1, 1.0).debias([0, 1, 2])
