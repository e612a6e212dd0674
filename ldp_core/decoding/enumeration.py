"""The oracle: add up every support set, one hyperplane after the other. O(N c)."""

import numpy as np

from ldp_core.algebra.projective_space import ProjectiveSpace
from ldp_core.types import Counts, SupportCounts

__all__ = ["decode_by_enumeration"]

_CELLS_AT_ONCE = 1 << 20


def decode_by_enumeration(counts: Counts, q: int, t: int) -> SupportCounts:
    """T_x = sum of y_u over the points u of hyperplane x.  (N,) -> (N,)"""
    space = ProjectiveSpace(q, t)
    c, size = space.hyperplane_size, space.size
    fillings = np.arange(c, dtype=np.int64)
    result = np.empty(size, dtype=np.int64)
    step = max(1, _CELLS_AT_ONCE // c)
    for start in range(0, size, step):
        hyperplanes = np.arange(start, min(start + step, size), dtype=np.int64)
        points = space.members(np.repeat(hyperplanes, c), np.tile(fillings, len(hyperplanes)))
        result[start : start + step] = counts[points].reshape(len(hyperplanes), c).sum(axis=1)
    return result
