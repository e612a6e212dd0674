"""Where random bits come from, and the two draws that every randomizer is made of.

A source hands out uniform k-bit integers. How bytes become such an integer is part of the wire
format: ceil(k/8) bytes, big-endian, of which the low k bits are kept. A phone uses `SystemSource`
and nothing else; tapes serve test vectors; `GeneratorSource` is for simulation only.
"""

import os
from typing import Protocol

import numpy as np

from ldp_core.errors import ParameterError, RandomnessError

__all__ = [
    "COIN_BITS",
    "GeneratorSource",
    "RandomSource",
    "SystemSource",
    "TapeSource",
    "coin",
    "uniform_below",
]

COIN_BITS = 64
"""A biased coin compares one uniform integer of this many bits with a threshold."""


class RandomSource(Protocol):
    """Uniform random integers, each independent of all before."""

    def bits(self, k: int, /) -> int:
        """A uniform integer in 0..2^k - 1."""
        ...


def _low_bits(raw: bytes, k: int) -> int:
    return int.from_bytes(raw, "big") & ((1 << k) - 1)


class SystemSource:
    """The operating system's generator: the only source that a device may use."""

    def bits(self, k: int, /) -> int:
        """A uniform integer in 0..2^k - 1 from `os.urandom`."""
        return _low_bits(os.urandom((k + 7) // 8), k)


class TapeSource:
    """Bytes written down beforehand, for vectors that two languages must agree on.

    >>> TapeSource(bytes([0xFF, 0x01])).bits(4)
    15
    """

    def __init__(self, tape: bytes) -> None:
        self._tape = tape
        self.bytes_used = 0

    def bits(self, k: int, /) -> int:
        """The next ceil(k/8) bytes of the tape as an integer; RandomnessError when it ends."""
        end = self.bytes_used + (k + 7) // 8
        if end > len(self._tape):
            raise RandomnessError(f"the tape has {len(self._tape)} bytes and this draw needs {end}; use a longer tape")
        raw = self._tape[self.bytes_used : end]
        self.bytes_used = end
        return _low_bits(raw, k)


class GeneratorSource:
    """A seeded numpy generator behind the same interface. Simulation only, never on a device."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def bits(self, k: int, /) -> int:
        """A uniform integer in 0..2^k - 1 from the generator."""
        return _low_bits(self._rng.bytes((k + 7) // 8), k)


def coin(source: RandomSource, threshold: int) -> bool:
    """True with probability exactly threshold / 2^64."""
    return source.bits(COIN_BITS) < threshold


def uniform_below(source: RandomSource, bound: int) -> int:
    """A uniform integer in 0..bound - 1, by rejection: no modulo bias.

    Each try draws the fewest bits that can hold bound - 1, so a try is refused with probability below
    1/2. A bound of 1 draws nothing.

    >>> uniform_below(TapeSource(bytes([7, 6])), 7)
    6
    """
    if bound < 1:
        raise ParameterError(f"the bound of a uniform draw must be at least 1, got {bound}")
    k = (bound - 1).bit_length()
    if k == 0:
        return 0
    while True:
        draw = source.bits(k)
        if draw < bound:
            return draw
