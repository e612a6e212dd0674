"""Names for arrays, with their shapes.

Notation: k = domain_size (items), N = report_space (messages), n = number of reports.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["BoolArray", "Counts", "FloatArray", "Frequencies", "IntArray", "Messages", "Reports", "SupportCounts"]

BoolArray: TypeAlias = NDArray[np.bool_]
IntArray: TypeAlias = NDArray[np.int64]
FloatArray: TypeAlias = NDArray[np.float64]

Messages: TypeAlias = NDArray[np.int64]  # (n,)  each in 0..N-1
Reports: TypeAlias = NDArray[np.int64] | NDArray[np.uint8]  # (n,), or (n, bytes) little-endian where N > 2^62
Counts: TypeAlias = NDArray[np.int64]  # (cells,)  reports per message, or per item where a mechanism says so
SupportCounts: TypeAlias = NDArray[np.int64]  # (points,)  reports that support each point, the items first
Frequencies: TypeAlias = NDArray[np.float64]  # (k,)  shares, may be negative
