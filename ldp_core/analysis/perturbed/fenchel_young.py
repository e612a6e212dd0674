"""The Fenchel-Young loss of a perturbed optimizer.

Notation: F = value, Omega = its convex conjugate · L(theta; y) = F(theta) + Omega(y) - <theta, y> >= 0
    gradient by theta: mean(theta) - y, whatever Omega is
    Omega is known where y is itself a solution: F(theta) >= E <y, theta + xi>, with equality in the limit of a theta that
    favours y beyond all noise, so Omega(y) = -<y, E xi>; and for argmax with Gumbel noise of scale s and any y on the
    simplex: L = s KL(y || softmax(theta / s)).
Elsewhere only F(theta) - <theta, y> is known, the loss up to a constant that does not depend on theta.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax, xlogy

from ldp_core.analysis.perturbed.monte_carlo import sample
from ldp_core.analysis.perturbed.noise import GumbelNoise, Noise
from ldp_core.analysis.perturbed.solvers import Argmax, Solver
from ldp_core.types import FloatArray

__all__ = ["Loss", "fenchel_young_loss", "is_solution", "stochastic_gradient"]


class Loss(NamedTuple):
    """`exact_constant`: is this the loss itself, or the loss up to a constant? `standard_error` is that of the value."""

    value: float
    standard_error: float
    exact_constant: bool


def is_solution(solver: Solver, y: FloatArray) -> bool:
    """Is y the best solution for some theta, and not a mixture of several?"""
    best = solver.solve(solver.admissible(solver.probe(y)[None]))[0]
    return bool(np.array_equal(best, y))


def fenchel_young_loss(
    solver: Solver, theta: FloatArray, noise: Noise, y: FloatArray, value: float, value_se: float
) -> Loss:
    """L(theta; y) from the value F(theta).  theta, y: (d,)"""
    if isinstance(solver, Argmax) and isinstance(noise, GumbelNoise):
        divergence = (xlogy(y, y) - y * log_softmax(theta / noise.sigma)).sum()
        return Loss(noise.sigma * float(divergence), 0.0, True)
    loss = value - float(theta @ y)
    if is_solution(solver, y):
        return Loss(loss - noise.mean * float(y.sum()), value_se, True)
    return Loss(loss, value_se, False)


def stochastic_gradient(
    solver: Solver, theta: FloatArray, noise: Noise, y: FloatArray, *, samples: int, rng: np.random.Generator
) -> FloatArray:
    """An unbiased estimate of the loss's gradient, mean(theta) - y, from a few draws.  (d,) -> (d,)"""
    return sample(solver, theta, noise, samples=samples, rng=rng).mean - y
