"""Plans: the choice of geometry and mechanism, against the exact optimum."""

from fractions import Fraction

import pytest

from ldp_core.designs import choose_projective_design
from ldp_core.errors import DomainError, ParameterError
from ldp_core.estimation import optimal_total_squared_error
from ldp_core.mechanisms import create, list_mechanisms
from ldp_core.planning import rank_mechanisms, recommend

EPSILONS = ["0.25", "0.5", "1", "1.5", "2", "3", "4", "5", "6", "8"]
DOMAIN_SIZES = [16, 64, 256, 1024, 4096, 22_000, 100_000, 1_000_000, 3_300_000]


def geometry_over_optimum(epsilon: str, k: int, **parameters: int) -> float:
    mechanism = create("projective_geometry", epsilon=epsilon, domain_size=k, **parameters)
    return mechanism.total_squared_error() / optimal_total_squared_error(Fraction(epsilon), k)


@pytest.mark.parametrize(
    ("epsilon", "k", "chosen"),
    [(1, 22_000, (4, 9)), (2, 22_000, (8, 6)), (5, 22_000, (149, 3)), (5, 3_300_000, (149, 4))],
)
def test_known_choices(epsilon: int, k: int, chosen: tuple[int, int]) -> None:
    assert choose_projective_design(Fraction(epsilon), k) == chosen


def test_choices_are_near_the_optimum() -> None:
    assert geometry_over_optimum("5", 22_000) < 1.001
    assert geometry_over_optimum("1", 22_000) < 1.003
    mechanism = create("projective_geometry", epsilon=4, domain_size=300_000)
    assert mechanism.report_space <= 400_000
    assert geometry_over_optimum("4", 300_000) < 1.02


def test_a_bound_on_the_messages_is_obeyed_or_refused() -> None:
    assert (
        create("projective_geometry", epsilon=4, domain_size=300_000, report_space_limit=400_000).report_space
        <= 400_000
    )
    with pytest.raises(DomainError, match="at most 300,000 messages"):
        create("projective_geometry", epsilon=4, domain_size=300_000, report_space_limit=300_000)


@pytest.mark.parametrize("epsilon", ["0.5", "1", "3"])
@pytest.mark.parametrize("k", [50, 700])
def test_no_prime_power_nearby_does_better(epsilon: str, k: int) -> None:
    """Brute force over every (q, t) with few messages: the choice is within the stated price of the best."""
    chosen = create("projective_geometry", epsilon=epsilon, domain_size=k)
    best = min(
        create("projective_geometry", epsilon=epsilon, domain_size=k, q=q, t=t).total_squared_error()
        for q in (2, 3, 4, 5, 7, 8, 9, 11, 13, 16, 17, 19, 23, 25, 27, 29, 31, 32)
        for t in range(2, 12)
        if k <= (q**t - 1) // (q - 1) <= 60_000
    )
    assert chosen.total_squared_error() <= best * 1.02


@pytest.mark.thorough
def test_recommendation_is_near_optimal_over_the_whole_grid() -> None:
    ratios = [recommend(epsilon, k).over_optimum for k in DOMAIN_SIZES for epsilon in EPSILONS]
    assert min(ratios) > 1 - 1e-9
    assert sum(ratio <= 1.02 for ratio in ratios) >= 0.93 * len(ratios)
    assert max(ratios) <= 1.07


def test_ranking_is_by_error_and_says_what_a_collection_can_take() -> None:
    ranked = rank_mechanisms("1", 1_000)
    errors = [entry.total_squared_error for entry in ranked]
    assert errors == sorted(errors)
    by_name = {entry.mechanism.name: entry for entry in ranked}
    assert set(by_name) == set(list_mechanisms()) - {"subset_selection"}  # its messages would not fit
    assert not by_name["optimized_unary_encoding"].usable
    assert by_name["projective_geometry"].usable
    assert by_name["randomized_response"].over_optimum > 50


def test_few_items_at_high_epsilon_are_best_sent_plainly() -> None:
    assert recommend("5", 16).mechanism.name == "randomized_response"


def test_unknown_names_and_domains_too_large_are_refused() -> None:
    with pytest.raises(ParameterError, match="got nonsense"):
        rank_mechanisms(1, 10, ["nonsense"])
    with pytest.raises(DomainError, match="at least 2, got 1"):
        recommend(1, 1)
