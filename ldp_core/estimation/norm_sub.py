"""Norm-sub: negative estimates become zero, the rest are shifted alike until all sum to one.

Where the positive estimates sum to more than one, as they nearly always do, this is the Euclidean projection onto the
simplex; where they sum to less, norm-sub leaves the negative ones at zero and the projection may not.
Source: Wang et al., "Locally Differentially Private Frequency Estimation with Consistency", NDSS 2020, section 4.
"""

import numpy as np

from ldp_core.errors import ParameterError
from ldp_core.types import Frequencies

__all__ = ["norm_sub"]


def norm_sub(frequencies: Frequencies) -> Frequencies:
    """max(f + delta, 0) over the items that stay positive, delta found by repeated passes.  (k,) -> (k,), sum 1

    Raises ParameterError for values that are not finite, or when no estimate is positive.

    >>> norm_sub(np.array([0.75, 0.5, -0.25]))
    array([0.625, 0.375, 0.   ])
    """
    if not np.isfinite(frequencies).all():
        raise ParameterError("frequencies must be finite for norm-sub")
    kept = frequencies > 0
    if not kept.any():
        raise ParameterError("norm-sub needs at least one positive estimate; these are all noise")
    while True:
        shift = (1 - frequencies[kept].sum()) / np.count_nonzero(kept)
        still = kept & (frequencies + shift > 0)
        if np.array_equal(still, kept):
            return np.where(kept, frequencies + shift, 0.0)
        kept = still
