"""Linear and bilinear operations on whole lists: none of them has a kink."""

from collections.abc import Callable

import numpy as np

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.nonsmooth.applied import Applied, Bounds, Call, Choices, Value
from ldp_core.types import FloatArray

__all__ = ["cumsum", "dot", "piece", "total"]


def _increasing(value: Value, adjoint_of: Callable[[FloatArray], FloatArray]) -> Applied:
    """A linear operation without negative coefficients: its adjoint keeps the order of numbers, so bounds pass like values."""

    def pull(adjoint: FloatArray, _choices: Choices) -> tuple[FloatArray, ...]:
        return (adjoint_of(adjoint),)

    def bounds(adjoint: Bounds) -> tuple[Bounds, ...]:
        return (Bounds(adjoint_of(adjoint.low), adjoint_of(adjoint.high)),)

    return Applied(value, pull, bounds)


def total(call: Call) -> Applied:
    """The sum of a list."""
    x = call.arguments[0]
    value = Value(x.numbers.sum(keepdims=True), np.array([x.active.any()]))
    return _increasing(value, lambda adjoint: np.repeat(adjoint, len(x.numbers), axis=-1))


def cumsum(call: Call) -> Applied:
    """Running sums; an element's adjoint is the sum of those from it onwards."""
    x = call.arguments[0]
    value = Value(np.cumsum(x.numbers), np.logical_or.accumulate(x.active))
    return _increasing(value, lambda adjoint: np.cumsum(adjoint[..., ::-1], axis=-1)[..., ::-1])


def piece(call: Call) -> Applied:
    """Elements start..stop-1 of a list."""
    x, start, stop = call.arguments[0], call.parameters["start"], call.parameters["stop"]
    size = len(x.numbers)
    if not start < stop <= size:
        raise AnalysisError(
            f"slice needs start < stop <= {size}, the size of its list, got {start} and {stop}",
            code="wrong_shape",
            field="program",
        )

    def spread(adjoint: FloatArray) -> FloatArray:
        whole = np.zeros((*adjoint.shape[:-1], size))
        whole[..., start:stop] = adjoint
        return whole

    return _increasing(Value(x.numbers[start:stop], x.active[start:stop]), spread)


def dot(call: Call) -> Applied:
    """The inner product of two lists of equal size."""
    a, b = call.arguments
    if len(a.numbers) != len(b.numbers):
        raise AnalysisError(
            f"dot needs two lists of equal size, got {len(a.numbers)} and {len(b.numbers)} numbers",
            code="wrong_shape",
            field="program",
        )

    def pull(adjoint: FloatArray, _choices: Choices) -> tuple[FloatArray, ...]:
        return adjoint * b.numbers, adjoint * a.numbers

    def bounds(adjoint: Bounds) -> tuple[Bounds, ...]:
        ends = [np.stack([adjoint.low * x.numbers, adjoint.high * x.numbers]) for x in (b, a)]
        return tuple(Bounds(end.min(axis=0), end.max(axis=0)) for end in ends)

    active = ((a.active & (b.numbers != 0)) | (b.active & (a.numbers != 0))).any()
    return Applied(Value(np.array([a.numbers @ b.numbers]), np.array([active])), pull, bounds)
