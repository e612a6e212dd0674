"""How well predictions meet outcomes that no fit has seen.

Notation: y: (rows,) outcomes · f: (rows,) predictions · c: mean of the training outcomes
"""

from dataclasses import dataclass

import numpy as np

from ldp_core.types import FloatArray

__all__ = ["Skill", "explained_variance", "permutation_p", "r_squared", "skill"]


@dataclass(frozen=True)
class Skill:
    """r2: 1 - sum (y - f)^2 / sum (y - c)^2 · p: of a permutation test against no dependence."""

    r2: float
    p: float


def skill(y: FloatArray, f: FloatArray, c: float, permutations: int, rng: np.random.Generator) -> Skill:
    """R^2 and permutation p-value of predictions."""
    return Skill(r_squared(y, f, c), permutation_p(y, f, permutations, rng))


def r_squared(y: FloatArray, f: FloatArray, c: float) -> float:
    """1 - sum (y - f)^2 / sum (y - c)^2; 0 where all outcomes are c."""
    scale = float(np.mean((y - c) ** 2))
    return 1 - float(np.mean((y - f) ** 2)) / scale if scale > 0 else 0.0


def permutation_p(y: FloatArray, f: FloatArray, permutations: int, rng: np.random.Generator) -> float:
    """p-value of the covariance of y and f among shuffles of y: (1 + as large) / (1 + permutations).

    Exact where f was found without these rows: then every order of y is equally likely if y does not depend on the rows.
    """
    centred = f - f.mean()
    if not centred.any():
        return 1.0
    observed = float(y @ centred)
    as_large = sum(float(rng.permutation(y) @ centred) >= observed for _ in range(permutations))
    return (1 + as_large) / (1 + permutations)


def explained_variance(y: FloatArray, f: FloatArray) -> tuple[float, float]:
    """2 mean(f y) - mean(f^2) and its standard error, both centred by the caller, in units of y^2.

    Its expectation is E[g^2] - E[(g - f)^2] with g = E[y | row], whatever noise y carries, so it compares across epsilon.
    """
    each = 2 * f * y - f * f
    error = float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else 0.0
    return float(each.mean()), error
