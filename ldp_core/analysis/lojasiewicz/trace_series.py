"""The two plots of a descent: how far it is against time, and its gradient against how far it is, each with the fitted line."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ldp_core.analysis.lojasiewicz.bounds import gradient_descent_rate
from ldp_core.analysis.lojasiewicz.exponent import ExponentFit, TraceColumns
from ldp_core.analysis.result import Series
from ldp_core.types import FloatArray

__all__ = ["descent_series", "exponent_series"]

_STEEPEST = 300.0
"""Of the logarithm of a fitted line, which could otherwise overflow."""


def descent_series(trace: TraceColumns, f_star: float, fit: ExponentFit | None, **others: FloatArray) -> Series:
    """D = f - f_star against t, with further columns; `predicted` is the power of t that the exponent gives, through the middle row."""
    rows = trace.t > 0
    t, excess = trace.t[rows], np.maximum(trace.f[rows] - f_star, 0)
    columns: dict[str, Any] = {"t": t, "excess": excess, **{name: column[rows] for name, column in others.items()}}
    rate = None if fit is None or fit.geometric else gradient_descent_rate(fit.alpha)
    if rate is not None and len(t):
        middle = len(t) // 2
        columns["predicted"] = excess[middle] * np.exp(np.clip(rate * np.log(t / t[middle]), -_STEEPEST, _STEEPEST))
    return Series(columns, "t", "step", "f minus its least", log_x=True, log_y=True)


def exponent_series(trace: TraceColumns, f_star: float, fit: ExponentFit) -> Series:
    """|g|^2 against D over the rows that the fit used, with 2 mu D^alpha."""
    used = trace.rows(trace.usable(f_star)).thinned()
    excess = used.f - f_star
    fitted = np.exp(np.clip(np.log(2 * fit.mu) + fit.alpha * np.log(excess), -_STEEPEST, _STEEPEST))
    columns: Mapping[str, Any] = {"excess": excess, "squared_gradient": used.grad_norm**2, "fitted": fitted}
    return Series(columns, "excess", "f minus its least", "squared length of the gradient", log_x=True, log_y=True)
