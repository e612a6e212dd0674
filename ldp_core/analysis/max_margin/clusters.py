"""Points in nine clusters whose labels depend on two of d coordinates, to see which methods find those two.

Clusters are centred on a 3 x 3 grid in the first two coordinates, within a radius of 1/8, uniform, of their centre, 3/8 apart; the other
coordinates are uniform on -1/2 … 1/2. Source: the experiment of Chizat, Bach 2020, with the labels of the clusters fixed.
"""

import numpy as np

from ldp_core.types import FloatArray

__all__ = ["DIAGONAL", "draw_clusters"]

DIAGONAL = (0, 4, 5, 8)
"""Clusters, row by row, with label -1. Which ones they are decides how hard the problem is, so it is not left to chance."""


def draw_clusters(
    n: int, d: int, rng: np.random.Generator, negative: tuple[int, ...] = DIAGONAL
) -> tuple[FloatArray, FloatArray]:
    """n points (n, d) in -1/2 … 1/2 and their labels +-1, as many in each cluster as in any other, up to one. d >= 2."""
    cluster = rng.permutation(np.arange(n) % 9)
    angle, radius = rng.uniform(0, 2 * np.pi, n), rng.uniform(0, 1, n) / 8
    X = rng.uniform(-0.5, 0.5, (n, d))
    X[:, 0] = 0.375 * (cluster // 3 - 1) + radius * np.cos(angle)
    X[:, 1] = 0.375 * (cluster % 3 - 1) + radius * np.sin(angle)
    return X, np.where(np.isin(cluster, negative), -1.0, 1.0)
