"""What a max-margin analysis is asked: the points or histograms, the classifiers and their settings, checked before any work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array, boolean, choice, integer, real, request_from_json
from ldp_core.analysis.max_margin.classifiers import DEFAULT_METHODS, METHODS, Settings
from ldp_core.analysis.max_margin.cohort_histograms import HISTOGRAMS, with_points
from ldp_core.analysis.max_margin.variation_margin import EXACT_POINTS
from ldp_core.types import FloatArray

__all__ = ["SCHEMA", "MaxMarginRequest", "from_json", "predicted_seconds"]

SCHEMA: Mapping[str, Any] = schema.request(
    {
        "points": schema.rows("Points", "one row of coordinates for each"),
        "labels": schema.numbers("Labels", "1 or -1 for each point"),
        "histograms": HISTOGRAMS,
        "add_bias": schema.flag("Bias", "add a constant coordinate", True),
        "scale": schema.one_of(
            "Scale", "one shift and one factor for all points, or none", ("global", "none"), "global"
        ),
        "methods": schema.some_of("Methods", "classifiers to compare", METHODS, DEFAULT_METHODS),
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
        "output_step": schema.number(
            "Step size of the output layer", "where it is trained alone, gd_output", 0, 100, 2.0, above=True
        ),
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
_FLIP_FOLDS = 5
_LARGEST_PROGRAM = 2000
_LARGEST_LAYER = 20_000_000
_LONGEST_SECONDS = 7200.0


@dataclass(frozen=True, eq=False)
class MaxMarginRequest:
    """points: (n, q) · labels: (n,) of +-1 · add_bias: a constant coordinate 1 · scale: global (one shift, one factor) or none ·
    methods: of gd_both, gd_output, f1_lp, f2_kernel, linear_svm · width, iterations, step: of gradient descent · output_step: of that on
    the output layer alone · widths: trained too, for the margin against the width · seed ·
    test_points, test_labels: held out · folds: of cross-validation where nothing is held out, 0 or 5..20 ·
    grid: side of a decision map, 0 for none, two dimensions only · certify_tol: relative gap of the F1 margin ·
    flip_samples, noise_sd: redraws of the noise, whose deviation is one number or one for each point.

    Raises AnalysisError, or TooLargeError where n > 2000 or q > 200 and not only gd_both is wanted.
    """

    points: FloatArray
    labels: FloatArray
    add_bias: bool = True
    scale: str = "global"
    methods: tuple[str, ...] = DEFAULT_METHODS
    width: int = 256
    widths: tuple[int, ...] = ()
    iterations: int = 10_000
    step: float = 0.5
    output_step: float = 2.0
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
            "output_step": real("output_step", self.output_step, 0, 100, above=True),
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
        widest_layer = max((self.width if {"gd_both", "gd_output"} & set(self.methods) else 0), *self.widths, 0)
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
        if self.folds and not 5 <= self.folds <= self.rarer_label:
            raise AnalysisError(
                f"folds must be 0, or 5 to the {self.rarer_label} points of the rarer label, got {self.folds}",
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
        if self.flip_samples and self.rarer_label < 2:
            raise AnalysisError(
                "flip probabilities need 2 points of each label, since every point is told by classifiers fitted to others",
                code="too_few_points",
                field="flip_samples",
            )
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
    def rarer_label(self) -> int:
        """Points of the label that fewer have."""
        return int(min(np.sum(self.labels > 0), np.sum(self.labels < 0)))

    @property
    def flip_folds(self) -> int:
        """In so many parts points are told by classifiers fitted to the others, for flip probabilities."""
        return self.folds or min(_FLIP_FOLDS, self.rarer_label)

    @property
    def settings(self) -> Settings:
        """What the classifiers need to know."""
        return Settings(self.methods, self.width, self.iterations, self.step, self.output_step, self.certify_tol)


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
    n, D = len(request.points), request.points.shape[1] + int(request.add_bias)
    fits = {name: _seconds_of(name, request, D) for name in request.methods}
    widths = sum(request.iterations * (3e-5 + n * width * (D + 9) * 2.5e-10) for width in request.widths)
    seconds = 0.05 + widths + sum(fits.values()) * (1 + (request.folds if request.test_points is None else 0))
    if request.flip_samples:
        first = fits[next(name for name in METHODS if name in fits)]
        seconds += request.flip_folds * first + request.flip_samples * n * request.width * D * 1e-9
    return float(seconds)


def _seconds_of(method: str, request: MaxMarginRequest, D: int) -> float:
    """Of one fit by one method with D input dimensions."""
    n = len(request.points)
    quadratic = 4e-10 * n**3 + 0.02
    if method == "gd_both":
        return request.iterations * (3e-5 + n * request.width * (D + 9) * 2.5e-10)
    if method == "gd_output":
        return request.iterations * (3e-5 + n * request.width * 1.6e-9) + quadratic
    if method == "f1_lp":
        return 2e-4 * n**2 if D <= 3 and n <= EXACT_POINTS else 2e-4 * n * min(n, 400) + 1.0
    return quadratic
