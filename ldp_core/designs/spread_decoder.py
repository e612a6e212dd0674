"""Support counts of a spread design: by characters in O(k log k), or function by function.

Notation as in `spread`; z[f][s]: reports of function f whose set holds symbol s. T_x = sum over f of z[f][h_f(x)].
By characters: with Z[f][b] = sum over s of omega^<b, s> z[f][s],
    T_x = (1/g) sum over f, b of Z[f][b] omega^-<y_f(b), x>,   <b, h_f(x)> = <y_f(b), x>,
so every Z[f][b] is added to the dual vector y_f(b) and one transform of length k finishes. Divisibility by g is its check.
The transpose, sums over the items of each symbol, reads one transform of the items at the dual vectors:
    M[f][s] = sum of p_x over h_f(x) = s = (1/g) sum over b of P[y_f(b)] omega^-<b, s>,   P[v] = sum over x of p_x omega^<v, x>.
"""

import math
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldp_core.designs.characters import character_sums, lift, to_integers
from ldp_core.designs.polynomial_field import add_digits
from ldp_core.designs.spread import Level, SpreadDesign
from ldp_core.errors import DecodeError, TallyError
from ldp_core.exact_sum import exact_sum
from ldp_core.types import Counts, FloatArray, IntArray, SupportCounts

__all__ = ["SpreadDecoder"]


class SpreadDecoder:
    """Both decoders of one design; the table of dual vectors is built at the first decode."""

    def __init__(self, design: SpreadDesign) -> None:
        self.design = design

    @cached_property
    def dual(self) -> IntArray:
        """y_f(b) of all functions.  -> (functions · g,)"""
        design = self.design
        return np.concatenate([_dual_vectors(design, level).ravel() for level in design.levels])

    def by_characters(self, counts: Counts) -> SupportCounts:
        """T_x for all p^n items.  (functions · g,) -> (p^n,)

        Raises DecodeError when a sum is not an integer multiple of g, and TallyError above 2^63 / g counts.
        """
        design = self.design
        p, g = design.p, design.symbols
        if exact_sum(counts) * g >= 1 << 63:
            raise TallyError(
                f"so many reports do not fit the 64 bits of a decode with {g} symbols; decode parts of them"
            )
        sums = character_sums(lift(counts.reshape(design.functions, g), p), p)  # (p or 1, functions, g)
        gathered = np.zeros((sums.shape[0], 1, design.item_count), dtype=np.int64)
        for coefficient in range(sums.shape[0]):
            np.add.at(gathered[coefficient, 0], self.dual, sums[coefficient].ravel())
        total = to_integers(character_sums(gathered, p, inverse=True), p)[0]
        supports: SupportCounts = total // g
        if (supports * g != total).any():
            raise DecodeError(f"a sum over characters is not a multiple of {g}: no result is given")
        return supports

    def sums_over_symbols(self, values: FloatArray) -> FloatArray:
        """For every item the sum of z[f][h_f(x)] over the functions, to rounding.  (functions · g,) -> (p^n,)"""
        design = self.design
        sums = _spectrum(values.reshape(design.functions, design.symbols), design.p).ravel()
        k = design.item_count
        gathered = np.bincount(self.dual, sums.real, k) + 1j * np.bincount(self.dual, sums.imag, k)
        result: FloatArray = _spectrum(gathered[None], design.p, inverse=True)[0].real / design.symbols
        return result

    def sums_over_items(self, values: FloatArray) -> FloatArray:
        """M[f][s], the transpose of `sums_over_symbols`.  (p^n,) -> (functions · g,)"""
        design = self.design
        sums = _spectrum(values[None], design.p)[0, self.dual].reshape(design.functions, design.symbols)
        result: FloatArray = _spectrum(sums, design.p, inverse=True).real.ravel() / design.symbols
        return result

    def by_enumeration(self, counts: Counts) -> SupportCounts:
        """The oracle: one function after the other, O(functions · k).  (functions · g,) -> (p^n,)"""
        design = self.design
        table = counts.reshape(design.functions, design.symbols)
        items = np.arange(design.item_count, dtype=np.int64)
        supports = np.zeros(design.item_count, dtype=np.int64)
        for function in range(design.functions):
            symbols = design.symbols_of(np.full(len(items), function, dtype=np.int64), items)
            supports += table[function, symbols]
        return supports


def _spectrum(rows: NDArray[Any], p: int, *, inverse: bool = False) -> NDArray[np.complex128]:
    """Sums of each row over the characters of F_p^d: omega^<j, u>, or omega^-<j, u> when inverse.  (rows, p^d) -> the same"""
    from scipy.fft import fftn, ifftn

    height, width = rows.shape
    cube = rows.reshape(height, *(p,) * round(math.log(width, p)))
    axes = range(1, cube.ndim)
    # numpy's sign is that of the inverse here; "forward" keeps ifftn from dividing
    turned = fftn(cube, axes=axes) if inverse else ifftn(cube, axes=axes, norm="forward")
    spectrum: NDArray[np.complex128] = turned.reshape(height, width)
    return spectrum


def _dual_vectors(design: SpreadDesign, level: Level) -> IntArray:
    """y_f(b) as a base-p number for every function of the level and every b.  -> (functions of the level, g)"""
    p, c, g = design.p, design.c, design.symbols
    place = int(p**level.skipped)
    symbols = np.arange(g, dtype=np.int64)
    if level.last and level.dimension == c:
        return symbols[None] * place
    numbers = design.level_elements(level)  # a of each function, (functions,)
    rows = _linear_combinations(_rows_of_product(design, level, numbers), p, c, design.field(level).degree)
    return rows * place if level.last else (rows * g + symbols) * place


def _rows_of_product(design: SpreadDesign, level: Level, a: IntArray) -> list[IntArray]:
    """y with <y, hi> = digit l of a · hi, for l = 0..c-1: digit j of y is digit l of a · x^j."""
    p, field = design.p, design.field(level)
    rows = [np.zeros_like(a) for _ in range(design.c)]
    for j in range(field.degree):
        product = field.multiply(a, np.full_like(a, p**j))
        for digit in range(design.c):
            rows[digit] += product // p**digit % p * p**j
    return rows


def _linear_combinations(rows: list[IntArray], p: int, c: int, length: int) -> IntArray:
    """Sum over l of b_l rows[l] for every b of c digits.  c times (m,) -> (m, p^c)"""
    result = np.zeros((len(rows[0]), p**c), dtype=np.int64)
    width = 1
    for row in rows:
        for digit in range(1, p):
            before = result[:, (digit - 1) * width : digit * width]
            result[:, digit * width : (digit + 1) * width] = add_digits(before, row[:, None], p, length)
        width *= p
    return result
