"""The maximum likelihood histogram by a primal-dual interior point method that only multiplies by Q and Q'.

Because <p, g> = -1 for every p, the sum-to-one constraint can be traded for a linear term: min f(p) + sum p over p >= 0 has the same solution,
and there z = 1 + g >= 0 with p o z = 0. Newton's method for p o z = mu, mu falling to 0, needs at each step
    (f'' + diag(z / p)) dp = mu / p - (1 + g),
solved by conjugate gradients with its diagonal as preconditioner: two products with the channel for each of a few dozen inner steps.
Where EM needs tens of thousands of passes over a private histogram (nearly all information is missing, so its rate is close to 1),
this needs a few hundred, because f'' itself is well conditioned. Predictor and corrector as in Mehrotra 1992.
"""

from collections.abc import Callable, Iterator

import numpy as np

from ldp_core.analysis.lojasiewicz.likelihood import Likelihood
from ldp_core.analysis.lojasiewicz.path import Point
from ldp_core.types import FloatArray

__all__ = ["conjugate_gradients", "interior_point"]

_TO_THE_WALL = 0.99
"""Share of the way to the nearest p = 0 or z = 0 that a step goes at most."""

_INNER_TOLERANCE = 1e-2
_INNER_STEPS = 200
_FIRST_SLACK = 0.1

Product = Callable[[FloatArray], FloatArray]


def interior_point(likelihood: Likelihood) -> Iterator[Point]:
    """Points on the simplex, one for each step, until the caller has enough. They tend to the analytic centre of all solutions."""
    channel = likelihood.channel
    p = np.full(channel.items, 1 / channel.items)
    _, gradient = likelihood.value_and_gradient(p)
    z = np.maximum(1 + gradient, 0) + _FIRST_SLACK
    t = 0
    while True:
        on_simplex = p / p.sum()
        yield Point(t, on_simplex, *likelihood.value_and_gradient(on_simplex))
        _, gradient = likelihood.value_and_gradient(p)
        p, z = _step(likelihood, p, z, gradient)
        t += 1


def _step(likelihood: Likelihood, p: FloatArray, z: FloatArray, gradient: FloatArray) -> tuple[FloatArray, FloatArray]:
    """One predictor, one corrector.  (k,), (k,) -> (k,), (k,)"""
    channel, weights = likelihood.channel, likelihood.curvature_weights(p)
    ratio = z / p
    diagonal = channel.adjoint_squared(weights) + ratio

    def matrix(v: FloatArray) -> FloatArray:
        product: FloatArray = channel.adjoint(weights * channel.forward(v)) + ratio * v
        return product

    dp = conjugate_gradients(matrix, -(1 + gradient), diagonal)
    dz = -z - ratio * dp
    mu = float(p @ z) / len(p)
    reached = (p + _reach(p, dp) * dp) @ (z + _reach(z, dz) * dz) / len(p)
    target = mu * (float(reached) / mu) ** 3 - dp * dz
    dp = dp + conjugate_gradients(matrix, target / p - (1 + gradient) - matrix(dp), diagonal)
    dz = target / p - z - ratio * dp
    return p + _TO_THE_WALL * _reach(p, dp) * dp, z + _TO_THE_WALL * _reach(z, dz) * dz


def _reach(x: FloatArray, dx: FloatArray) -> float:
    """The largest share of a step, at most 1 / 0.99, that keeps x + share dx >= 0; so that a full step can be taken inside."""
    return float(1 / max(_TO_THE_WALL, (-dx / x).max()))


def conjugate_gradients(matrix: Product, b: FloatArray, diagonal: FloatArray) -> FloatArray:
    """x with matrix x = b to 1 % in the norm of the preconditioner; matrix symmetric and positive definite.  (k,) -> (k,)"""
    x, residual = np.zeros_like(b), b
    scaled = residual / diagonal
    direction, size = scaled, float(residual @ scaled)
    enough = _INNER_TOLERANCE**2 * size
    for _ in range(_INNER_STEPS):
        if size <= enough:
            break
        image = matrix(direction)
        step = size / float(direction @ image)
        x = x + step * direction
        residual = residual - step * image
        scaled = residual / diagonal
        before, size = size, float(residual @ scaled)
        direction = scaled + size / before * direction
    return x
