"""Did an iteration converge, or did only its values? Values may settle while the iterates wander on for ever.

Notation: T steps of lengths l_1…l_T, values f_0…f_T · the last half: steps beyond T/2 · the quarter before it.
If l_k falls like k^-p, the path through the last half is 2^(1-p) times that through the quarter before: it shrinks where the whole
path is finite (p > 1), and does not where it is infinite (p <= 1). A finite run proves nothing about the limit; it can only warn.
Source of the warning: Bolte, Pauwels, "Curiosities and counterexamples in smooth convex optimization", Math. Program. 195, 2022.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ldp_core.errors import ParameterError
from ldp_core.types import FloatArray

__all__ = ["STATUSES", "Convergence", "diagnose_convergence"]

STATUSES = ("converged", "iterates_unsettled", "still_descending", "diverged")
"""Iterates and values settled · values settled, iterates did not · values still fall · values are not finite, or ended above the start."""

_SHRINKS = 0.75
_SHORT_RUN, _SHORT_STEP = 8, 0.1
_STILL_FALLING = 1e-3
_NOTHING = 1e-9
_ROUNDING = 1e-12


@dataclass(frozen=True)
class Convergence:
    """How an iteration ended.

    status: one of STATUSES · iterations: T · last_step: length of the last step · path_length: of all steps ·
    recent_path: of the last half · gap: bound of the last value above the least one, where the method knows one.
    """

    status: str
    iterations: int
    last_step: float
    path_length: float
    recent_path: float
    gap: float | None = None


def diagnose_convergence(
    values: Sequence[float] | FloatArray,
    step_lengths: Sequence[float] | FloatArray,
    path_length: float | None = None,
    *,
    gap: float | None = None,
) -> Convergence:
    """Judge a minimisation by its trace.

    values: (T + 1,) or (T,), what was minimised · step_lengths: (T,) · path_length: their sum when left out, to be given where only some steps
    are recorded · gap: see `Convergence`; where it is 0 the last iterate is a minimiser and nothing else is asked. Raises ParameterError for step lengths that are negative, or without a value.

    >>> diagnose_convergence([1, 0.25, 0.06, 0.015], [0.5, 0.25, 0.12]).status
    'still_descending'
    >>> k = np.arange(1, 4000)
    >>> [diagnose_convergence(1 / k, k[1:] ** -p).status for p in (1.0, 2.0)]
    ['iterates_unsettled', 'converged']
    """
    f, lengths = np.asarray(values, dtype=np.float64), np.asarray(step_lengths, dtype=np.float64)
    if not len(f) or (lengths < 0).any():
        raise ParameterError("a trace has at least one value, and step lengths that are not negative")
    whole = float(lengths.sum()) if path_length is None else path_length
    half = len(lengths) // 2
    recent = float(lengths[half:].sum())
    settled = recent <= _NOTHING * max(whole, _NOTHING) or _shortens(lengths, half)
    return Convergence(
        status="converged" if gap == 0 else _status(f, whole, gap, settled),
        iterations=len(lengths),
        last_step=float(lengths[-1]) if len(lengths) else 0.0,
        path_length=whole,
        recent_path=recent,
        gap=gap,
    )


def _shortens(lengths: FloatArray, half: int) -> bool:
    """Is the path through the last half shorter than that through the quarter before, or in a short run the last step than the longest?"""
    if len(lengths) < _SHORT_RUN:
        return float(lengths[-1]) <= _SHORT_STEP * float(lengths.max())
    return float(lengths[half:].sum()) < _SHRINKS * float(lengths[len(lengths) // 4 : half].sum())


def _status(f: FloatArray, whole: float, gap: float | None, settled: bool) -> str:
    if not np.isfinite(f).all() or not np.isfinite(whole):
        return "diverged"
    fallen = float(f[0] - f[-1])
    if fallen < -_ROUNDING * max(1.0, float(np.abs(f).max())):
        return "diverged"
    at_bottom = gap is not None and gap <= _NOTHING * fallen
    if not at_bottom and float(f[(len(f) - 1) // 2] - f[-1]) > _STILL_FALLING * fallen:
        return "still_descending"
    return "converged" if settled else "iterates_unsettled"
