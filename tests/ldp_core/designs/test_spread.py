"""Spread families: their partition, their decoder, their choice."""

from fractions import Fraction

import numpy as np
import pytest

from ldp_core.designs.characters import character_sums, lift, to_integers
from ldp_core.designs.spread import SpreadDesign, function_count
from ldp_core.designs.spread_decoder import SpreadDecoder
from ldp_core.designs.walsh_hadamard import walsh_hadamard
from ldp_core.errors import DecodeError, DomainError, ParameterError, TallyError
from ldp_core.estimation import optimal_total_squared_error
from ldp_core.mechanisms import create
from ldp_core.mechanisms.spread import choose_spread

FAMILIES = [
    (2, 4, 2),
    (2, 5, 2),
    (2, 9, 3),
    (2, 11, 4),
    (2, 6, 6),
    (3, 4, 2),
    (3, 5, 2),
    (3, 6, 1),
    (5, 3, 2),
    (7, 3, 1),
]


@pytest.mark.parametrize(("p", "n", "c"), FAMILIES)
def test_two_items_share_a_symbol_with_the_probability_of_the_optimum(p: int, n: int, c: int) -> None:
    """Pr[h(x) = h(y)] = (k - g)/(g (k - 1)) for all x != y, over the exact law of the function."""
    design = SpreadDesign(p, n, c)
    k, g = design.item_count, design.symbols
    u = np.arange(1, k)
    functions = np.array([design.member(0, int(i) - 1) // g for i in u])  # the function of every U
    rng = np.random.default_rng(70)
    for x, y in rng.integers(0, k, (40, 2)):
        if x != y:
            hx = design.symbols_of(functions, np.full(k - 1, x))
            hy = design.symbols_of(functions, np.full(k - 1, y))
            assert Fraction(int((hx == hy).sum()), k - 1) == Fraction(k - g, g * (k - 1))


@pytest.mark.parametrize(("p", "n", "c"), FAMILIES)
def test_every_function_is_onto_and_balanced(p: int, n: int, c: int) -> None:
    design = SpreadDesign(p, n, c)
    items = np.arange(design.item_count)
    for function in range(0, design.functions, max(1, design.functions // 20)):
        symbols = design.symbols_of(np.full(len(items), function), items)
        assert set(np.bincount(symbols, minlength=design.symbols)) == {design.item_count // design.symbols}


@pytest.mark.parametrize(("p", "n", "c"), FAMILIES)
@pytest.mark.parametrize("size", [1, 10**9])
def test_decoders_agree_on_counts_of_any_size(p: int, n: int, c: int, size: int) -> None:
    design = SpreadDesign(p, n, c)
    decoder = SpreadDecoder(design)
    counts = np.random.default_rng(71).integers(0, size + 1, design.cells)
    supports = decoder.by_characters(counts)
    assert np.array_equal(supports, decoder.by_enumeration(counts))
    assert int(supports.sum()) == int(counts.sum()) * design.item_count // design.symbols


def test_too_many_reports_are_refused_before_they_overflow() -> None:
    decoder = SpreadDecoder(SpreadDesign(2, 4, 2))
    with pytest.raises(TallyError, match="64 bits"):
        decoder.by_characters(np.full(20, 1 << 60))


def test_a_corrupt_table_is_noticed() -> None:
    decoder = SpreadDecoder(SpreadDesign(2, 4, 2))
    counts = np.random.default_rng(72).integers(0, 100, 20)
    decoder.by_characters(counts)
    decoder.dual[5] ^= 1
    with pytest.raises(DecodeError, match="not a multiple"):
        decoder.by_characters(counts)


@pytest.mark.parametrize("p", [2, 3, 5])
def test_character_sums_invert_themselves(p: int) -> None:
    values = np.random.default_rng(73).integers(-50, 50, (2, p**3))
    there = character_sums(lift(values, p), p)
    back = to_integers(character_sums(there, p, inverse=True), p)
    assert np.array_equal(back, values * p**3)
    omega = np.exp(2j * np.pi / p)
    table = there[0] * 1.0 if p == 2 else np.tensordot(omega ** np.arange(p), there, axes=(0, 0))
    digits = np.array([[v // p**i % p for i in range(3)] for v in range(p**3)])
    direct = values @ omega ** (digits @ digits.T)
    assert np.allclose(table, direct)


def test_elements_that_are_no_integers_are_noticed() -> None:
    with pytest.raises(DecodeError, match="must be an integer"):
        to_integers(np.array([[3], [1], [2]]), 3)


def test_walsh_hadamard_is_its_definition() -> None:
    rows = np.random.default_rng(74).integers(-9, 9, (3, 16))
    signs = np.array([[(-1) ** (i & j).bit_count() for j in range(16)] for i in range(16)])
    assert np.array_equal(walsh_hadamard(rows), rows @ signs)


@pytest.mark.parametrize("epsilon", ["0.25", "0.5", "1", "2", "3", "4", "5"])
def test_the_chosen_family_is_close_to_the_optimum(epsilon: str) -> None:
    for k in (1_000, 22_000, 1_000_000):
        mechanism = create("spread", epsilon=epsilon, domain_size=k)
        assert mechanism.fits_collections
        assert mechanism.total_squared_error() <= 1.01 * optimal_total_squared_error(mechanism.epsilon, k)


def test_family_counts() -> None:
    assert function_count(2, 4, 2) == 5  # the five lines of a spread of PG(3, 2)
    with pytest.raises(DomainError, match="cell_limit"):
        choose_spread(Fraction(1), 1_000, cell_limit=10)
    with pytest.raises(ParameterError, match="all of p, n and c"):
        create("spread", epsilon=1, domain_size=4, p=2)
