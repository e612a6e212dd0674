"""Classify labelled points by wide networks, a kernel and a line, with the margin that each can reach at most.

The margins are in `variation_margin` and `minimum_norm`, training in `gradient_descent`; the verdicts are in docs/analysis/max-margin.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ldp_core.analysis.max_margin.classifiers import METHODS, Fitted, fit_classifiers
from ldp_core.analysis.max_margin.clusters import draw_clusters
from ldp_core.analysis.max_margin.held_out import cross_validated, fold_numbers, verdict, wrong
from ldp_core.analysis.max_margin.report import conflicting_rows, margins_and_series, neurons, support
from ldp_core.analysis.max_margin.request import SCHEMA, MaxMarginRequest, from_json, predicted_seconds
from ldp_core.analysis.max_margin.stability import flip_probabilities, noise_margins, noise_to_spread
from ldp_core.analysis.max_margin.width_series import width_series
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.analysis.result import AnalysisResult
from ldp_core.types import BoolArray, FloatArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "MaxMarginRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "max-margin"
TITLE = "Telling groups apart"
QUESTION = "Which groups can be told apart, does that take a network that learns its features, and how safe is each label from the noise?"

VERDICTS: Mapping[str, str] = {
    "f1_advantage": "a network that learns its features errs less on held-out points than a kernel and a line",
    "kernel_enough": "a fixed kernel errs as little as a network that learns its features",
    "linear_enough": "a line errs as little as anything else",
    "undecided": "there are no held-out points and no folds, and margins of different norms cannot be compared",
    "not_separable": "no network separates the labels, as where one point has both",
}


@dataclass(frozen=True, eq=False)
class _Frame:
    """One shift, one factor, and the constant coordinate: from points to inputs."""

    shift: FloatArray
    factor: float
    bias: bool

    def __call__(self, points: FloatArray) -> FloatArray:
        X = (points - self.shift) * self.factor
        return np.hstack([np.ones((len(X), 1)), X]) if self.bias else X


def _frame(request: MaxMarginRequest) -> _Frame:
    """Distances are kept up to one factor. Without a bias the origin means something, so nothing is shifted."""
    points = request.points
    nowhere = np.zeros(points.shape[1])
    if request.scale == "none":
        return _Frame(nowhere, 1.0, request.add_bias)
    shift = points.mean(axis=0) if request.add_bias else nowhere
    size = float(np.sqrt(np.mean((points - shift) ** 2)))
    return _Frame(shift, 1 / size if size > 0 else 1.0, request.add_bias)


def run(request: MaxMarginRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Fit, certify and judge.

    Verdict: `f1_advantage`, `kernel_enough`, `linear_enough`, `undecided` without held-out points or folds, or `not_separable`
    where no network separates the labels, as where the same point has both.
    """
    rng_fit, rng_folds, rng_flip, rng_widths = (
        np.random.default_rng(s) for s in np.random.SeedSequence(request.seed).spawn(4)
    )
    frame = _frame(request)
    X, y = frame(request.points), request.labels
    conflicts = conflicting_rows(request.points, y)

    def watch(unit: str, done: int, total: int, metric: float) -> None:
        progress(Step(done, max(total, done), unit, "gap" if unit == "linear programs" else "margin", metric))

    fitted = fit_classifiers(X, y, request.settings, rng_fit, watch)
    held_out = _held_out(request, frame, fitted, rng_folds, watch)
    margins, diagnostics, series = margins_and_series(fitted, X, y, separable=not conflicts)
    if request.widths:
        series["margin_by_width"] = width_series(
            X,
            y,
            request.widths,
            iterations=request.iterations,
            step=request.step,
            half_f1_upper=None if fitted.f1 is None else fitted.f1.upper / 2,
            rng=rng_widths,
            watch=watch,
        )
    result: dict[str, Any] = {
        **margins,
        "errors": _errors(fitted, held_out),
        "neurons": neurons(fitted),
        "support": support(fitted),
        "decision_grid": _decision_grid(request, frame, fitted),
        "flip": None,
        "noise_to_spread": None,
        "units": "margins are for unit-norm inner weights and total variation at most 1 (F1), unit kernel norm (F2) or unit weight vector "
        "(linear), on the scaled points; the margin of gradient descent is at most half of the F1 margin",
        "scaling": {"shift": frame.shift, "factor": frame.factor},
        "conflicting_rows": conflicts,
    }
    warnings = list(_noise(request, frame, fitted, result, rng_flip, watch))
    if conflicts:
        warnings.append("conflicting_rows")
    parameters = {
        name: getattr(request, name)
        for name in MaxMarginRequest.__dataclass_fields__
        if name not in ("points", "labels", "test_points", "test_labels", "noise_sd")
    }
    return AnalysisResult(
        method=METHOD,
        params_effective={**parameters, "shape": list(request.points.shape)},
        seed=request.seed,
        verdict="not_separable" if _not_separable(fitted, bool(conflicts)) else verdict(held_out),
        result=result,
        diagnostics={**diagnostics, "held_out_points": len(next(iter(held_out.values()))) if held_out else 0},
        warnings=tuple(warnings),
        series=series,
    )


