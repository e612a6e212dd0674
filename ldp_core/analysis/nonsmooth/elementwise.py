"""Operations that work on each element by itself, smooth or with kinks.

The slope towards an argument is `at0` or `at1` on the two sides of a kink, at0 + s (at1 - at0) for a choice s at the kink itself, and
both are equal elsewhere. Conventions: relu' = s, |x|' = 2s - 1, max' = (s, 1 - s), min' = (1 - s, s).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from ldp_core.analysis.nonsmooth.applied import Applied, Bounds, Call, Choices, Tie, Value, common_size, no_ties
from ldp_core.types import BoolArray, FloatArray

__all__ = ["BINARY", "UNARY", "absolute", "clip", "larger", "relu", "smaller", "smooth", "with_slopes"]


def with_slopes(
    arguments: Sequence[Value],
    numbers: FloatArray,
    at0: Sequence[FloatArray],
    at1: Sequence[FloatArray] | None = None,
    *,
    tied: BoolArray | None = None,
    kinks: FloatArray = no_ties,
) -> Applied:
    """An operation from its value (m,) and the slopes towards each argument on both sides of its kinks.  m numbers or one, each"""
    ends = at0 if at1 is None else at1
    sizes = [len(argument.numbers) for argument in arguments]
    active = np.zeros(len(numbers), dtype=np.bool_)
    for argument, first, second in zip(arguments, at0, ends, strict=True):
        active |= argument.active & ((first != 0) | (second != 0))
    places = np.zeros(0, dtype=np.int64) if tied is None else np.flatnonzero(tied & active)

    def pull(adjoint: FloatArray, choices: Choices) -> tuple[FloatArray, ...]:
        if not len(places):
            return tuple(_gather(adjoint * slope, size) for slope, size in zip(at0, sizes, strict=True))
        s = np.zeros(adjoint.shape)
        s[:, places] = choices
        slopes = [first + s * (second - first) for first, second in zip(at0, ends, strict=True)]
        return tuple(_gather(adjoint * slope, size) for slope, size in zip(slopes, sizes, strict=True))

    def bounds(adjoint: Bounds) -> tuple[Bounds, ...]:
        found = []
        for first, second, size in zip(at0, ends, sizes, strict=True):
            corners = np.stack([end * slope for end in adjoint for slope in (first, second)])
            low, high = corners.min(axis=0)[None], corners.max(axis=0)[None]
            found.append(Bounds(_gather(low, size)[0], _gather(high, size)[0]))
        return tuple(found)

    ties = tuple(Tie((int(place),), (2,), True, float(abs(kinks[place]))) for place in places)
    return Applied(Value(numbers, active), pull, bounds, ties, kinks)


def _gather(adjoint: FloatArray, size: int) -> FloatArray:
    """A number that was stretched to a list collects the adjoints of the whole list.  (V, m) -> (V, size)"""
    if size == 1 and adjoint.shape[1] != 1:
        total: FloatArray = adjoint.sum(axis=1, keepdims=True)
        return total
    return adjoint


def _stretched(arguments: Sequence[Value]) -> list[FloatArray]:
    size = common_size(arguments)
    return [np.broadcast_to(argument.numbers, size) for argument in arguments]


UNARY: Mapping[str, tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray, FloatArray], FloatArray]]] = {
    "neg": (np.negative, lambda x, _y: np.full_like(x, -1.0)),
    "square": (np.square, lambda x, _y: 2 * x),
    "exp": (np.exp, lambda _x, y: y),
    "log": (np.log, lambda x, _y: 1 / x),
    "sqrt": (np.sqrt, lambda _x, y: 0.5 / y),
}
"""Smooth functions of one argument: value, and slope from argument and value."""

_Binary: TypeAlias = Callable[[FloatArray, FloatArray], FloatArray]
BINARY: Mapping[str, tuple[_Binary, Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]]] = {
    "add": (np.add, lambda a, b: (np.ones_like(a), np.ones_like(b))),
    "sub": (np.subtract, lambda a, b: (np.ones_like(a), np.full_like(b, -1.0))),
    "mul": (np.multiply, lambda a, b: (b, a)),
    "div": (np.divide, lambda a, b: (1 / b, -a / (b * b))),
}
"""Smooth functions of two arguments: value, and both slopes."""


def smooth(name: str) -> Callable[[Call], Applied]:
    """The operation of a name in UNARY or BINARY."""

    def apply(call: Call) -> Applied:
        if name in UNARY:
            function, slope = UNARY[name]
            x = call.arguments[0].numbers
            y = function(x)
            return with_slopes(call.arguments, y, [slope(x, y)])
        a, b = _stretched(call.arguments)
        combine, slopes = BINARY[name]
        return with_slopes(call.arguments, combine(a, b), slopes(a, b))

    return apply


def _with_kink(
    arguments: Sequence[Value],
    numbers: FloatArray,
    kinks: FloatArray,
    below: Sequence[float],
    above: Sequence[float],
    tolerance: float,
) -> Applied:
    """An operation with constant slopes `below` and `above` a kink at 0.  kinks: (m,) signed distances"""
    tied = np.abs(kinks) <= tolerance
    at0 = [np.where(tied | (kinks < 0), low, high) for low, high in zip(below, above, strict=True)]
    at1 = [np.where(tied | (kinks > 0), high, low) for low, high in zip(below, above, strict=True)]
    return with_slopes(arguments, numbers, at0, at1, tied=tied, kinks=kinks)


def relu(call: Call) -> Applied:
    """max(x, 0)."""
    x = call.arguments[0].numbers
    return _with_kink(call.arguments, np.maximum(x, 0), x, [0.0], [1.0], call.tolerance)


def absolute(call: Call) -> Applied:
    """|x|."""
    x = call.arguments[0].numbers
    return _with_kink(call.arguments, np.abs(x), x, [-1.0], [1.0], call.tolerance)


def larger(call: Call) -> Applied:
    """max(a, b)."""
    a, b = _stretched(call.arguments)
    return _with_kink(call.arguments, np.maximum(a, b), a - b, [0.0, 1.0], [1.0, 0.0], call.tolerance)


def smaller(call: Call) -> Applied:
    """min(a, b)."""
    a, b = _stretched(call.arguments)
    return _with_kink(call.arguments, np.minimum(a, b), a - b, [1.0, 0.0], [0.0, 1.0], call.tolerance)


def clip(call: Call) -> Applied:
    """low + relu(x - low) - relu(x - high), low < high: slope s at the lower end and 1 - s at the upper."""
    x, low, high = call.arguments[0].numbers, call.parameters["low"], call.parameters["high"]
    kinks = np.where(x - low <= high - x, x - low, x - high)  # the nearer end
    tied = np.abs(kinks) <= call.tolerance
    lower = x - low <= high - x
    inside = np.where((x > low) & (x < high), 1.0, 0.0)
    at0 = np.where(tied, np.where(lower, 0.0, 1.0), inside)
    at1 = np.where(tied, 1.0 - at0, inside)
    return with_slopes(call.arguments, np.clip(x, low, high), [at0], [at1], tied=tied, kinks=kinks)
