"""The likelihood of a histogram given the messages that came, with everything a certified descent needs of it.

Notation
    p: frequencies of k items, on the simplex · Q: channel, N by k · c: counts of messages, n their sum · s = c/n
    f(p) = -sum s_y log (Q p)_y, convex · g = grad f = -Q'(s / Q p), so that <p, g> = -1 at every p
Frank-Wolfe certificate: f(p) - min f <= <p, g> - min g, because f lies above its tangent plane and the least of that plane over the simplex is at
a corner. It needs no knowledge of the minimum.
Curvature: f'' = Q' diag(s / (Q p)^2) Q. Only directions that sum to 0 matter on the simplex.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ldp_core.exact_sum import exact_sum
from ldp_core.mechanisms.channel import Channel
from ldp_core.types import Counts, FloatArray, Frequencies, IntArray

__all__ = ["Likelihood", "frank_wolfe_gap", "softmax_gradient"]


@dataclass(frozen=True, eq=False)
class Likelihood:
    """f for one channel and one row of counts.

    counts: (N,), non-negative, not all 0; every message that came is possible under some item.
    """

    channel: Channel
    counts: Counts

    @cached_property
    def n(self) -> int:
        """The number of reports."""
        return exact_sum(self.counts)

    @cached_property
    def shares(self) -> FloatArray:
        """s = c/n.  (N,)"""
        return self.counts / self.n

    @cached_property
    def _came(self) -> IntArray:
        return np.flatnonzero(self.counts)

    def value(self, p: Frequencies) -> float:
        """f(p)."""
        return self._value(self.channel.forward(p))

    def value_and_gradient(self, p: Frequencies) -> tuple[float, FloatArray]:
        """f(p) and g.  g: (k,)"""
        q = self.channel.forward(p)
        # a step too long can make a message that came impossible, or nearly so: f is infinite there
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return self._value(q), -self.channel.adjoint(self._over(self.shares, q))

    def curvature_weights(self, p: Frequencies) -> FloatArray:
        """s / (Q p)^2, so that f'' = Q' diag(it) Q.  (N,)"""
        return self._twice_over(self.channel.forward(p))

    @cached_property
    def least_curvature_weights(self) -> FloatArray:
        """The least that `curvature_weights` can be at any p: s / (largest entry of each row of Q)^2.  (N,)"""
        return self._twice_over(self.channel.largest)

    def _value(self, q: FloatArray) -> float:
        return -float(self.shares[self._came] @ np.log(q[self._came]))

    def _twice_over(self, q: FloatArray) -> FloatArray:
        """s / q^2, without squaring a q that may be tiny."""
        return self._over(self._over(self.shares, q), q)

    def _over(self, values: FloatArray, q: FloatArray) -> FloatArray:
        """values / q where a message came and 0 elsewhere."""
        result = np.zeros_like(values)
        result[self._came] = values[self._came] / q[self._came]
        return result


def frank_wolfe_gap(p: Frequencies, gradient: FloatArray) -> float:
    """<p, g> - min g, an upper bound of f(p) - min f; never below 0."""
    return max(float(p @ gradient - gradient.min()), 0.0)


def softmax_gradient(p: Frequencies, gradient: FloatArray) -> FloatArray:
    """v = p o (g - <p, g>), the gradient with respect to logits.  (k,)"""
    v: FloatArray = p * (gradient - p @ gradient)
    return v
