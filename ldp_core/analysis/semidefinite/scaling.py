"""Powers of two that bring a problem to size one without rounding anything."""

import math

import numpy as np

from ldp_core.types import FloatArray

__all__ = ["power_of_two"]


def power_of_two(A: FloatArray) -> float:
    """The power of two just above the largest absolute row sum of A; 1 for a zero matrix.

    >>> import numpy as np
    >>> power_of_two(np.array([[0.0, 3.0], [3.0, 0.0]]))
    4.0
    """
    largest = float(np.abs(A).sum(axis=1).max())
    return math.ldexp(1.0, math.frexp(largest)[1]) if largest > 0 else 1.0
