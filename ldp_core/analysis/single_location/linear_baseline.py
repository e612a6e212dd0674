"""What a linear model of all coordinates achieves on the same rows: the yardstick for attention.

Ridge regression on the flattened tokens; its penalty is chosen on the validation rows, as the attention's settings are.
"""

from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from ldp_core.analysis.single_location.split import Rows
from ldp_core.types import FloatArray

__all__ = ["linear_predictions", "linear_r2_theory"]

_PENALTIES = tuple(10.0**power for power in np.arange(-4, 4.25, 0.5))
"""In units of the mean eigenvalue of the Gram matrix."""

_BLOCK = 4096


def linear_predictions(train: Rows, validation: Rows, test: FloatArray, watch: Callable[[], None]) -> FloatArray:
    """Predictions for the test rows by the ridge regression with the least squared error on the validation rows.

    test: (rows, L, d) · -> (rows,). The smaller of the training rows and L d is the size of the system that is solved. watch
    is called between blocks of work and may raise to stop.
    """
    F, V, T = (X.reshape(len(X), -1) for X in (train.X, validation.X, test))
    centre, y_mean = F.mean(axis=0), float(train.y.mean())
    prepare = _primal if F.shape[1] <= F.shape[0] else _dual
    solve = prepare(F, centre, train.y - y_mean, watch)
    best, least = np.zeros(F.shape[1]), float(np.mean((validation.y - y_mean) ** 2))
    for penalty in _PENALTIES:
        watch()
        coefficients = solve(penalty)
        error = float(np.mean((validation.y - y_mean - (V @ coefficients - centre @ coefficients)) ** 2))
        if error < least:
            best, least = coefficients, error
    return np.asarray(y_mean + T @ best - centre @ best)


def _primal(
    F: FloatArray, centre: FloatArray, y: FloatArray, watch: Callable[[], None]
) -> Callable[[float], FloatArray]:
    """Ridge coefficients by penalty, from the (L d, L d) Gram matrix."""
    gram = -len(F) * np.outer(centre, centre)
    for start in range(0, len(F), _BLOCK):
        watch()
        gram += F[start : start + _BLOCK].T @ F[start : start + _BLOCK]
    right = F.T @ y - centre * y.sum()
    scale = float(np.trace(gram)) / len(gram) or 1.0

    def solve(penalty: float) -> FloatArray:
        return np.asarray(cho_solve(cho_factor(gram + penalty * scale * np.eye(len(gram))), right))

    return solve


def _dual(F: FloatArray, centre: FloatArray, y: FloatArray, watch: Callable[[], None]) -> Callable[[float], FloatArray]:
    """The same from the (rows, rows) kernel: coefficients = F_c' (F_c F_c' + penalty)^-1 y."""
    kernel = np.zeros((len(F), len(F)))
    for start in range(0, F.shape[1], _BLOCK):
        watch()
        columns = F[:, start : start + _BLOCK] - centre[start : start + _BLOCK]
        kernel += columns @ columns.T
    scale = float(np.trace(kernel)) / len(kernel) or 1.0

    def solve(penalty: float) -> FloatArray:
        weights = cho_solve(cho_factor(kernel + penalty * scale * np.eye(len(kernel))), y)
        return np.asarray(weights @ F - centre * weights.sum())

    return solve


def linear_r2_theory(positions: FloatArray, gamma_squared: float, signal: float) -> float:
    """Share of the outcome's variance that the best linear model explains, if the single-location model holds.

    positions: (L,) p, law of the hidden position, sum 1 · gamma_squared: g^2, variance of the located token along v in units
    of a noise token's · signal: share of the outcome's variance that the located token carries.
    The best coefficient at position l is g^2 p_l / (1 - p_l + g^2 p_l), so sum_l g^4 p_l^2 / (1 - p_l + g^2 p_l) of g^2.

    >>> round(linear_r2_theory(np.full(10, 0.1), 0.5, 1.0), 12)  # Proposition 3: g^2 / (g^2 + L - 1)
    0.052631578947
    """
    explained = gamma_squared**2 * positions**2 / (1 - positions + gamma_squared * positions)
    return signal * float(explained.sum()) / gamma_squared
