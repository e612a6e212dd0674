"""Every mechanism: the exact law of the shipped randomizer, and its loss."""

from fractions import Fraction

from ldp_core.mechanisms import list_mechanisms
from ldp_core.mechanisms.unary_encoding import UnaryEncoding
from ldp_core.privacy import exp_bounds, likelihood_ratio
from tests.conformance.cases import CASES, build, every_case, laws


def test_every_registered_mechanism_is_here() -> None:
    assert {name for name, *_ in CASES} == set(list_mechanisms())


@every_case
def test_law_is_a_distribution_over_the_report_space(case: tuple) -> None:
    mechanism = build(case)
    for law in laws(case):
        assert sum(law.values()) == 1
        assert set(law) <= set(range(mechanism.report_space))


@every_case
def test_largest_ratio_is_the_published_one_and_below_e_to_the_epsilon(case: tuple) -> None:
    mechanism = build(case)
    ratio = likelihood_ratio(laws(case))
    low, high = exp_bounds(mechanism.epsilon, 60)
    assert ratio == mechanism.likelihood_ratio
    assert ratio <= low
    assert 1 - ratio / high < Fraction(1, 10**15)  # nothing is given away either


@every_case
def test_two_items_differ_by_lambda_exactly_where_their_support_differs(case: tuple) -> None:
    mechanism = build(case)
    messages = list(range(mechanism.report_space))
    supported = [mechanism.supported(messages, item) for item in range(mechanism.domain_size)]
    if isinstance(mechanism, UnaryEncoding):
        one_bit = [_own_and_other(mechanism, 1), _own_and_other(mechanism, 0)]
    for x in range(mechanism.domain_size):
        for y in range(x):
            for message, law_x in laws(case)[x].items():
                ratio = law_x / laws(case)[y][message]
                mine, other = bool(supported[x][message]), bool(supported[y][message])
                if isinstance(mechanism, UnaryEncoding):
                    assert ratio == one_bit[not mine] / one_bit[not other]
                else:
                    assert ratio == mechanism.likelihood_ratio ** (mine - other)


def _own_and_other(mechanism: UnaryEncoding, bit: int) -> Fraction:
    own, other = mechanism.rates.own, mechanism.rates.other
    return own / other if bit else (1 - own) / (1 - other)
