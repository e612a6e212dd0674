"""What is told about fitted classifiers: margins with their bounds, neurons, and the points that fix the margin."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ldp_core.analysis.max_margin.classifiers import Fitted
from ldp_core.analysis.max_margin.minimum_norm import HilbertMargin
from ldp_core.analysis.max_margin.output_layer import OutputLayer
from ldp_core.analysis.result import Series
from ldp_core.types import FloatArray

__all__ = ["conflicting_rows", "margins_and_series", "neurons", "support"]

_MOST_NEURONS = 200
_SUPPORT = 1e-6


def conflicting_rows(points: FloatArray, y: FloatArray) -> list[list[int]]:
    """Row numbers of each point that occurs with both labels."""
    _, group = np.unique(points, axis=0, return_inverse=True)
    order = np.argsort(group, kind="stable")
    pieces = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    return [[int(row) for row in piece] for piece in pieces if len(np.unique(y[piece])) > 1]


def margins_and_series(
    fitted: Fitted, X: FloatArray, y: FloatArray, *, separable: bool
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Series]]:
    """Margins by norm, diagnostics, and the margin of gradient descent against the step."""
    result: dict[str, Any] = {"margin_f1": None, "gd": None}
    diagnostics: dict[str, Any] = {}
    lower = upper = None
    if fitted.f1 is not None:
        f1 = fitted.f1
        lower, upper = (f1.lower, f1.upper) if separable else (0.0, 0.0)
        status = f1.status if separable else "not_separable"
        result["margin_f1"] = {
            "lower": lower,
            "upper": upper,
            "gap_rel": f1.gap if separable else 0.0,
            "status": status,
        }
        diagnostics["linear_programs"] = f1.rounds
        attained = float((y * f1.predict(X)).min())
        diagnostics["f1_margin_recomputed"] = attained
    series: dict[str, Series] = {}
    if fitted.gd is not None:
        gd = fitted.gd
        ratio = gd.margin / (lower / 2) if lower else None
        result["gd"] = {
            "margin": gd.margin,
            "ratio_to_f1": ratio,
            "train_error": float(np.mean(y * gd.predict(X) <= 0)),
        }
        columns: dict[str, Any] = {"step": gd.steps, "margin": gd.margins, "train_error": gd.errors}
        if upper is not None:
            columns["half_f1_upper"] = np.full(len(gd.steps), upper / 2)
        series["gd_margin"] = Series(columns, "step", "gradient step", "normalised margin", log_x=True)
    result["margin_f2"] = _hilbert(fitted.f2, separable)
    result["margin_linear"] = _hilbert(fitted.linear, separable)
    result["gd_output"] = None
    if fitted.gd_output is not None:
        best = _hilbert(fitted.frozen, separable)
        result["gd_output"] = _output_layer(fitted.gd_output, best, result["margin_f2"], X, y)
        series["gd_output_margin"] = _output_series(fitted.gd_output, best, result["margin_f2"])
    return result, diagnostics, series


def _output_layer(
    trained: OutputLayer, best: float | None, kernel: float | None, X: FloatArray, y: FloatArray
) -> dict[str, float | None]:
    """How far the output layer came. best: the largest margin of its neurons · kernel: that of infinitely many."""
    return {
        "margin": trained.margin,
        "finite_width_margin": best,
        "ratio_to_finite_width": trained.margin / best if best else None,
        "ratio_to_f2": trained.margin / kernel if kernel else None,
        "train_error": float(np.mean(y * trained.predict(X) <= 0)),
    }


def _output_series(trained: OutputLayer, best: float | None, kernel: float | None) -> Series:
    columns: dict[str, Any] = {"step": trained.steps, "margin": trained.margins}
    limits = {"finite_width": best, "kernel": kernel}
    columns |= {name: np.full(len(trained.steps), limit) for name, limit in limits.items() if limit is not None}
    told = "margin in the norm of the kernel, with its finite width limit"
    return Series(columns | {"train_error": trained.errors}, "step", "step of the output layer", told, log_x=True)


def _hilbert(margin: HilbertMargin | None, separable: bool) -> float | None:
    """The attained margin, None where the classes were not separated."""
    return margin.lower if margin is not None and separable and margin.separable else None


def neurons(fitted: Fitted) -> list[Mapping[str, Any]]:
    """At most 200 neurons, the heaviest first: unit direction, bias first where there is one, and weight in total variation one."""
    if fitted.f1 is not None:
        directions, weights = fitted.f1.directions, fitted.f1.weights
    elif fitted.gd is not None:
        directions, weights = fitted.gd.directions()
    else:
        return []
    heaviest = np.argsort(-np.abs(weights), kind="stable")[:_MOST_NEURONS]
    return [{"direction": directions[i], "weight": float(weights[i])} for i in heaviest]


def support(fitted: Fitted) -> list[Mapping[str, Any]]:
    """Points that fix the margin: row and dual weight p, from the F1 program, else from the kernel, else from the line."""
    sources = [source.p for source in (fitted.f1, fitted.f2, fitted.linear) if source is not None]
    if not sources:
        return []
    p = sources[0]
    return [{"row": int(i), "p": float(p[i])} for i in np.flatnonzero(p > _SUPPORT)]
