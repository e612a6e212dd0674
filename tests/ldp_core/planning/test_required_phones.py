"""Phones for a target, against a published table and against real simulated intervals."""

import math
from fractions import Fraction

import numpy as np
import pytest

from ldp_core.errors import ParameterError
from ldp_core.mechanisms import create
from ldp_core.planning import SMALLEST_TARGET, epsilon_for_half_width, half_width, required_phones


# Phones for +-1 point at 95 %, rare item, large domain: pointwise, and simultaneous over 1,000 items (both rounded).
@pytest.mark.parametrize(
    ("epsilon", "pointwise", "simultaneous"),
    [
        ("0.5", 602_000, 2_580_000),
        ("1", 141_000, 606_000),
        ("2", 27_800, 119_000),
        ("3", 8_500, 36_400),
        ("4", 2_920, 12_500),
    ],
)
def test_phones_for_one_point(epsilon: str, pointwise: int, simultaneous: int) -> None:
    mechanism = create("projective_geometry", epsilon=epsilon, domain_size=1_000)
    assert required_phones(mechanism, 0.01) == pytest.approx(pointwise, rel=0.03)
    assert required_phones(mechanism, 0.01, simultaneous=True) == pytest.approx(simultaneous, rel=0.03)


def test_one_phone_fewer_is_not_enough() -> None:
    mechanism = create("projective_geometry", epsilon=1, domain_size=500)
    phones = required_phones(mechanism, 0.02, frequency=0.1)
    assert half_width(mechanism, phones, frequency=0.1) <= 0.02
    assert half_width(mechanism, phones - 1, frequency=0.1) > 0.02


def test_promised_width_is_the_width_of_real_intervals() -> None:
    mechanism = create("projective_geometry", epsilon=2, domain_size=665)
    phones = required_phones(mechanism, 0.01)
    messages = mechanism.randomize_many(np.zeros(phones, dtype=np.int64), np.random.default_rng(0))
    low, high = mechanism.decode(mechanism.tally(messages)).interval(0.95)
    assert np.median((high - low)[1:]) / 2 == pytest.approx(0.01, rel=0.05)


def test_epsilon_for_a_target_is_the_smallest_of_two_decimals() -> None:
    epsilon = epsilon_for_half_width(1_000, 30_000, 0.01)
    enough = create("projective_geometry", epsilon=epsilon, domain_size=1_000)
    less = create("projective_geometry", epsilon=epsilon - Fraction(1, 100), domain_size=1_000)
    assert half_width(enough, 30_000) <= 0.01 < half_width(less, 30_000)


def test_the_smallest_target_has_a_finite_answer() -> None:
    mechanism = create("projective_geometry", epsilon="0.01", domain_size=1 << 20)
    phones = required_phones(mechanism, SMALLEST_TARGET, simultaneous=True)
    assert half_width(mechanism, phones, simultaneous=True) == pytest.approx(SMALLEST_TARGET, rel=1e-9)


def test_targets_out_of_reach_are_refused() -> None:
    with pytest.raises(ParameterError, match="do not reach"):
        epsilon_for_half_width(1_000, 2, 1e-6)
    mechanism = create("projective_geometry", epsilon=1, domain_size=10)
    for target in (0.0, 1.0, -0.1, 1e-200, math.nextafter(SMALLEST_TARGET, 0), math.inf, math.nan):
        with pytest.raises(ParameterError, match="share from 1e-09 to below 1"):
            required_phones(mechanism, target)
        with pytest.raises(ParameterError, match="share from 1e-09 to below 1"):
            epsilon_for_half_width(1_000, 10, target)
    with pytest.raises(ParameterError, match="at least one report"):
        half_width(mechanism, 0)
    with pytest.raises(ParameterError, match=r"lies in 0\.\.1"):
        half_width(mechanism, 10, frequency=1.5)