def _not_separable(fitted: Fitted, conflicts: bool) -> bool:
    return conflicts or (fitted.f1 is not None and fitted.f1.status == "not_separable")


def _held_out(
    request: MaxMarginRequest, frame: _Frame, fitted: Fitted, rng: np.random.Generator, watch: Any
) -> dict[str, BoolArray]:
    """Where each method is wrong on points that it was not fitted to; empty where there are none."""
    if request.test_points is not None and request.test_labels is not None:
        decisions = fitted.decisions(frame(request.test_points))
        return {name: wrong(values, request.test_labels) for name, values in decisions.items()}
    if not request.folds:
        return {}
    number = fold_numbers(request.labels, request.folds, rng)
    return cross_validated(
        fitted.X, fitted.y, number, lambda X, y: fit_classifiers(X, y, request.settings, rng, watch).decisions
    )


def _errors(fitted: Fitted, held_out: Mapping[str, BoolArray]) -> dict[str, dict[str, float | None]]:
    return {
        name: {
            "train": float(wrong(values, fitted.y).mean()),
            "test": float(held_out[name].mean()) if name in held_out else None,
        }
        for name, values in fitted.decisions(fitted.X).items()
    }


def _decision_grid(request: MaxMarginRequest, frame: _Frame, fitted: Fitted) -> dict[str, Any] | None:
    """Decisions on a square grid that holds the points with a tenth of their extent around them."""
    if not request.grid:
        return None
    low, high = request.points.min(axis=0), request.points.max(axis=0)
    border = 0.1 * np.maximum(high - low, 1e-12)
    x, y = (np.linspace(low[i] - border[i], high[i] + border[i], request.grid) for i in range(2))
    places = np.stack(np.meshgrid(x, y, indexing="xy"), axis=-1).reshape(-1, 2)
    decisions = fitted.decisions(frame(places))
    return {"x": x, "y": y, **{name: values.reshape(request.grid, -1) for name, values in decisions.items()}}


def _noise(
    request: MaxMarginRequest,
    frame: _Frame,
    fitted: Fitted,
    result: dict[str, Any],
    rng: np.random.Generator,
    watch: Any,
) -> tuple[str, ...]:
    """Fill in what the noise of the points does; a warning where it dominates."""
    if request.noise_sd is None:
        return ()
    sd = np.asarray(request.noise_sd)
    result["noise_to_spread"] = noise_to_spread(request.points, sd)
    if request.flip_samples:
        result["flip"] = _flips(request, frame, fitted, sd, rng, watch)
    return ("noise_dominated",) if result["noise_to_spread"] > 0.5 else ()


def _flips(
    request: MaxMarginRequest, frame: _Frame, fitted: Fitted, sd: FloatArray, rng: np.random.Generator, watch: Any
) -> dict[str, Any]:
    """How likely each label of the first method changes with a fresh collection, by margins at points not fitted to."""
    method = next(name for name in METHODS if name in request.methods)
    settings, points = replace(request.settings, methods=(method,)), request.points
    number, margins = fold_numbers(request.labels, request.flip_folds, rng), np.empty(len(points))
    for fold in range(request.flip_folds):
        inside = number == fold
        other = fit_classifiers(fitted.X[~inside], fitted.y[~inside], settings, rng, watch)
        margins[inside] = noise_margins(
            points[inside],
            sd[inside],
            lambda P, other=other: other.decisions(frame(P))[method],  # type: ignore[misc]  # bound now
            samples=request.flip_samples,
            rng=rng,
            watch=lambda done: watch("redraws", done, request.flip_samples, 0.0),
        )
    signs = np.where(fitted.decisions(fitted.X)[method] > 0, 1.0, -1.0)
    p = flip_probabilities(margins, signs)
    return {
        "method": method,
        "probability": p,
        "mean": float(p.mean()),
        "share_sd": float(np.sqrt(np.sum(p * (1 - p)))) / len(p),
        "folds": request.flip_folds,
    }


def _example() -> Mapping[str, Any]:
    """60 points in nine clusters on the plane, and as many held out."""
    rng = np.random.default_rng(5)
    (points, labels), (test, test_labels) = draw_clusters(60, 2, rng), draw_clusters(60, 2, rng)
    return {
        "points": points.round(3).tolist(),
        "labels": labels.tolist(),
        "test_points": test.round(3).tolist(),
        "test_labels": test_labels.tolist(),
        "iterations": 3000,
        "methods": list(METHODS),
        "certify_tol": 1e-3,
        "grid": 20,
    }


EXAMPLE: Mapping[str, Any] = _example()
