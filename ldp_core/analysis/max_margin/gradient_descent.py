"""Both layers of a wide network trained by gradient ascent on the soft minimum of its margins.

h(x) = (1/m) sum_j b_j (a_j.x)_+ and S = -log((1/n) sum_i exp(-y_i h(x_i))). With mean-field scaling and steps eta / sqrt(t + 1),
    a_j += step b_j sum_i 1[a_j.x_i > 0] g_i x_i,   b_j += step sum_i g_i (a_j.x_i)_+,   g_i = softmax_i(-margin) y_i.
For wide networks the direction of h tends to the variation-norm max-margin classifier: Chizat, Bach 2020, arXiv 2002.04486.

Notation: X: (n, D) · A: (m, D) inner weights · b: (m,) output weights
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ldp_core.types import FloatArray

__all__ = ["TrainedNetwork", "recorded_steps", "soft_min_weights", "train"]

_RECORDED = 120
_WATCHED = 8


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A, b: weights of the recorded step with the largest margin · margin: that one, min_i y_i h(x_i) over
    (1/m) sum_j (|a_j|^2 + b_j^2) · steps, margins, errors: recorded on the way.

    The margin tends to half of gamma_1 at most, because |a| |b| <= (|a|^2 + b^2) / 2.
    """

    A: FloatArray
    b: FloatArray
    margin: float
    steps: FloatArray
    margins: FloatArray
    errors: FloatArray

    def predict(self, X: FloatArray) -> FloatArray:
        """h(x) of each row.  (n, D) -> (n,)"""
        return np.asarray(np.maximum(X @ self.A.T, 0) @ self.b / len(self.b))

    def directions(self) -> tuple[FloatArray, FloatArray]:
        """Unit inner weights and the weight of each neuron in a network of total variation one.  (m, D), (m,)"""
        lengths = np.linalg.norm(self.A, axis=1)
        weights = self.b * lengths
        units = self.A / np.where(lengths > 0, lengths, 1)[:, None]
        return units, weights / max(float(np.abs(weights).sum()), 1e-300)


def train(
    X: FloatArray,
    y: FloatArray,
    *,
    width: int,
    iterations: int,
    step: float,
    rng: np.random.Generator,
    watch: Callable[[int, float, float], None],
) -> TrainedNetwork:
    """Train from standard normal weights. X: (n, D) · y: (n,) of +-1 · watch gets iteration, margin and share of errors now and then."""
    m = width
    A, b = rng.standard_normal((m, X.shape[1])), rng.standard_normal(m)
    recorded = recorded_steps(iterations)
    margins: list[float] = []
    errors: list[float] = []
    best = (A, b)
    hidden, mask = np.empty((len(X), m)), np.empty((len(X), m))
    for t in range(iterations + 1):
        np.matmul(X, A.T, out=hidden)
        np.greater(hidden, 0, out=mask)
        np.maximum(hidden, 0, out=hidden)
        margin = y * (hidden @ b) / m
        if t in recorded:
            margins.append(float(margin.min()) / (float((A * A).sum() + b @ b) / m))
            errors.append(float(np.mean(margin <= 0)))
            if margins[-1] == max(margins):
                best = (A.copy(), b.copy())
        if t % _WATCHED == 0:
            watch(t, margins[-1], errors[-1])
        if t == iterations:
            break
        g = soft_min_weights(margin, y)
        eta = step / np.sqrt(t + 1)
        by_b = g @ hidden
        mask *= g[:, None]
        by_a = mask.T @ X
        by_a *= b[:, None]
        A += eta * by_a
        b += eta * by_b
    return TrainedNetwork(*best, max(margins), np.array(sorted(recorded)), np.array(margins), np.array(errors))


def soft_min_weights(margin: FloatArray, y: FloatArray) -> FloatArray:
    """g: the gradient of the soft minimum of y h by h, softmax(-margin) y.  (n,), (n,) -> (n,)"""
    g = np.exp(margin.min() - margin)
    g *= y / g.sum()
    return np.asarray(g)


def recorded_steps(iterations: int) -> set[int]:
    """0, the end, and steps between them at equal ratios."""
    between = np.geomspace(1, max(iterations, 1), _RECORDED).round().astype(np.int64)
    return {0, iterations, *(int(t) for t in between)}
