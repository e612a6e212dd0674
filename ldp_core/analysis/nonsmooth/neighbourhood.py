"""Derivatives around a point: at each of many points nearby there is one gradient, and together they show what a kink does."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.nonsmooth.evaluation import Tape, evaluate
from ldp_core.analysis.nonsmooth.hull import distance_from_origin
from ldp_core.analysis.progress import Progress, Step
from ldp_core.types import FloatArray

__all__ = ["Neighbourhood", "explore"]

_SAME = 1e-3
"""Share of the largest gradient below which a distance between gradients counts as none."""


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """gradients: (S, P) · values: (S,) · kink_deviations, jump_deviation: standard deviations of the
    distances to kinks and to the nearest jump, 0 where unknown · failed: points where the function has no derivative or no value.
    """

    gradients: FloatArray
    values: FloatArray
    kink_deviations: FloatArray
    jump_deviation: float
    failed: int

    @property
    def min_norm(self) -> float:
        """The least length of a mean of the gradients: near 0 around a true critical point."""
        return distance_from_origin(self.gradients) if len(self.gradients) else np.inf

    def holds(self, gradient: FloatArray) -> bool:
        """Is the gradient a mean of those nearby, up to a thousandth of the longest?"""
        if not len(self.gradients):
            return False
        longest = float(np.linalg.norm(self.gradients, axis=1).max())
        return distance_from_origin(self.gradients - gradient) <= _SAME * max(longest, float(np.linalg.norm(gradient)))


def explore(tape: Tape, steps: FloatArray, policy: float, progress: Progress) -> Neighbourhood:
    """Evaluate and differentiate at the tape's inputs plus each row of steps.  (S, P)"""
    gradients, values, jumps = [], [], []
    sums, squares, seen = np.zeros(len(tape.kinks)), np.zeros(len(tape.kinks)), 0
    for i, step in enumerate(steps):
        progress(Step(i, len(steps), "samples"))
        try:
            near = evaluate(tape.program, _moved(tape.inputs, step), 0.0)
        except AnalysisError:
            continue
        gradient = near.gradients(near.convention(policy))[0]
        if not np.isfinite(gradient).all():
            continue
        gradients.append(gradient)
        values.append(near.value)
        if np.isfinite(near.jump):
            jumps.append(near.jump)
        if len(near.kinks) == len(sums):
            shift = near.kinks - tape.kinks
            sums, squares, seen = sums + shift, squares + shift**2, seen + 1
    variances = squares / max(seen, 1) - (sums / max(seen, 1)) ** 2
    size = sum(map(len, tape.inputs.values()))
    return Neighbourhood(
        np.array(gradients).reshape(-1, size),
        np.array(values),
        np.sqrt(np.maximum(variances, 0)),
        float(np.std(jumps)) if jumps else 0.0,
        len(steps) - len(values),
    )


def _moved(inputs: Mapping[str, FloatArray], step: FloatArray) -> dict[str, FloatArray]:
    moved, place = {}, 0
    for name, numbers in inputs.items():
        moved[name] = numbers + step[place : place + len(numbers)]
        place += len(numbers)
    return moved
