"""Convex sets of the plane by their support functions on a ring of angles.

sigma(theta) = max of x . n(theta) over the set, n = (cos theta, sin theta) · radius of curvature of the boundary: sigma + sigma''.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.fields import array, choice, real
from ldp_core.types import FloatArray

__all__ = ["ANGLES", "FAR", "angles", "boundary", "curvature_radii", "support_function"]

ANGLES = 1440
_FEWEST, _MOST = 16, ANGLES
FAR = 1e6


def angles() -> FloatArray:
    """theta, evenly round the ring.  (ANGLES,)"""
    return np.arange(ANGLES, dtype=np.float64) * (2 * np.pi / ANGLES)


def support_function(place: str, described: object) -> FloatArray:
    """sigma of {"type": "ellipse", "a", "b", "rot", "cx", "cy"} or {"type": "support", "values": evenly spaced from angle 0}.  -> (ANGLES,)

    a, b: half axes · rot: angle of the first, in radians · cx, cy: centre. Raises AnalysisError with field `sets`.
    """
    if not isinstance(described, Mapping) or "type" not in described:
        raise AnalysisError(f"{place} must be an object with a type", code="wrong_type", field="sets")
    kind = choice(f"{place}.type", described["type"], ("ellipse", "support"))
    known = {"type", "a", "b", "rot", "cx", "cy"} if kind == "ellipse" else {"type", "values"}
    for name in described:
        if name not in known:
            raise AnalysisError(f"{place}: unknown field {str(name)[:60]!r}", code="unknown_field", field="sets")
    return _ellipse(place, described) if kind == "ellipse" else _from_samples(place, described)


def _ellipse(place: str, described: Mapping[str, Any]) -> FloatArray:
    for name in ("a", "b"):
        if name not in described:
            raise AnalysisError(f"{place}: an ellipse needs {name}", code="missing_field", field="sets")
    a, b = (real(f"{place}.{name}", described[name], 0, FAR, above=True) for name in ("a", "b"))
    rot, cx, cy = (real(f"{place}.{name}", described.get(name, 0), -FAR, FAR) for name in ("rot", "cx", "cy"))
    theta = angles()
    sigma: FloatArray = cx * np.cos(theta) + cy * np.sin(theta)
    return sigma + np.hypot(a * np.cos(theta - rot), b * np.sin(theta - rot))


def _from_samples(place: str, described: Mapping[str, Any]) -> FloatArray:
    """The trigonometric interpolant of the samples."""
    values = described.get("values")
    if not isinstance(values, Sequence | np.ndarray) or isinstance(values, str) or not _FEWEST <= len(values) <= _MOST:
        raise AnalysisError(f"{place}.values must be {_FEWEST} to {_MOST} numbers", code="wrong_shape", field="sets")
    samples = array(f"{place}.values", values, 1)
    waves = np.fft.rfft(samples)
    padded = np.zeros(ANGLES // 2 + 1, dtype=np.complex128)
    padded[: len(waves)] = waves
    if len(samples) % 2 == 0 and len(samples) < ANGLES:
        padded[len(waves) - 1] /= 2  # the highest wave of an even number of samples stands for two
    sigma: FloatArray = np.fft.irfft(padded, ANGLES) * (ANGLES / len(samples))
    return sigma


def curvature_radii(sigma: FloatArray) -> FloatArray:
    """sigma + sigma'', by waves.  (ANGLES,) -> (ANGLES,)"""
    waves = np.fft.rfft(sigma)
    radii: FloatArray = np.fft.irfft(waves * (1 - np.arange(len(waves)) ** 2.0), ANGLES)
    return radii


def boundary(sigma: FloatArray, shift: float = 0.0) -> FloatArray:
    """sigma n + sigma' n': the point whose outer normal is n, at every angle of the ring turned by `shift` of a step.  (ANGLES,) -> (ANGLES, 2)"""
    turn = shift * 2 * np.pi / ANGLES
    theta, waves = angles() + turn, np.fft.rfft(sigma)
    orders = np.arange(len(waves))
    turned = waves * np.exp(1j * orders * turn)
    height, slope = np.fft.irfft(turned, ANGLES), np.fft.irfft(1j * orders * turned, ANGLES)
    normal, along = np.array([np.cos(theta), np.sin(theta)]), np.array([-np.sin(theta), np.cos(theta)])
    points: FloatArray = (height * normal + slope * along).T
    return points
