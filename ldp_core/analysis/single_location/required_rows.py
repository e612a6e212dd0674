"""How many rows a fit of the single-location model needs."""

import math

__all__ = ["required_rows"]


def required_rows(d: int, L: int, gamma: float, label_variance: float) -> int:
    """Order of magnitude of the rows that a fit needs: d L (gamma^2 + Var) / gamma^4, rounded up.

    label_variance: variance of all noise on the outcome, `OneBitOutcome.variance_bound` for private ones.

    >>> required_rows(20, 10, 0.5**0.5, 18.73)
    15384
    """
    return math.ceil(d * L * (gamma**2 + label_variance) / gamma**4)
