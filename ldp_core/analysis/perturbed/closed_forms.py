"""Which perturbed optimizers are known exactly.

    two solutions a, b, normal noise   Pr[a] = Phi(<a - b, theta> / sd), sd^2 = Var <a - b, xi>
    argmax, Gumbel                     softmax(theta / s), value s logsumexp(theta / s) + 0.5772 s
    argmax or top-k, independent noise one integral (`independent`)
    ranks, any noise offered           pairs (`expected_ranks`)
Normal noise whose covariances are all equal ranks like independent noise: a displacement that all entries share changes
no order, and its mean is zero.
"""

import math

import numpy as np
from scipy.special import log_softmax, logsumexp, ndtr

from ldp_core.analysis.perturbed.expected_ranks import gumbel_rank_law, normal_rank_law
from ldp_core.analysis.perturbed.independent import (
    MOST_NODES,
    ClosedForm,
    GumbelLaw,
    IndependentLaw,
    NormalLaw,
    argmax_law,
    top_k_cost,
    top_k_law,
)
from ldp_core.analysis.perturbed.noise import EULER, CovarianceNoise, GumbelNoise, Noise, NormalNoise
from ldp_core.analysis.perturbed.solvers import Argmax, Ranks, Solver, TopK
from ldp_core.types import FloatArray

__all__ = ["closed_form", "closed_form_seconds", "softmax"]

_LARGEST_RANKED = 2_000
_LARGEST_JACOBIAN = 256
_MOST_OPERATIONS = 2e8
_SECONDS_PER_OPERATION = 2e-9
_SECONDS_PER_STEP = 8e-6


def softmax(theta: FloatArray, scale: float) -> FloatArray:
    """exp(theta / scale), divided by its sum.  (d,) -> (d,)"""
    result: FloatArray = np.exp(log_softmax(theta / scale))
    return result


def closed_form(solver: Solver, theta: FloatArray, noise: Noise, *, jacobian: bool) -> ClosedForm | None:
    """The exact law, or None where none is known or it would take too long."""
    jacobian = jacobian and len(theta) <= _LARGEST_JACOBIAN
    two = solver.two_solutions()
    if two is not None and not isinstance(noise, GumbelNoise):
        return _two_solutions(two, theta, noise)
    if isinstance(solver, Ranks):
        return _ranks(theta, noise)
    if isinstance(solver, Argmax) and isinstance(noise, GumbelNoise):
        return _gumbel_argmax(theta, noise.sigma, jacobian)
    law = _independent(theta, noise) if isinstance(solver, TopK) else None
    if law is None or not isinstance(solver, TopK) or not _affordable(law, solver.k, jacobian=False):
        return None
    if solver.k == 1:
        return argmax_law(law, jacobian=jacobian)
    return top_k_law(law, solver.k, jacobian=jacobian and _affordable(law, solver.k, jacobian=True))


def closed_form_seconds(solver: Solver, theta: FloatArray, noise: Noise, *, jacobian: bool) -> float:
    """Predicted time of `closed_form`."""
    d = len(theta)
    if isinstance(solver, Ranks):
        return 1e-7 * d**2 if d <= _LARGEST_RANKED else 0.0
    law = _independent(theta, noise) if isinstance(solver, TopK) else None
    if law is None or not isinstance(solver, TopK) or not _affordable(law, solver.k, jacobian=False):
        return 0.0
    nodes = len(law.grid(solver.k))
    if solver.k == 1:
        return 1e-7 * d * nodes + (1e-9 * d * d * nodes if jacobian else 0.0)
    pairs = jacobian and d <= _LARGEST_JACOBIAN and _affordable(law, solver.k, jacobian=True)
    each = _SECONDS_PER_OPERATION * nodes * solver.k + _SECONDS_PER_STEP
    return each * d * math.log2(d) * (d if pairs else 1)


def _affordable(law: IndependentLaw, k: int, *, jacobian: bool) -> bool:
    nodes = len(law.grid(k))
    if nodes > MOST_NODES:
        return False
    if k == 1:
        return law.size * nodes <= 2e7
    return top_k_cost(law.size, nodes, k) * (law.size if jacobian else 1) <= _MOST_OPERATIONS


def _independent(theta: FloatArray, noise: Noise) -> IndependentLaw | None:
    if isinstance(noise, GumbelNoise):
        return GumbelLaw(theta, noise.sigma)
    if isinstance(noise, NormalNoise):
        return NormalLaw(theta, np.full(len(theta), noise.sigma))
    if isinstance(noise, CovarianceNoise):
        own, shared = np.diag(noise.matrix), noise.matrix[0, 1]
        apart = noise.matrix[~np.eye(len(theta), dtype=np.bool_)]
        rest = own - shared
        if np.ptp(apart) <= 1e-12 * own.max() and (rest > 0).all():
            return NormalLaw(theta, np.sqrt(rest))
    return None


def _two_solutions(two: FloatArray, theta: FloatArray, noise: Noise) -> ClosedForm:
    """A choice between <a, theta> and <b, theta>."""
    contrast = two[0] - two[1]
    first, second = two @ theta
    sd = max(math.sqrt(noise.contrast_variance(contrast)), 1e-300)
    z = (first - second) / sd
    share = float(ndtr(z))
    bell = math.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)
    value = first * share + second * (1 - share) + sd * bell
    return ClosedForm(two[1] + share * contrast, float(value), bell / sd * np.outer(contrast, contrast))


def _ranks(theta: FloatArray, noise: Noise) -> ClosedForm | None:
    if len(theta) > _LARGEST_RANKED:
        return None
    if isinstance(noise, GumbelNoise):
        return gumbel_rank_law(theta, noise.sigma)
    if isinstance(noise, NormalNoise):
        return normal_rank_law(theta, noise.sigma**2 * np.eye(len(theta)))
    return normal_rank_law(theta, noise.matrix) if isinstance(noise, CovarianceNoise) else None


def _gumbel_argmax(theta: FloatArray, scale: float, jacobian: bool) -> ClosedForm:
    p = softmax(theta, scale)
    value = scale * (float(logsumexp(theta / scale)) + EULER)
    return ClosedForm(p, value, (np.diag(p) - np.outer(p, p)) / scale if jacobian else None)
