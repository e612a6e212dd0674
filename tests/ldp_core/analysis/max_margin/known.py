"""Small data sets whose margins are known in closed form, bias included."""

import math

import numpy as np

CIRCLE = [[math.cos(i * math.pi / 4), math.sin(i * math.pi / 4)] for i in range(8)]
GRID = [[i, j] for i in (-1, 0, 1) for j in (-1, 0, 1)]

# points, labels, gamma_1, gamma_2
KNOWN = {
    "two points": ([[1], [-1]], [1, -1], 1 / math.sqrt(2), math.sqrt((1 - 1 / math.pi) / 2)),
    "three points": ([[-1], [0], [1]], [1, -1, 1], 0.2, 0.1409550),
    "four points": ([[-1.5], [-0.5], [0.5], [1.5]], [1, -1, 1, -1], math.sqrt(5) / 20, 0.0689018),
    "exclusive or": ([[1, 1], [-1, -1], [1, -1], [-1, 1]], [1, 1, -1, -1], 1 / (2 * math.sqrt(2)), 0.2478685),
    "circle": (CIRCLE, [(-1) ** i for i in range(8)], (math.sqrt(2) - 1) / 8, 0.0259894),
    "checkerboard": (GRID, [(-1) ** (i + j) for i, j in GRID], 0.0517099, 0.0312661),
}


def known(name: str) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Inputs with the constant coordinate first, labels, and both margins."""
    points, labels, gamma_1, gamma_2 = KNOWN[name]
    X = np.hstack([np.ones((len(points), 1)), np.asarray(points, dtype=float)])
    return X, np.asarray(labels, dtype=float), gamma_1, gamma_2
