"""Operations that jump. They have no error bar, and are refused unless asked for by `allow_discontinuous`.

Away from the jump a derivative exists, and that is what is passed on.
"""

from collections.abc import Sequence

import numpy as np

from ldp_core.analysis.nonsmooth.applied import Applied, Call, Value, common_size
from ldp_core.analysis.nonsmooth.elementwise import with_slopes
from ldp_core.types import FloatArray

__all__ = ["hard_threshold", "sign", "step", "where"]


def _jumping(
    arguments: Sequence[Value], numbers: FloatArray, slopes: Sequence[FloatArray], distance: FloatArray
) -> Applied:
    applied = with_slopes(arguments, numbers, slopes)
    return Applied(applied.value, applied.pull, applied.bounds, jump=float(np.abs(distance).min()))


def step(call: Call) -> Applied:
    """1 where x > 0, else 0."""
    x = call.arguments[0].numbers
    return _jumping(call.arguments, (x > 0).astype(np.float64), [np.zeros_like(x)], x)


def sign(call: Call) -> Applied:
    """-1, 0 or 1."""
    x = call.arguments[0].numbers
    return _jumping(call.arguments, np.sign(x), [np.zeros_like(x)], x)


def where(call: Call) -> Applied:
    """The second argument where the first is above 0, else the third."""
    size = common_size(call.arguments)
    condition, a, b = (np.broadcast_to(argument.numbers, size) for argument in call.arguments)
    first = (condition > 0).astype(np.float64)
    return _jumping(call.arguments, np.where(condition > 0, a, b), [np.zeros(size), first, 1 - first], condition)


def hard_threshold(call: Call) -> Applied:
    """x where x > threshold, else 0: a base cut."""
    x, threshold = call.arguments[0].numbers, call.parameters["threshold"]
    kept = (x > threshold).astype(np.float64)
    return _jumping(call.arguments, x * kept, [kept], x - threshold)
