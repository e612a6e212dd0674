"""Instances that several tests use."""

import numpy as np

from ldp_core.types import FloatArray


def random_graph(n: int, degree: float, seed: int) -> FloatArray:
    """Adjacency matrix of a random graph with unit weights."""
    upper = np.triu(np.random.default_rng(seed).random((n, n)) < degree / (n - 1), 1).astype(np.float64)
    return upper + upper.T


def cycle(n: int) -> FloatArray:
    """Adjacency matrix of a ring."""
    ring = np.roll(np.eye(n), 1, axis=1)
    return ring + ring.T


def noisy_correlations(d: int, rho: float, deviations: FloatArray | float, seed: int) -> tuple[FloatArray, FloatArray]:
    """A correlation matrix of attributes with hidden polarity, and the same with Gaussian noise off the diagonal."""
    rng = np.random.default_rng(seed)
    signs = np.where(rng.random(d) < 0.5, -1.0, 1.0)
    truth = rho * np.outer(signs, signs)
    np.fill_diagonal(truth, 1.0)
    return truth, truth + _noise(d, deviations, rng)


def noisy_factors(d: int, factors: int, deviations: FloatArray | float, seed: int) -> tuple[FloatArray, FloatArray]:
    """Correlations of attributes that are unit combinations of a few independent factors, and the same with noise."""
    rng = np.random.default_rng(seed)
    loadings = rng.standard_normal((d, factors))
    loadings /= np.linalg.norm(loadings, axis=1, keepdims=True)
    truth = loadings @ loadings.T
    return truth, truth + _noise(d, deviations, rng)


def _noise(d: int, deviations: FloatArray | float, rng: np.random.Generator) -> FloatArray:
    upper = np.triu(rng.standard_normal((d, d)) * deviations, 1)
    return upper + upper.T


def pair_rows(signs: FloatArray, rho: float, epsilon: float, users: int, rng: np.random.Generator) -> list[list[int]]:
    """What phones with E[x_a x_b] = rho s_a s_b report: rows (a, b, reports, agreeing reports)."""
    d = len(signs)
    a, b = np.triu_indices(d, 1)
    reports = rng.multinomial(users, np.full(len(a), 1 / len(a)))
    kept = np.exp(epsilon) / (1 + np.exp(epsilon))
    together = (1 + rho * signs[a] * signs[b]) / 2
    agree = rng.binomial(reports, together * kept + (1 - together) * (1 - kept))
    return [[int(v) for v in row] for row in zip(a, b, reports, agree, strict=True) if row[2]]
