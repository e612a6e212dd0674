"""Descents on the simplex whose step multiplies every frequency by a positive factor.

Notation: f, g, s, Q as in `likelihood` · eta: step · v = p o (g - <p, g>), the gradient with respect to logits.
    em            p <- p o (-g)                  monotone, f_t - min f <= KL(p*, p_0) / t
    mirror        p <- p o exp(-eta g), scaled   gradient descent in the geometry of the entropy
    softmax_gd    p <- p o exp(-eta v), scaled   gradient descent on the logits
Safe steps 1/L. With l_y <= (Q p)_y <= u_y the least and largest entries of row y, any change d of p that sums to 0 has (Q d)_y = ((Q - l) d)_y, hence by
Cauchy-Schwarz d' f'' d <= sum_x d_x^2/p_x sum_y s_y (Q_yx - l_y) ((Q p)_y - l_y) / (Q p)_y^2, which gives for mirror
    L = max over x of sum_y s_y (Q_yx - l_y) m_y,   m_y = the largest of (q - l_y)/q^2 over l_y <= q <= u_y.
For softmax_gd the second derivative is at most the covariance of p less the mean covariance given the message, of which a share l_y/(Q p)_y is that of p
itself: L = (1 - sum_y s_y l_y / u_y) / 2, since no covariance of p exceeds 1/2.
"""

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from ldp_core.analysis.lojasiewicz.likelihood import Likelihood, softmax_gradient
from ldp_core.analysis.lojasiewicz.path import Point
from ldp_core.types import FloatArray, Frequencies

__all__ = ["UPDATES", "descend", "safe_step"]

_NOTHING_TOLD = 1e-12

Update = Callable[[Frequencies, FloatArray, float], Frequencies]


def _em(p: Frequencies, gradient: FloatArray, step: float) -> Frequencies:  # noqa: ARG001 - the step of EM is its own
    return _scaled(p * -gradient)


def _mirror(p: Frequencies, gradient: FloatArray, step: float) -> Frequencies:
    return _tilted(p, -step * gradient)


def _softmax(p: Frequencies, gradient: FloatArray, step: float) -> Frequencies:
    return _tilted(p, -step * softmax_gradient(p, gradient))


def _tilted(p: Frequencies, exponents: FloatArray) -> Frequencies:
    """p o exp(exponents), scaled; by logarithms, so that the largest never underflows."""
    with np.errstate(divide="ignore"):
        logs = np.log(p) + exponents
    return _scaled(np.exp(logs - logs.max()))


def _scaled(weights: FloatArray) -> Frequencies:
    scaled: Frequencies = weights / weights.sum()
    return scaled


UPDATES: Mapping[str, Update] = {"em": _em, "mirror": _mirror, "softmax_gd": _softmax}


def descend(likelihood: Likelihood, algorithm: str, step: float) -> Iterator[Point]:
    """Points from the uniform histogram on, one for each step, without end."""
    update, k = UPDATES[algorithm], likelihood.channel.items
    p, t = np.full(k, 1 / k), 0
    while True:
        value, gradient = likelihood.value_and_gradient(p)
        yield Point(t, p, value, gradient)
        p, t = update(p, gradient, step), t + 1


def safe_step(likelihood: Likelihood, algorithm: str) -> float | None:
    """1/L: f falls with every step of at most this length. None where the channel gives no bound (some probability is 0).

    Where messages tell nothing, L is 0 and any step is safe; 1 is returned.
    """
    channel, s = likelihood.channel, likelihood.shares
    low, high = channel.least, channel.largest
    came = s > 0
    if algorithm == "softmax_gd":
        return _inverse(float(1 - s[came] @ (low[came] / high[came])) / 2)
    if low[came].min() <= 0:
        return None
    steepest = np.zeros_like(s)
    q = np.minimum(2 * low[came], high[came])  # where (q - l)/q^2 is largest
    steepest[came] = s[came] * (q - low[came]) / q**2
    return _inverse(float((channel.adjoint(steepest) - steepest @ low).max()))


def _inverse(smoothness: float) -> float:
    return 1 / smoothness if smoothness > _NOTHING_TOLD else 1.0
