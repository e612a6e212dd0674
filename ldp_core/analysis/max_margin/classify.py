"""Classify labelled points by wide networks, a kernel and a line, with the margin that each can reach at most.

The margins are in `variation_margin` and `minimum_norm`, training in `gradient_descent`; the verdicts are in docs/analysis/max-margin.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array, boolean, choice, integer, real, request_from_json
from ldp_core.analysis.max_margin.classifiers import METHODS, Fitted, Settings, fit_classifiers
from ldp_core.analysis.max_margin.clusters import draw_clusters
from ldp_core.analysis.max_margin.cohort_histograms import HISTOGRAMS, with_points
from ldp_core.analysis.max_margin.held_out import cross_validated, fold_numbers, verdict, wrong
from ldp_core.analysis.max_margin.report import conflicting_rows, margins_and_series, neurons, support
from ldp_core.analysis.max_margin.stability import flip_probabilities, noise_to_spread
from ldp_core.analysis.max_margin.variation_margin import EXACT_POINTS
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
SCHEMA: Mapping[str, Any] = schema.request(
    {
        "points": schema.rows("Points", "one row of coordinates for each"),
        "labels": schema.numbers("Labels", "1 or -1 for each point"),
        "histograms": HISTOGRAMS,
        "add_bias": schema.flag("Bias", "add a constant coordinate", True),
        "scale": schema.one_of(
            "Scale", "one shift and one factor for all points, or none", ("global", "none"), "global"
        ),
        "methods": schema.some_of("Methods", "classifiers to compare", METHODS, METHODS),
        "width": schema.integer("Width", "neurons of the trained network", 8, 2048, 256),
        "widths": {
            "type": "array",
            "title": "Other widths",
            "description": "for the margin of gradient descent against the width",
            "items": {"type": "integer", "minimum": 8, "maximum": 2048},
            "maxItems": 12,
            "default": [],
        },
        "iterations": schema.integer("Iterations", "of gradient descent", 100, 300_000, 10_000),
        "step": schema.number("Step size", "of gradient descent", 0, 100, 0.5, above=True),
        "seed": schema.seed(),
        "test_points": schema.optional(schema.rows("Held-out points", "on which errors are counted")),
        "test_labels": schema.optional(schema.numbers("Held-out labels", "1 or -1 for each of them")),
        "folds": schema.integer("Folds", "of cross-validation where nothing is held out: 0 or 5 to 20", 0, 20, 0),
        "grid": schema.integer("Decision map", "points along a side, 0 for none; two dimensions only", 0, 200, 0),
        "certify_tol": schema.number(
            "Certificate", "relative gap of the F1 margin at which the program stops", 1e-6, 0.1, 1e-4
        ),
        "flip_samples": schema.integer(
            "Redraws", "of the noise, for the probability that a label would flip", 0, 2000, 0
        ),
        "noise_sd": {
            "type": ["number", "array", "null"],
            "title": "Noise",
            "description": "standard error of a coordinate: one number, or one for each point",
            "items": {"type": "number", "minimum": 0},
            "minimum": 0,
            "default": None,
        },
    }
)
_LARGEST_PROGRAM = 2000
_LARGEST_LAYER = 20_000_000
_LONGEST_SECONDS = 7200.0


@dataclass(frozen=True, eq=False)
class MaxMarginRequest:
    """points: (n, q) · labels: (n,) of +-1 · add_bias: a constant coordinate 1 · scale: global (one shift, one factor) or none ·
    methods: of gd_both, f1_lp, f2_kernel, linear_svm · width, iterations, step: of gradient descent · widths: trained too, for
    the margin against the width · seed ·
    test_points, test_labels: held out · folds: of cross-validation where nothing is held out, 0 or 5..20 ·
    grid: side of a decision map, 0 for none, two dimensions only · certify_tol: relative gap of the F1 margin ·
    flip_samples, noise_sd: redraws of the noise, whose deviation is one number or one for each point.

    Raises AnalysisError, or TooLargeError where n > 2000 or q > 200 and not only gd_both is wanted.
    """

    points: FloatArray
    labels: FloatArray
    add_bias: bool = True
    scale: str = "global"
    methods: tuple[str, ...] = METHODS
    width: int = 256
    widths: tuple[int, ...] = ()
    iterations: int = 10_000
    step: float = 0.5
    seed: int = 0
    test_points: FloatArray | None = None
    test_labels: FloatArray | None = None
    folds: int = 0
    grid: int = 0
    certify_tol: float = 1e-4
    flip_samples: int = 0
    noise_sd: float | FloatArray | None = None

    def __post_init__(self) -> None:
        values: dict[str, Any] = {
            "add_bias": boolean("add_bias", self.add_bias),
            "scale": choice("scale", self.scale, ("global", "none")),
            "methods": _methods(self.methods),
            "width": integer("width", self.width, 8, 2048),
            "widths": _widths(self.widths),
            "iterations": integer("iterations", self.iterations, 100, 300_000),
            "step": real("step", self.step, 0, 100, above=True),
            "seed": integer("seed", self.seed, 0, 2**63 - 1),
            "folds": integer("folds", self.folds, 0, 20),
            "grid": integer("grid", self.grid, 0, 200),
            "certify_tol": real("certify_tol", self.certify_tol, 1e-6, 0.1),
            "flip_samples": integer("flip_samples", self.flip_samples, 0, 2000),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._check_size()
        points, labels = _labelled("points", self.points, "labels", self.labels)
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "labels", labels)
        self._check_points()
        self._check_held_out()
        self._check_noise()
        if predicted_seconds(self) > _LONGEST_SECONDS:
            raise TooLargeError(
                f"this would take about {predicted_seconds(self):.0f} s; take fewer iterations, a smaller width or fewer folds",
                field="iterations",
            )

    def _check_size(self) -> None:
        n = len(self.points) if isinstance(self.points, Sequence | np.ndarray) else 0
        q = len(self.points[0]) if n and isinstance(self.points[0], Sequence | np.ndarray) else 0
        most, widest = (20_000, 20_000) if self.methods == ("gd_both",) else (_LARGEST_PROGRAM, 200)
        if n > most or q > widest:
            raise TooLargeError(
                f"at most {most} points with {widest} coordinates, got {n} with {q}; with methods = [gd_both] up to 20000 points",
                field="points",
            )
        widest_layer = max((self.width if "gd_both" in self.methods else 0), *self.widths, 0)
        if n * widest_layer > _LARGEST_LAYER:
            raise TooLargeError(
                f"points times width must be at most {_LARGEST_LAYER}, got {n * widest_layer}", field="width"
            )

    def _check_points(self) -> None:
        n, q = self.points.shape
        if n < 2 or q < 1:
            raise AnalysisError(f"at least 2 points are needed, got {n}", code="too_few_points", field="points")
        if len(np.unique(self.labels)) < 2:
            raise AnalysisError("both labels, 1 and -1, must occur", code="single_class", field="labels")
        if self.grid and q != 2:
            raise AnalysisError(
                f"a decision map needs points with 2 coordinates, got {q}", code="wrong_shape", field="grid"
            )
        least = int(min(np.sum(self.labels > 0), np.sum(self.labels < 0)))
        if self.folds and not 5 <= self.folds <= least:
            raise AnalysisError(
                f"folds must be 0, or 5 to the {least} points of the rarer label, got {self.folds}",
                code="out_of_range",
                field="folds",
            )

    def _check_held_out(self) -> None:
        if (self.test_points is None) != (self.test_labels is None):
            missing = "test_points" if self.test_points is None else "test_labels"
            raise AnalysisError("held-out points need their labels", code="missing_field", field=missing)
        if self.test_points is None:
            return
        points, labels = _labelled("test_points", self.test_points, "test_labels", self.test_labels)
        if points.shape[1] != self.points.shape[1]:
            raise AnalysisError(
                f"test_points must have {self.points.shape[1]} coordinates like points, got {points.shape[1]}",
                code="wrong_shape",
                field="test_points",
            )
        if points.size > _LARGEST_LAYER:
            raise TooLargeError(
                f"test_points may hold {_LARGEST_LAYER} numbers, got {points.size}", field="test_points"
            )
        object.__setattr__(self, "test_points", points)
        object.__setattr__(self, "test_labels", labels)

    def _check_noise(self) -> None:
        if self.noise_sd is None:
            if self.flip_samples:
                raise AnalysisError(
                    "flip probabilities need noise_sd, the standard error of a coordinate",
                    code="missing_field",
                    field="noise_sd",
                )
            return
        given = np.asarray(self.noise_sd)
        if given.dtype == np.bool_:
            raise AnalysisError("noise_sd must be a number or a list", code="wrong_type", field="noise_sd")
        sd = array("noise_sd", self.noise_sd, 0 if given.ndim == 0 else 1)
        if sd.ndim == 1 and len(sd) != len(self.points):
            raise AnalysisError(
                f"noise_sd must be one number or one for each of the {len(self.points)} points, got {len(sd)}",
                code="wrong_shape",
                field="noise_sd",
            )
        if (sd < 0).any():
            raise AnalysisError("noise_sd must not be negative", code="out_of_range", field="noise_sd")
        object.__setattr__(self, "noise_sd", np.broadcast_to(sd, len(self.points)))

    @property
    def settings(self) -> Settings:
        """What the classifiers need to know."""
        return Settings(self.methods, self.width, self.iterations, self.step, self.certify_tol)


def _methods(given: object) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise AnalysisError(f"methods must be a list of {', '.join(METHODS)}", code="wrong_type", field="methods")
    chosen = [choice("methods", name, METHODS) for name in given]
    return tuple(name for name in METHODS if name in chosen)


def _widths(given: object) -> tuple[int, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence) or len(given) > 12:
        raise AnalysisError("widths must be a list of at most 12 widths", code="wrong_type", field="widths")
    return tuple(sorted({integer("widths", width, 8, 2048) for width in given}))


def _labelled(name: str, points: object, label_name: str, labels: object) -> tuple[FloatArray, FloatArray]:
    X, y = array(name, points, 2), array(label_name, labels, 1)
    if len(X) != len(y):
        raise AnalysisError(
            f"{label_name} must have one label for each of the {len(X)} points, got {len(y)}",
            code="wrong_shape",
            field=label_name,
        )
    if not np.isin(y, (-1, 1)).all():
        raise AnalysisError(f"{label_name} must be 1 or -1", code="out_of_range", field=label_name)
    return X, y


def from_json(body: object) -> MaxMarginRequest:
    """The request of a JSON object, of points or of histograms. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(MaxMarginRequest, with_points(body) if isinstance(body, Mapping) else body)


