"""The sum of an int64 array as a Python integer, which cannot wrap around."""

from ldp_core.types import IntArray

__all__ = ["exact_sum"]


def exact_sum(values: IntArray) -> int:
    """Sum of up to 2^31 int64 values, exactly.

    >>> import numpy as np
    >>> exact_sum(np.full(4, 2**62)) == 2**64
    True
    """
    return (int((values >> 32).sum()) << 32) + int((values & 0xFFFFFFFF).sum())
