"""Exact privacy of the shipped sampler: its whole output law, for every item, in rational arithmetic.

The law is found by running `DesignMechanism.randomize` itself over every random choice (`output_law`), so a mistake in
the sampler, the bijections, the draws or the threshold shows here. The mutants below prove that it would.
"""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from ldp_core.algebra import ProjectiveSpace, point_count
from ldp_core.algebra.prime_powers import prime_powers
from ldp_core.errors import ParameterError
from ldp_core.mechanisms import create
from ldp_core.mechanisms.design_mechanism import DesignMechanism
from ldp_core.privacy import exp_bounds, likelihood_ratio, output_law
from ldp_core.randomness import COIN_BITS, RandomSource, coin, uniform_below

FIELDS = [
    *[(2, 3), (3, 3), (4, 3), (5, 3), (7, 3), (8, 3), (9, 3)],
    *[pytest.param(q, t, marks=pytest.mark.thorough) for q, t in [(2, 8), (3, 6), (16, 3), (25, 3)]],
]
UP_TO_5000 = [(q, t) for q in prime_powers(70) for t in range(3, 13) if point_count(q, t) <= 5_000]
LINES_UP_TO_5000 = [(q, 2) for q in prime_powers(4_999)]


def geometry(q: int, t: int, epsilon: str = "1", domain_size: int | None = None) -> DesignMechanism:
    mechanism = create("projective_geometry", epsilon=epsilon, domain_size=domain_size or point_count(q, t), q=q, t=t)
    assert isinstance(mechanism, DesignMechanism)
    return mechanism


@pytest.mark.parametrize(("q", "t"), FIELDS)
def test_largest_ratio_over_all_items_and_messages_is_lambda(q: int, t: int) -> None:
    mechanism = geometry(q, t)
    laws = [output_law(mechanism.randomize, x) for x in range(mechanism.domain_size)]
    assert all(sum(law.values()) == 1 for law in laws)
    ratio = likelihood_ratio(laws)
    assert ratio == mechanism.likelihood_ratio
    lower_bound = exp_bounds(mechanism.epsilon, 60)[0]
    assert ratio <= lower_bound
    assert lower_bound - ratio < Fraction(1, 10**15)


@pytest.mark.parametrize("epsilon", ["0.01", "0.5", "2", "5", "10"])
def test_the_same_for_other_epsilons(epsilon: str) -> None:
    mechanism = geometry(5, 3, epsilon)
    laws = [output_law(mechanism.randomize, x) for x in range(31)]
    assert likelihood_ratio(laws) == mechanism.likelihood_ratio <= exp_bounds(mechanism.epsilon, 120)[0]


@pytest.mark.parametrize(("q", "t"), [(3, 3), (4, 3), (5, 3), (2, 4)])
def test_law_is_two_levels_over_the_support_set(q: int, t: int) -> None:
    mechanism = geometry(q, t)
    inside = Fraction(mechanism.threshold, 1 << COIN_BITS) / mechanism.design.block_size
    outside = (1 - Fraction(mechanism.threshold, 1 << COIN_BITS)) / (
        mechanism.report_space - mechanism.design.block_size
    )
    for x in range(mechanism.domain_size):
        supported = set(mechanism.supports(x).tolist())
        expected = {m: inside if m in supported else outside for m in range(mechanism.report_space)}
        assert output_law(mechanism.randomize, x) == expected


def test_expected_estimate_is_the_truth_for_every_item() -> None:
    """Unbiased in exact arithmetic: sum over messages of P(m|x) times the estimate from m is 1 for x and 0 for others."""
    mechanism = geometry(3, 3)
    rates = mechanism.rates
    blocks = [set(mechanism.supports(y).tolist()) for y in range(13)]
    for x in range(13):
        law = output_law(mechanism.randomize, x)
        for y in range(13):
            expected = sum(share * ((message in blocks[y]) - rates.other) / rates.gap for message, share in law.items())
            assert expected == (1 if x == y else 0)


