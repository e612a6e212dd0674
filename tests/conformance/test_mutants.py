"""The enumeration of the shipped code catches samplers that are slightly wrong. Each mutant is a bug that existed somewhere."""

from fractions import Fraction

import pytest

from ldp_core.errors import ParameterError
from ldp_core.mechanisms import create, design_mechanism
from ldp_core.privacy import exp_bounds, likelihood_ratio, output_law
from ldp_core.randomness import RandomSource
from tests.conformance.cases import CASES, build, claimed_support_rate, label, support_rate, supported_matrix

pytestmark = pytest.mark.thorough

DESIGNS = [case for case in CASES if "unary" not in case[0]]
UNARY = [case for case in CASES if "unary" in case[0]]


def enumerated_ratio(mechanism) -> Fraction:
    return likelihood_ratio([output_law(mechanism.randomize, item) for item in range(mechanism.domain_size)])


def is_caught(mechanism) -> bool:
    """Do the exact laws differ from what is published: the ratio, or how often a report supports an item?"""
    try:
        laws = [output_law(mechanism.randomize, item) for item in range(mechanism.domain_size)]
        if likelihood_ratio(laws) != mechanism.likelihood_ratio:
            return True
    except (ParameterError, IndexError):  # a message that only some items send, a draw that remembers, an index outside
        return True
    supported = supported_matrix(mechanism)
    return any(
        support_rate(law, supported[y]) != claimed_support_rate(mechanism, x, y)
        for x, law in enumerate(laws)
        for y in range(mechanism.domain_size)
    )


def index_bounds(mechanism) -> tuple[int, int]:
    return mechanism.design.block_size, mechanism.design.choices - mechanism.design.block_size


@pytest.mark.parametrize("case", DESIGNS, ids=label)
def test_one_more_on_the_threshold_breaks_epsilon(case: tuple) -> None:
    mechanism = build(case)
    mechanism.threshold += 1
    assert enumerated_ratio(mechanism) > exp_bounds(mechanism.epsilon, 60)[1]


@pytest.mark.parametrize("case", UNARY, ids=label)
def test_one_less_on_the_other_threshold_breaks_epsilon(case: tuple) -> None:
    mechanism = build(case)
    mechanism.other_threshold -= 1
    if mechanism.name == "symmetric_unary_encoding":
        mechanism.own_threshold += 1
    assert enumerated_ratio(mechanism) > exp_bounds(mechanism.epsilon, 60)[1]


@pytest.mark.parametrize("case", DESIGNS, ids=label)
def test_refusing_the_zero_draw_is_caught(case: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authors' code of projective geometry rejects the all-zero draw before a coordinate is fixed."""

    def without_zero(source: RandomSource, bound: int) -> int:
        bits = (bound - 1).bit_length()
        while bits:
            draw = source.bits(bits)
            if 0 < draw < bound:
                return draw
        return 0

    mechanism = build(case)
    monkeypatch.setattr(design_mechanism, "uniform_below", without_zero)
    assert is_caught(mechanism) or max(index_bounds(mechanism)) == 1  # a single choice


@pytest.mark.parametrize("case", DESIGNS, ids=label)
def test_modulo_bias_is_caught(case: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    def by_remainder(source: RandomSource, bound: int) -> int:
        bits = (bound - 1).bit_length()
        return source.bits(bits) % bound if bits else 0

    mechanism = build(case)
    monkeypatch.setattr(design_mechanism, "uniform_below", by_remainder)
    unbiased = all(bound & (bound - 1) == 0 for bound in index_bounds(mechanism))
    assert is_caught(mechanism) != unbiased


@pytest.mark.parametrize("case", DESIGNS, ids=label)
def test_an_index_that_never_reaches_its_end_is_caught(case: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    real = design_mechanism.uniform_below
    mechanism = build(case)
    monkeypatch.setattr(design_mechanism, "uniform_below", lambda source, bound: real(source, max(bound - 1, 1)))
    assert is_caught(mechanism) or max(index_bounds(mechanism)) == 1


def test_a_coin_of_the_wrong_width_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    mechanism = create("randomized_response", epsilon="1", domain_size=3)
    monkeypatch.setattr(
        design_mechanism, "coin", lambda source, threshold: source.bits(32) < threshold >> 32
    )  # 32 bits round the threshold
    assert is_caught(mechanism)