def predicted_seconds(request: MaxMarginRequest) -> float:
    """Expected duration on one core."""
    n, q = request.points.shape
    D = q + int(request.add_bias)
    seconds = 0.05
    if "gd_both" in request.methods:
        seconds += request.iterations * (3e-5 + n * request.width * (D + 9) * 2.5e-10)
    seconds += sum(request.iterations * (3e-5 + n * width * (D + 9) * 2.5e-10) for width in request.widths)
    if "f1_lp" in request.methods:
        seconds += 2e-4 * n**2 if D <= 3 and n <= EXACT_POINTS else 2e-4 * n * min(n, 400) + 1.0
    seconds += sum(4e-10 * n**3 + 0.02 for name in ("f2_kernel", "linear_svm") if name in request.methods)
    seconds *= 1 + (request.folds if request.test_points is None else 0)
    return float(seconds + request.flip_samples * n * request.width * D * 1e-9)


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
        method = next(name for name in METHODS if name in request.methods)
        flips = flip_probabilities(
            request.points,
            sd,
            lambda points: fitted.decisions(frame(points))[method],
            samples=request.flip_samples,
            rng=rng,
            watch=lambda done: watch("redraws", done, request.flip_samples, 0.0),
        )
        result["flip"] = {"method": method, "probability": flips, "mean": float(flips.mean())}
    return ("noise_dominated",) if result["noise_to_spread"] > 0.5 else ()


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
        "certify_tol": 1e-3,
        "grid": 20,
    }


EXAMPLE: Mapping[str, Any] = _example()
