"""Euclidean projection onto the probability simplex."""

import numpy as np

from ldp_core.errors import ParameterError
from ldp_core.types import Frequencies

__all__ = ["project_to_simplex"]


def project_to_simplex(frequencies: Frequencies) -> Frequencies:
    """The nearest point, in the Euclidean sense, of {p : p >= 0, sum p = 1}: max(f - tau, 0).

    tau = (sum of the m largest - 1) / m for the largest m that leaves all m positive. Source: Held, Wolfe, Crowder 1974.
    frequencies: (k,), finite, any sign. Returns (k,). Raises ParameterError for values that are not finite.

    >>> project_to_simplex(np.array([0.75, 0.5, -0.25]))
    array([0.625, 0.375, 0.   ])
    """
    if not np.isfinite(frequencies).all():
        raise ParameterError("frequencies must be finite to be projected")
    falling = np.sort(frequencies)[::-1]
    taus = (np.cumsum(falling) - 1) / np.arange(1, len(falling) + 1)  # (k,)
    m = np.flatnonzero(falling > taus)[-1]
    projected: Frequencies = np.maximum(frequencies - taus[m], 0)
    return projected
