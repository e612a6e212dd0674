"""Names for arrays, with their shapes.

Notation: k = domain_size (items), N = report_space (messages), n = number of reports.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Counts", "FloatArray", "Frequencies", "IntArray", "Messages", "SupportCounts"]

IntArray: TypeAlias = NDArray[np.int64]
FloatArray: TypeAlias = NDArray[np.float64]

Messages: TypeAlias = NDArray[np.int64]  # (n,)  each in 0..N-1
Counts: TypeAlias = NDArray[np.int64]  # (N,)  reports per message
SupportCounts: TypeAlias = NDArray[np.int64]  # (N,)  reports that support each point
Frequencies: TypeAlias = NDArray[np.float64]  # (k,)  shares, may be negative