@pytest.mark.slow
@pytest.mark.parametrize(("q", "t"), UP_TO_5000)
def test_every_geometry_up_to_5000_points(q: int, t: int) -> None:
    """Every item's whole law. Each is reduced to its two levels at once, so that memory stays small."""
    mechanism = geometry(q, t, "2")
    size, c = mechanism.report_space, mechanism.design.block_size
    inside = Fraction(mechanism.threshold, 1 << COIN_BITS) / c
    outside = (1 - Fraction(mechanism.threshold, 1 << COIN_BITS)) / (size - c)
    assert inside / outside == mechanism.likelihood_ratio
    step = 1 if size < 1_500 else size // 150
    indices = np.random.default_rng(size)
    for x in range(0, size, step):
        law = output_law(mechanism.randomize, x)
        supported = set(mechanism.supports(x).tolist())
        assert len(law) == size
        assert all(share == (inside if m in supported else outside) for m, share in law.items())
    # The items in between: the two bijections together reach every message once, so with exactly uniform indices the law is
    # the same. All of them by the compiled twin, which gives what the phone's own code gives wherever both are asked.
    space = ProjectiveSpace(q, t)
    for x in range(size):
        members = space.members(np.full(c, x), np.arange(c))
        others = space.non_members(np.full(size - c, x), np.arange(size - c))
        assert (np.sort(np.concatenate([members, others])) == np.arange(size)).all()
        i, j = int(indices.integers(c)), int(indices.integers(size - c))
        assert mechanism.design.member(x, i) == members[i]
        assert mechanism.design.non_member(x, j) == others[j]


@pytest.mark.slow
@pytest.mark.parametrize(("q", "t"), LINES_UP_TO_5000[::7])
def test_lines_up_to_5000_points(q: int, t: int) -> None:
    mechanism = geometry(q, t, "8")
    for x in {0, 1, q // 2, q}:
        law = output_law(mechanism.randomize, x)
        assert len(law) == q + 1
        assert max(law.values()) / min(law.values()) == mechanism.likelihood_ratio
        assert sorted(law.values())[-2] == min(law.values())


# Mutants: each is one slip in the sampler, and each must fail.

Sampler = Callable[[int, RandomSource], int]


def sampler(
    *, off_by_one: bool = False, refuse_zero: bool = False, biased_index: bool = False, wrong_bound: bool = False
) -> Sampler:
    mechanism, space = geometry(5, 3), ProjectiveSpace(5, 3)
    c = space.hyperplane_size

    def index(source: RandomSource, bound: int) -> int:
        if biased_index:
            return source.bits((bound - 1).bit_length()) % bound
        drawn = uniform_below(source, bound)
        while refuse_zero and drawn == 0:
            drawn = uniform_below(source, bound)
        return drawn

    def randomize(x: int, source: RandomSource) -> int:
        threshold = mechanism.threshold + off_by_one
        if coin(source, threshold):
            return space.member(x, index(source, c - wrong_bound))
        return space.non_member(x, index(source, space.size - c))

    return randomize


def ratio_of(randomize: Sampler) -> Fraction:
    return likelihood_ratio([output_law(randomize, x) for x in range(31)])


def test_the_unmutated_sampler_passes() -> None:
    assert ratio_of(sampler()) == geometry(5, 3).likelihood_ratio


def test_a_threshold_that_is_one_too_high_is_caught() -> None:
    assert ratio_of(sampler(off_by_one=True)) > exp_bounds(Fraction(1), 60)[1]


@pytest.mark.parametrize("slip", ["refuse_zero", "biased_index", "wrong_bound"])
def test_a_sampler_with_a_slip_is_caught(slip: str) -> None:
    mutant = sampler(**{slip: True})
    try:
        ratio = ratio_of(mutant)
    except ParameterError:  # a message that is never sent for some item, or a draw that does not start afresh
        return
    assert ratio > exp_bounds(Fraction(1), 60)[1]


def test_a_comparison_that_includes_the_threshold_is_caught() -> None:
    mechanism, space = geometry(5, 3), ProjectiveSpace(5, 3)

    def randomize(x: int, source: RandomSource) -> int:
        if source.bits(COIN_BITS) <= mechanism.threshold:
            return space.member(x, uniform_below(source, space.hyperplane_size))
        return space.non_member(x, uniform_below(source, space.size - space.hyperplane_size))

    assert ratio_of(randomize) > exp_bounds(Fraction(1), 60)[1]
