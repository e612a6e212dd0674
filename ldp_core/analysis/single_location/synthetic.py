"""Rows drawn from the single-location model, to try and to test the fit on."""

from dataclasses import dataclass

import numpy as np

from ldp_core.types import FloatArray, IntArray

__all__ = ["SingleLocationData", "draw_rows"]


@dataclass(frozen=True)
class SingleLocationData:
    """X: (n, L, d) tokens · y: (n,) outcomes · location: (n,) hidden positions · k_star, v_star: (d,) the true directions."""

    X: FloatArray
    y: FloatArray
    location: IntArray
    k_star: FloatArray
    v_star: FloatArray


def draw_rows(n: int, d: int, L: int, *, gamma: float, noise_sd: float, rng: np.random.Generator) -> SingleLocationData:
    """n rows: X_J0 ~ N(sqrt(d/2) k*, gamma^2 I) at a uniform position J0, N(0, I) elsewhere, y = <X_J0, v*> + noise.

    d >= 2 · L >= 1 · gamma, noise_sd >= 0. k* and v* are a uniform orthonormal pair.
    """
    basis, _ = np.linalg.qr(rng.standard_normal((d, 2)))
    k_star, v_star = basis[:, 0], basis[:, 1]
    X = rng.standard_normal((n, L, d))
    location = rng.integers(0, L, n)
    rows = np.arange(n)
    X[rows, location] = gamma * X[rows, location] + np.sqrt(d / 2) * k_star
    y = X[rows, location] @ v_star + noise_sd * rng.standard_normal(n)
    return SingleLocationData(X, y, location, k_star, v_star)
