"""Epsilon and the coin threshold, against mpmath-free exact arithmetic and the decimal module."""

from decimal import Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldp_core.errors import EpsilonError, ParameterError
from ldp_core.privacy import coin_threshold, exp_bounds, format_epsilon, parse_epsilon, threshold_ratio

EPSILONS = [Fraction(1, 100), Fraction(1, 4), Fraction(1), Fraction(5, 2), Fraction(5), Fraction(8), Fraction(24)]


def decimal_exp(epsilon: Fraction, digits: int = 120) -> Fraction:
    """e^epsilon to 120 digits by the standard library's decimal module."""
    with localcontext() as context:
        context.prec = digits
        return Fraction((Decimal(epsilon.numerator) / Decimal(epsilon.denominator)).exp())


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_bounds_enclose_the_exponential(epsilon: Fraction) -> None:
    low, high = exp_bounds(epsilon, 200)
    slack = decimal_exp(epsilon) / 10**100
    assert low < decimal_exp(epsilon) + slack
    assert decimal_exp(epsilon) - slack < high
    assert high - low < Fraction(1, 10**40)


@pytest.mark.parametrize("epsilon", EPSILONS)
@pytest.mark.parametrize(("c", "size"), [(3, 7), (1, 3), (150, 22_351), (22_351, 3_330_300), (1, 2)])
def test_threshold_is_the_largest_that_keeps_the_ratio_below_e_to_the_epsilon(
    epsilon: Fraction, c: int, size: int
) -> None:
    threshold = coin_threshold(epsilon, c, size)
    exact = decimal_exp(epsilon)
    assert threshold_ratio(threshold, c, size) <= exact
    if threshold + 1 < 1 << 64:
        assert threshold_ratio(threshold + 1, c, size) > exact


@given(st.fractions(min_value=Fraction(1, 1000), max_value=24), st.integers(1, 50), st.integers(1, 10**6))
def test_threshold_grows_with_epsilon(epsilon: Fraction, c: int, rest: int) -> None:
    smaller = coin_threshold(epsilon / 2, c, c + rest)
    assert smaller <= coin_threshold(epsilon, c, c + rest)


@pytest.mark.parametrize(
    ("given_value", "exact"),
    [
        ("0.1", Fraction(1, 10)),
        (" 1/3 ", Fraction(1, 3)),
        (2, Fraction(2)),
        (0.5, Fraction(1, 2)),
        (0.1, Fraction(0.1)),
        (Fraction(7, 5), Fraction(7, 5)),
        (Decimal("0.1"), Fraction(1, 10)),
    ],
)
def test_epsilon_is_kept_exactly(given_value: str | float | Fraction | Decimal, exact: Fraction) -> None:
    assert parse_epsilon(given_value) == exact


@given(st.fractions(min_value=Fraction(1, 10**6), max_value=24, max_denominator=10**9))
def test_text_of_epsilon_reads_back_as_the_same_number(epsilon: Fraction) -> None:
    assert parse_epsilon(format_epsilon(epsilon)) == epsilon


def test_an_absurdly_fine_epsilon_is_rounded_down() -> None:
    fine = Fraction(10**200 + 1, 10**200)
    assert coin_threshold(fine, 3, 7) == coin_threshold(Fraction(1), 3, 7)


@pytest.mark.parametrize(
    "bad", [0, -1, "0", "-0.5", "abc", "", "nan", float("nan"), float("inf"), "1e3", True, None, "1/0", 25, [1]]
)
def test_what_is_no_usable_epsilon_is_refused(bad: object) -> None:
    with pytest.raises(EpsilonError):
        parse_epsilon(bad)  # type: ignore[arg-type]


def test_a_block_of_all_or_no_messages_is_refused() -> None:
    for c in (0, 7):
        with pytest.raises(ParameterError, match="some and not all"):
            coin_threshold(Fraction(1), c, 7)
