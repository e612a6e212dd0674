"""The classifiers, each with the margin of its own norm.

Margins of different norms are not comparable: only errors on points that were not fitted are.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ldp_core.analysis.max_margin.gradient_descent import TrainedNetwork, train
from ldp_core.analysis.max_margin.minimum_norm import HilbertMargin, arc_cosine_kernel, largest_margin
from ldp_core.analysis.max_margin.output_layer import OutputLayer, train_output_layer
from ldp_core.analysis.max_margin.variation_margin import VariationMargin, largest_variation_margin
from ldp_core.types import FloatArray

__all__ = ["DEFAULT_METHODS", "METHODS", "Fitted", "Settings", "fit_classifiers"]

METHODS = ("gd_both", "gd_output", "f1_lp", "f2_kernel", "linear_svm")
DEFAULT_METHODS = ("gd_both", "f1_lp", "f2_kernel", "linear_svm")

Watch = Callable[[str, int, int, float], None]
"""Called with the unit of work, how much is done and of how much, and the current margin or gap."""

_KERNEL_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Settings:
    """methods: of METHODS · width, iterations, step: of gradient descent · output_step: of that on the output layer alone ·
    tolerance: gap of the variation margin.
    """

    methods: tuple[str, ...]
    width: int
    iterations: int
    step: float
    output_step: float
    tolerance: float


@dataclass(frozen=True, eq=False)
class Fitted:
    """Classifiers that were asked for, and None for the others.

    X, y: what they were fitted to · frozen: the largest margin that the frozen neurons of gd_output allow.
    """

    X: FloatArray
    y: FloatArray
    gd: TrainedNetwork | None
    gd_output: OutputLayer | None
    frozen: HilbertMargin | None
    f1: VariationMargin | None
    f2: HilbertMargin | None
    linear: HilbertMargin | None

    def decisions(self, X: FloatArray) -> dict[str, FloatArray]:
        """f(x) by method, whose sign is the label.  (m, D) -> (m,) each"""
        found: dict[str, FloatArray] = {}
        if self.gd is not None:
            found["gd_both"] = self.gd.predict(X)
        if self.gd_output is not None:
            found["gd_output"] = self.gd_output.predict(X)
        if self.f1 is not None:
            found["f1_lp"] = self.f1.predict(X)
        if self.f2 is not None:
            found["f2_kernel"] = arc_cosine_kernel(X, self.X) @ (self.f2.p * self.y)
        if self.linear is not None:
            found["linear_svm"] = X @ (self.X.T @ (self.linear.p * self.y))
        return found


def fit_classifiers(X: FloatArray, y: FloatArray, settings: Settings, rng: np.random.Generator, watch: Watch) -> Fitted:
    """Fit what was asked for. X: (n, D), with the constant coordinate where a bias is wanted · y: (n,) of +-1, both present."""
    wanted = settings.methods
    gd = gd_output = frozen = f1 = f2 = linear = None
    if "gd_both" in wanted:
        gd = train(
            X,
            y,
            width=settings.width,
            iterations=settings.iterations,
            step=settings.step,
            rng=rng,
            watch=lambda t, margin, _: watch("gradient steps", t, settings.iterations, margin),
        )
    if "gd_output" in wanted:
        gd_output = train_output_layer(
            X,
            y,
            width=settings.width,
            iterations=settings.iterations,
            step=settings.output_step,
            rng=rng.spawn(1)[0],
            watch=lambda t, margin: watch("output steps", t, settings.iterations, margin),
        )
        frozen = _hilbert(y, gd_output.kernel(X), "kernel steps", watch)
    if "f1_lp" in wanted:
        starts = None if gd is None else gd.directions()[0]
        f1 = largest_variation_margin(
            X,
            y,
            tolerance=settings.tolerance,
            rng=rng,
            starts=starts,
            watch=lambda turn, gap: watch("linear programs", turn, 0, gap),
        )
    if "f2_kernel" in wanted:
        f2 = _hilbert(y, arc_cosine_kernel(X, X), "kernel steps", watch)
    if "linear_svm" in wanted:
        linear = _hilbert(y, X @ X.T, "linear steps", watch)
    return Fitted(X, y, gd, gd_output, frozen, f1, f2, linear)


def _hilbert(y: FloatArray, kernel: FloatArray, unit: str, watch: Watch) -> HilbertMargin:
    done = iter(range(1, 1_000_000))
    return largest_margin(
        np.outer(y, y) * kernel,
        tolerance=_KERNEL_TOLERANCE,
        watch=lambda upper: watch(unit, next(done), 0, upper),
    )
