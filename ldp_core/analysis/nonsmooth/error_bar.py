"""The set-valued delta method: error bars of a number computed from a histogram after post-processing.

    Var(phi(f)) ~ w' Sigma w with w the gradient. At a kink, and near one, w is not one vector: se_ad takes the one that automatic
    differentiation gives, se_sup the largest over all corners of the hull and over gradients at points that the noise reaches.
se_ad alone can be far too small: items that post-processing sets to 0 have derivative 0 there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldp_core.analysis.nonsmooth.histogram_noise import HistogramNoise
from ldp_core.analysis.nonsmooth.neighbourhood import Neighbourhood
from ldp_core.estimation.intervals import critical_value
from ldp_core.types import FloatArray

__all__ = ["METHOD", "ErrorBar", "error_bar"]

METHOD = "set_valued_delta"
_ALIKE = 0.8
_SHIFTED = 0.5


@dataclass(frozen=True)
class ErrorBar:
    """value with its standard errors: by the one gradient, the least and the largest of all gradients, and by redraws.

    shift: mean of the redraws less the value, what the kinks add to every redraw on average · jump_near: can the noise reach a jump?
    """

    value: float
    se_ad: float
    se_least: float
    se_sup: float
    se_redrawn: float
    shift: float
    jump_near: bool
    confidence: float

    @property
    def interval(self) -> tuple[float, float]:
        """value -+ z se_sup."""
        half = critical_value(self.confidence) * self.se_sup
        return self.value - half, self.value + half

    @property
    def reliable(self) -> bool:
        """Do all gradients give nearly the same error, and do redraws centre near the value?"""
        alike = self.se_least >= _ALIKE * self.se_sup
        return alike and abs(self.shift) <= _SHIFTED * self.se_sup and not self.jump_near

    def to_json(self) -> Mapping[str, Any]:
        """The fields of the answer."""
        return {
            "se_ad": self.se_ad,
            "se_sup": self.se_sup,
            "se_least": self.se_least,
            "se_redrawn": self.se_redrawn,
            "shift": self.shift,
            "interval": list(self.interval),
            "confidence": self.confidence,
            "method": METHOD,
            "reliable": self.reliable,
        }


def error_bar(
    value: float,
    gradient: FloatArray,
    vertices: FloatArray,
    around: Neighbourhood,
    noise: HistogramNoise,
    *,
    sigmas: float,
    jump: float,
    confidence: float,
) -> ErrorBar:
    """The error bar at one point. gradient: (P,) · vertices: (V, P) · around: points `sigmas` times the noise away."""
    candidates = np.unique(np.concatenate([gradient[None, :], vertices, around.gradients]), axis=0)
    deviations = np.sqrt(noise.variances(candidates))
    own = float(np.sqrt(noise.variances(gradient[None, :])[0]))
    shifts = around.values - value
    redrawn = bool(len(shifts)) and sigmas > 0
    reach = critical_value(confidence) * around.jump_deviation / max(sigmas, 1e-300)
    return ErrorBar(
        value=value,
        se_ad=own,
        se_least=float(deviations.min()),
        se_sup=float(deviations.max()),
        se_redrawn=float(shifts.std()) / sigmas if redrawn else own,
        shift=float(shifts.mean()) if redrawn else 0.0,
        jump_near=around.failed > 0 or jump <= reach,
        confidence=confidence,
    )
