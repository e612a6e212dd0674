"""What one operation leaves on the tape: its value, its kinks, and how derivatives pass through it.

A kink that an argument sits on is a *tie*: several linear pieces meet, and each of them is a possible derivative. A tie has digits;
a choice of all digits picks one piece. Where a tie has two pieces its digit may be any s in [0, 1] between them, which is how a
library's own convention (relu'(0) = 0, 1/2 or 1) is expressed.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from ldp_core.analysis.errors import AnalysisError
from ldp_core.types import BoolArray, FloatArray

__all__ = ["Applied", "Bounds", "Call", "Choices", "Tie", "Value", "common_size", "no_ties"]

Choices: TypeAlias = FloatArray  # (V, digits)


class Value(NamedTuple):
    """Numbers (m,), and which of them change with the inputs at all: ties of constants are no ties."""

    numbers: FloatArray
    active: BoolArray


class Call(NamedTuple):
    """What an operation is applied to. tolerance: distance from a kink up to which an argument counts as on it."""

    arguments: Sequence[Value]
    parameters: Mapping[str, Any]
    tolerance: float


class Bounds(NamedTuple):
    """Numbers between low and high.  (m,) each"""

    low: FloatArray
    high: FloatArray


class Tie(NamedTuple):
    """Elements that share a kink, the number of pieces each digit chooses among, and how far from the kink they are.

    blends: there is one digit, and it may be anything from 0 to 1.
    """

    members: tuple[int, ...]
    digits: tuple[int, ...]
    blends: bool
    distance: float


@dataclass(frozen=True, eq=False)
class Applied:
    """One evaluated operation with arguments of sizes m_1, m_2, …

    pull: adjoints of the result (V, m), choices (V, digits) -> adjoints of each argument (V, m_i) ·
    bounds: the same for bounds that hold whatever is chosen · ties · kinks: signed distances to each kink ·
    jump: distance to the nearest place where the value jumps, infinite for a continuous operation.
    """

    value: Value
    pull: Callable[[FloatArray, Choices], tuple[FloatArray, ...]]
    bounds: Callable[[Bounds], tuple[Bounds, ...]]
    ties: tuple[Tie, ...] = ()
    kinks: FloatArray = field(default_factory=lambda: np.zeros(0))
    jump: float = np.inf


no_ties: FloatArray = np.zeros(0)
"""The kinks of a smooth operation."""


def common_size(arguments: Sequence[Value]) -> int:
    """The size that numbers beside lists are stretched to. Raises AnalysisError `wrong_shape` for lists of different sizes."""
    sizes = {len(argument.numbers) for argument in arguments}
    if len(sizes - {1}) > 1:
        raise AnalysisError(
            f"lists of {' and '.join(map(str, sorted(sizes)))} numbers cannot be combined element by element",
            code="wrong_shape",
            field="program",
        )
    return max(sizes)
