"""How a label would change if the noisy points were collected again.

Notation: X: (n, q) points · sd: noise of a coordinate of each point · f: decision function
"""

from collections.abc import Callable

import numpy as np

from ldp_core.types import FloatArray

__all__ = ["flip_probabilities", "noise_to_spread"]


def flip_probabilities(
    X: FloatArray,
    sd: FloatArray,
    decide: Callable[[FloatArray], FloatArray],
    *,
    samples: int,
    rng: np.random.Generator,
    watch: Callable[[int], None],
) -> FloatArray:
    """P(sign f(x_i + sd_i Z) differs from sign f(x_i)) for a standard normal Z.  (n, q), (n,) -> (n,)

    samples: draws · the standard error of each is at most 1 / (2 sqrt(samples)).
    """
    sign = decide(X) > 0
    flips = np.zeros(len(X))
    for done in range(samples):
        if done % 16 == 0:
            watch(done)
        flips += (decide(X + sd[:, None] * rng.standard_normal(X.shape)) > 0) != sign
    return flips / samples


def noise_to_spread(X: FloatArray, sd: FloatArray) -> float:
    """Share of the points' spread that is noise: q mean(sd^2) / mean |x_i - mean|^2, infinite where all points are the same."""
    spread = float(np.mean(np.sum((X - X.mean(axis=0)) ** 2, axis=1)))
    noise = X.shape[1] * float(np.mean(sd**2))
    return noise / spread if spread > 0 else (np.inf if noise > 0 else 0.0)
