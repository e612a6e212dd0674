"""Formulas of the error, against golden numbers and exact enumeration."""

import math
from fractions import Fraction

import pytest

from ldp_core.errors import ParameterError
from ldp_core.estimation import SupportRates, optimal_total_squared_error, total_squared_error
from ldp_core.mechanisms import create
from ldp_core.mechanisms.design_mechanism import DesignMechanism
from ldp_core.privacy import output_law

# epsilon, q, t: s, r, v0, v1 - v0, computed independently
GOLDEN = [
    ("0.25", 2, 10, 0.561695241833, 0.499450396045, 64.5256953471, -0.9823405794),
    ("1", 4, 5, 0.474390881848, 0.248604732700, 3.6642344556, 1.2268440137),
    ("2", 8, 4, 0.513030752653, 0.124121522684, 0.7187774583, 0.9329882057),
    ("4", 53, 3, 0.512097693305, 0.018688994517, 0.0753319141, 0.9509627887),
    ("5", 149, 3, 0.500685670122, 0.006689007353, 0.0272269432, 0.9972239889),
    ("5", 149, 4, 0.500696855532, 0.006711259050, 0.0273181285, 0.9971786403),
]


def geometry(epsilon: str, q: int, t: int, domain_size: int | None = None) -> DesignMechanism:
    size = domain_size or (q**t - 1) // (q - 1)
    mechanism = create("projective_geometry", epsilon=epsilon, domain_size=size, q=q, t=t)
    assert isinstance(mechanism, DesignMechanism)
    return mechanism


@pytest.mark.parametrize(("epsilon", "q", "t", "s", "r", "v0", "slope"), GOLDEN)
def test_rates_and_variances_are_the_golden_ones(
    epsilon: str, q: int, t: int, s: float, r: float, v0: float, slope: float
) -> None:
    rates = geometry(epsilon, q, t).rates
    assert float(rates.own) == pytest.approx(s, abs=1e-12)
    assert float(rates.other) == pytest.approx(r, abs=1e-12)
    assert rates.noise_variance == pytest.approx(v0, abs=5.1e-11)  # given to 10 decimals
    assert rates.own_variance - rates.noise_variance == pytest.approx(slope, abs=5.1e-11)


def test_optimum_is_attained_at_k_equal_n() -> None:
    mechanism = geometry("5", 149, 3)
    assert total_squared_error(mechanism.rates, 22_351) == pytest.approx(609.546631, abs=5e-7)
    assert optimal_total_squared_error(Fraction(5), 22_351) == pytest.approx(609.546631, abs=5e-7)


@pytest.mark.parametrize("frequency", [0.0, 0.3, 1.0])
def test_variance_formula_equals_the_variance_of_the_exact_law(frequency: float) -> None:
    """One phone holding item 0 and one holding item 1: Var of the estimate of item 0, from the sampler's own law."""
    mechanism = geometry("1", 3, 3)
    supported = set(mechanism.supports(0).tolist())

    def one_phone(item: int) -> float:
        law = output_law(mechanism.randomize, item)
        hit = sum(share for message, share in law.items() if message in supported)
        return float(hit * (1 - hit) / mechanism.rates.gap**2)

    expected = frequency * one_phone(0) + (1 - frequency) * one_phone(1)
    assert mechanism.variance(1, frequency) == pytest.approx(expected, rel=1e-12)
    assert mechanism.variance(10, frequency) == pytest.approx(expected / 10, rel=1e-12)


def test_large_k_limit_of_the_optimum() -> None:
    for epsilon in (1, 2, 4):
        E = math.exp(epsilon)
        per_item = optimal_total_squared_error(Fraction(epsilon), 10**8) / 10**8
        assert per_item == pytest.approx(4 * E / (E - 1) ** 2, rel=1e-5)


@pytest.mark.parametrize("epsilon", [Fraction(1, 2), Fraction(1), Fraction(3), Fraction(6)])
@pytest.mark.parametrize("k", [2, 3, 10, 1_000])
def test_no_geometry_beats_the_optimum(epsilon: Fraction, k: int) -> None:
    mechanism = create("projective_geometry", epsilon=epsilon, domain_size=k)
    assert isinstance(mechanism, DesignMechanism)
    assert total_squared_error(mechanism.rates, k) >= optimal_total_squared_error(epsilon, k) * (1 - 1e-9)


def test_rates_that_cannot_be_are_refused() -> None:
    with pytest.raises(ParameterError, match="0 <= other < own <= 1"):
        SupportRates(Fraction(1, 3), Fraction(1, 2))
    with pytest.raises(ParameterError, match="at least one report"):
        geometry("1", 2, 3).variance(0, 0.5)
