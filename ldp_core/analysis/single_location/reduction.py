"""Projected gradient descent on two unit vectors, followed through five inner products alone.

grad_k = R_kappa k* + R_eta v* + R_rho v and grad_v = R_nu v* + R_theta k* + R_rho k, so the inner products after a step
are a closed function of those before it: no vector of length d is ever formed, and nothing is lost.

Notation: as in `model`; R_x: derivative of the excess with respect to x · alpha: step size · a = <k, grad_k>, b = <v, grad_v>.
"""

import numpy as np

from ldp_core.analysis.single_location.model import Overlaps, PopulationRisk
from ldp_core.types import FloatArray

__all__ = ["gram_matrix", "manifold_distance", "projected_step", "start_on_manifold", "start_on_spheres"]


def gram_matrix(at: Overlaps) -> FloatArray:
    """Inner products of (k*, v*, k, v).  -> (4, 4). Vectors with these exist where it is positive semidefinite."""
    kappa, nu, theta, eta, rho = (float(x) for x in (at.kappa, at.nu, at.theta, at.eta, at.rho))
    return np.array([[1, 0, kappa, theta], [0, 1, eta, nu], [kappa, eta, 1, rho], [theta, nu, rho, 1]])


def manifold_distance(at: Overlaps) -> FloatArray:
    """Euclidean norm of (theta, eta, rho), which is zero exactly on the invariant manifold.  (runs,) -> (runs,)"""
    return np.asarray(np.sqrt(np.square(at.theta) + np.square(at.eta) + np.square(at.rho)))


def projected_step(risk: PopulationRisk, at: Overlaps, alpha: float) -> Overlaps:
    """Overlaps after k <- normalise(k - alpha (I - kk') grad_k) and the same for v.  (runs,) each -> same"""
    R = risk.gradient(at)
    a = R.kappa * at.kappa + R.eta * at.eta + R.rho * at.rho
    b = R.nu * at.nu + R.theta * at.theta + R.rho * at.rho
    # Inner products of the full gradients with k, v and each other, from the expansion above.
    k_with_v = R.kappa * at.theta + R.eta * at.nu + R.rho
    v_with_k = R.nu * at.eta + R.theta * at.kappa + R.rho
    both = R.kappa * R.theta + R.eta * R.nu + R.rho * (a - R.rho * at.rho + b)
    square_k = R.kappa**2 + R.eta**2 + R.rho**2 + 2 * R.rho * (R.kappa * at.theta + R.eta * at.nu)
    square_v = R.nu**2 + R.theta**2 + R.rho**2 + 2 * R.rho * (R.nu * at.eta + R.theta * at.kappa)
    # The projected gradient is orthogonal to the vector, so squared lengths add.
    length_k = np.sqrt(1 + alpha**2 * np.maximum(square_k - a * a, 0))
    length_v = np.sqrt(1 + alpha**2 * np.maximum(square_v - b * b, 0))
    tangent_both = both - b * k_with_v - a * v_with_k + a * b * at.rho
    return Overlaps(
        kappa=(at.kappa - alpha * (R.kappa + R.rho * at.theta - a * at.kappa)) / length_k,
        eta=(at.eta - alpha * (R.eta + R.rho * at.nu - a * at.eta)) / length_k,
        nu=(at.nu - alpha * (R.nu + R.rho * at.eta - b * at.nu)) / length_v,
        theta=(at.theta - alpha * (R.theta + R.rho * at.kappa - b * at.theta)) / length_v,
        rho=(at.rho - alpha * (k_with_v - a * at.rho + v_with_k - b * at.rho) + alpha**2 * tangent_both)
        / (length_k * length_v),
    )


def start_on_manifold(d: int, runs: int, rng: np.random.Generator) -> Overlaps:
    """Uniform on theta = eta = rho = 0: k on the sphere of v*'s complement, v on that of k*'s and k's.  -> (runs,) each"""
    zero = np.zeros(runs)
    kappa = _first_coordinate(max(d - 1, 1), runs, rng)
    nu = _first_coordinate(max(d - 2, 1), runs, rng)
    return Overlaps(kappa=kappa, nu=nu, theta=zero, eta=zero, rho=zero)


def start_on_spheres(d: int, runs: int, rng: np.random.Generator) -> Overlaps:
    """k and v independent, uniform on the unit sphere of R^d.  -> (runs,) each"""
    kappa, eta, rest_k = _first_two_coordinates(d, runs, rng)
    theta, nu, rest_v = _first_two_coordinates(d, runs, rng)
    # Beyond the two named axes the directions are uniform in d - 2 dimensions, so their cosine is a first coordinate.
    cosine = _first_coordinate(d - 2, runs, rng) if d > 2 else np.zeros(runs)
    return Overlaps(kappa=kappa, nu=nu, theta=theta, eta=eta, rho=kappa * theta + eta * nu + rest_k * rest_v * cosine)


def _square_length(d: int, runs: int, rng: np.random.Generator) -> FloatArray:
    return rng.chisquare(d, runs) if d > 0 else np.zeros(runs)


def _first_coordinate(d: int, runs: int, rng: np.random.Generator) -> FloatArray:
    first = rng.standard_normal(runs)
    return np.asarray(first / np.sqrt(first**2 + _square_length(d - 1, runs, rng)))


def _first_two_coordinates(d: int, runs: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Two coordinates of a uniform unit vector, and the length of what remains."""
    pair = rng.standard_normal((2, runs))
    rest = _square_length(d - 2, runs, rng)
    length = np.sqrt((pair**2).sum(axis=0) + rest)
    return pair[0] / length, pair[1] / length, np.sqrt(rest) / length
