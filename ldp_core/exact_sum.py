"""The sum of an int64 array as a Python integer, which cannot wrap around."""

from ldp_core.types import IntArray

__all__ = ["exact_sum"]

_AT_ONCE = 1 << 16


def exact_sum(values: IntArray) -> int:
    """Sum of up to 2^31 int64 values, exactly.

    >>> import numpy as np
    >>> exact_sum(np.full(4, 2**62)) == 2**64
    True
    """
    total = 0
    for start in range(0, len(values), _AT_ONCE):  # in stretches that stay in the cache and add no memory
        part = values[start : start + _AT_ONCE]
        total += (int((part >> 32).sum()) << 32) + int((part & 0xFFFFFFFF).sum())
    return total
