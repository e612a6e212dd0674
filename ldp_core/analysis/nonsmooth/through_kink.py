"""The picture of a kink: the function along one input, the tangents that conventions give, and the fan of all of them."""

from typing import Any

import numpy as np

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.nonsmooth.evaluation import Tape, evaluate
from ldp_core.analysis.nonsmooth.histogram_noise import HistogramNoise
from ldp_core.analysis.nonsmooth.hull import Hull
from ldp_core.analysis.result import Series

__all__ = ["through_kink"]

_POINTS = 81
_DEVIATIONS = 3.0
_WITHOUT_NOISE = 0.5


def through_kink(tape: Tape, hull: Hull, noise: HistogramNoise | None) -> Series:
    """Along the input whose derivative is least certain: value, tangents for relu'(0) = 0, 1/2 and 1, and ends of the fan."""
    owners = [(name, i) for name, numbers in tape.inputs.items() for i in range(len(numbers))]
    width = hull.upper - hull.lower
    place = int(np.argmax(width if width.any() else np.maximum(np.abs(hull.upper), np.abs(hull.lower))))
    name, element = owners[place]
    span = _WITHOUT_NOISE * max(1.0, abs(float(tape.inputs[name][element])))
    if noise is not None:
        direction = np.zeros((1, len(owners)))
        direction[0, place] = 1.0
        span = _DEVIATIONS * float(np.sqrt(noise.variances(direction)[0])) or span
    slopes = {s: float(tape.gradients(tape.convention(s))[0, place]) for s in (0.0, 0.5, 1.0)}
    rows = []
    for offset in np.linspace(-span, span, _POINTS).tolist():
        moved = {key: numbers.copy() for key, numbers in tape.inputs.items()}
        moved[name][element] += offset
        try:
            value = evaluate(tape.program, moved).value
        except AnalysisError:
            continue  # beyond the edge of the function's domain
        ends = sorted((offset * float(hull.lower[place]), offset * float(hull.upper[place])))
        rows.append(
            (
                offset,
                value,
                *(tape.value + offset * slope for slope in slopes.values()),
                *(tape.value + end for end in ends),
            )
        )
    names = ("offset", "value", "tangent_0", "tangent_half", "tangent_1", "fan_low", "fan_high")
    columns: dict[str, Any] = {key: list(column) for key, column in zip(names, zip(*rows, strict=True), strict=True)}
    return Series(columns, "offset", f"change of {name}[{element}]", "value and tangents")
