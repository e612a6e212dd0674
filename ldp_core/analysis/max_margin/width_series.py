"""How the margin of gradient descent grows with the width of the network, towards half of gamma_1.

Each width is trained from a start of its own, so neighbouring widths differ by chance too.
"""

from collections.abc import Callable, Sequence

import numpy as np

from ldp_core.analysis.max_margin.gradient_descent import train
from ldp_core.analysis.result import Series
from ldp_core.types import FloatArray

__all__ = ["width_series"]


def width_series(
    X: FloatArray,
    y: FloatArray,
    widths: Sequence[int],
    *,
    iterations: int,
    step: float,
    half_f1_upper: float | None,
    rng: np.random.Generator,
    watch: Callable[[str, int, int, float], None],
) -> Series:
    """Margin and training error by width. X: (n, D) · y: (n,) of +-1 · half_f1_upper: the limit, where it is known."""
    columns: dict[str, list[float]] = {"width": [], "margin": [], "train_error": []}
    total = iterations * len(widths)
    for done, (width, seed) in enumerate(zip(widths, rng.bit_generator.seed_seq.spawn(len(widths)), strict=True)):  # type: ignore[attr-defined]  # numpy's stubs leave it out

        def told(t: int, margin: float, _: float, before: int = done * iterations) -> None:
            watch("gradient steps of other widths", before + t, total, margin)

        network = train(
            X, y, width=width, iterations=iterations, step=step, rng=np.random.default_rng(seed), watch=told
        )
        columns["width"].append(width)
        columns["margin"].append(network.margin)
        columns["train_error"].append(float(np.mean(y * network.predict(X) <= 0)))
    if half_f1_upper is not None:
        columns["half_f1_upper"] = [half_f1_upper] * len(widths)
    return Series(columns, "width", "neurons", "normalised margin", log_x=True)
