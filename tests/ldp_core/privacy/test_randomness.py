"""Bits, coins and indices: exactly uniform, and read from bytes in one documented way."""

import collections
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldp_core.errors import ParameterError, RandomnessError
from ldp_core.privacy import output_law
from ldp_core.randomness import GeneratorSource, RandomSource, SystemSource, TapeSource, coin, uniform_below


@pytest.mark.parametrize("k", range(1, 17))
def test_every_value_of_a_draw_has_equally_many_byte_strings(k: int) -> None:
    length = (k + 7) // 8
    counts = collections.Counter(
        TapeSource(number.to_bytes(length, "big")).bits(k) for number in range(1 << (8 * length))
    )
    assert sorted(counts) == list(range(1 << k))
    assert len(set(counts.values())) == 1


@given(st.binary(min_size=8, max_size=8))
def test_a_coin_is_one_big_endian_integer_below_the_threshold(raw: bytes) -> None:
    number = int.from_bytes(raw, "big")
    assert not coin(TapeSource(raw), number)
    assert coin(TapeSource(raw), number + 1)


@pytest.mark.parametrize("bound", [2, 3, 5, 7, 8, 31, 150, 255, 256, 257, 1000])
def test_an_index_is_exactly_uniform(bound: int) -> None:
    law = output_law(lambda _, source: uniform_below(source, bound), 0)
    assert law == {value: Fraction(1, bound) for value in range(bound)}


def test_a_bound_of_one_draws_nothing() -> None:
    tape = TapeSource(b"")
    assert uniform_below(tape, 1) == 0
    with pytest.raises(ParameterError, match="at least 1, got 0"):
        uniform_below(tape, 0)


def test_a_tape_that_ends_says_how_long_it_should_be() -> None:
    with pytest.raises(RandomnessError, match="has 2 bytes and this draw needs 8"):
        TapeSource(b"ab").bits(64)


def test_a_refused_draw_takes_fresh_bytes() -> None:
    tape = TapeSource(bytes([7, 0b1111_1110]))
    assert uniform_below(tape, 7) == 6
    assert tape.bytes_used == 2


def chi_square(source: RandomSource) -> float:
    draws = np.array([source.bits(4) for _ in range(8_000)])
    return float(((np.bincount(draws, minlength=16) - 500.0) ** 2 / 500).sum())


def test_sources_look_uniform() -> None:
    # chi-square with 15 degrees of freedom exceeds 60 with probability 2e-7
    assert chi_square(SystemSource()) < 60
    assert chi_square(GeneratorSource(np.random.default_rng(1))) < 60


def test_system_bits_fill_their_width() -> None:
    source = SystemSource()
    union = 0
    for _ in range(64):
        draw = source.bits(61)
        assert 0 <= draw < 1 << 61
        union |= draw
    assert union == (1 << 61) - 1  # some bit stays 0 in 64 draws with probability 3e-18
