"""The output layer alone, trained by gradient ascent on the soft minimum of the margins: the kernel's classifier, as far as it gets.

h(x) = (1/m) sum_j b_j (a_j.x)_+ with the a_j ~ N(0, I) frozen and b = 0 at the start. Step t is eta_t = step / sqrt(t + 1) times
max(1, |b| / sqrt(m)):    b_j += eta_t sum_i g_i (a_j.x_i)_+,    g_i = softmax_i(-margin) y_i.
The margin is min_i y_i h(x_i) over the norm (|b|^2 / m)^(1/2), that of b in L2 of the neurons. It tends to the largest one that these neurons
allow, at a rate of log t / sqrt t, and that one, for wide networks, to the kernel's gamma_2: Chizat, Bach 2020, arXiv 2002.04486.

Notation: X: (n, D) · F: (n, m) hidden activities (a_j.x_i)_+
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ldp_core.analysis.max_margin.gradient_descent import recorded_steps, soft_min_weights
from ldp_core.types import FloatArray

__all__ = ["OutputLayer", "train_output_layer"]

_WATCHED = 32


@dataclass(frozen=True, eq=False)
class OutputLayer:
    """A: (m, D) frozen · b: (m,) of the recorded step with the largest margin · margin: that one · steps, margins, errors: on the way."""

    A: FloatArray
    b: FloatArray
    margin: float
    steps: FloatArray
    margins: FloatArray
    errors: FloatArray

    def hidden(self, X: FloatArray) -> FloatArray:
        """F.  (n, D) -> (n, m)"""
        return np.maximum(X @ self.A.T, 0)

    def kernel(self, X: FloatArray) -> FloatArray:
        """The kernel of these neurons, F F' / m, which tends to the arc-cosine kernel.  (n, D) -> (n, n)"""
        F = self.hidden(X)
        return np.asarray(F @ F.T / len(self.b))

    def predict(self, X: FloatArray) -> FloatArray:
        """h(x) of each row.  (n, D) -> (n,)"""
        return np.asarray(self.hidden(X) @ self.b / len(self.b))


def train_output_layer(
    X: FloatArray,
    y: FloatArray,
    *,
    width: int,
    iterations: int,
    step: float,
    rng: np.random.Generator,
    watch: Callable[[int, float], None],
) -> OutputLayer:
    """Train from b = 0. X: (n, D) · y: (n,) of +-1 · watch gets iteration and margin now and then, and may raise to stop."""
    m = width
    A, b = rng.standard_normal((m, X.shape[1])), np.zeros(m)
    F = np.maximum(X @ A.T, 0)
    recorded = recorded_steps(iterations)
    margins, errors, best = [], [], b
    for t in range(iterations + 1):
        margin = y * (F @ b) / m
        norm = float(np.sqrt(np.mean(b * b)))
        if t in recorded:
            margins.append(float(margin.min()) / norm if norm > 0 else 0.0)
            errors.append(float(np.mean(margin <= 0)))
            if margins[-1] == max(margins):
                best = b.copy()
        if t % _WATCHED == 0:
            watch(t, margins[-1])
        if t < iterations:
            b += step / np.sqrt(t + 1) * max(1.0, norm) * (soft_min_weights(margin, y) @ F)
    return OutputLayer(A, best, max(margins), np.array(sorted(recorded)), np.array(margins), np.array(errors))
