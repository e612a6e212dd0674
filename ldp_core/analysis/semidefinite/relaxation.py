"""The relaxation of a sign problem from several random starts: the lowest factor, the best bound, and the signs that it rounds to."""

from dataclasses import dataclass

import numpy as np

from ldp_core.analysis.progress import Progress
from ldp_core.analysis.semidefinite.certificate import lower_bound
from ldp_core.analysis.semidefinite.objectives import Linear
from ldp_core.analysis.semidefinite.scaling import power_of_two
from ldp_core.analysis.semidefinite.signs import SignCertificate, best_signs, certify_signs, round_factor
from ldp_core.analysis.semidefinite.staircase import Climb, climb
from ldp_core.analysis.semidefinite.unit_rows import random_rows
from ldp_core.types import FloatArray

__all__ = ["Relaxed", "relax"]

_SPURIOUS = 1e-7


@dataclass(frozen=True, eq=False)
class Relaxed:
    """min <C, X> over positive semidefinite X of unit diagonal, all numbers in units of C.

    best: the climb with the lowest value, in units of `scale` · bound: no more than the minimum · signs: of the best rounding, (n,) ·
    proof: of the signs · spurious_stops: critical points that were not optimal, over all starts.
    """

    C: FloatArray
    scale: float
    best: Climb
    bound: float
    y: FloatArray  # (n,), gives the bound
    signs: FloatArray
    proof: SignCertificate
    spurious_stops: int

    @property
    def value(self) -> float:
        """<C, UU'>."""
        return self.scale * self.best.last.at.value

    @property
    def gap(self) -> float:
        """No less than the value minus the minimum."""
        certificate = self.best.last.certificate
        return self.scale * (certificate.gap + certificate.bound) - self.bound

    @property
    def signs_gap(self) -> float:
        """No less than s'Cs minus the least that any signs reach."""
        return self.proof.value + self.proof.rounding - self.bound

    @property
    def slack(self) -> FloatArray:
        """S = C - Diag(y), y of the factor.  (n, n)"""
        S: FloatArray = self.C - self.scale * np.diag(self.best.last.certificate.y)
        return S


def relax(
    C: FloatArray, p: int, most_columns: int, starts: int, draws: int, tolerance: float, seed: int, progress: Progress
) -> Relaxed:
    """Climb from `starts` random factors of p columns, then round each with `draws` draws."""
    scale = power_of_two(C)
    objective = Linear(C / scale)
    rng = np.random.default_rng(seed)
    climbs, candidates, spurious = [], [], 0
    for _ in range(starts):
        found = climb(objective, random_rows(len(C), p, rng), most_columns, tolerance, progress)
        spurious += found.spurious(_SPURIOUS)
        candidates.append(round_factor(objective.C, found.last.at.U, draws, rng))
        climbs.append(found)
    signs = best_signs(objective.C, np.stack(candidates, axis=1))
    proof = certify_signs(C, signs)
    best = min(climbs, key=lambda found: found.last.at.value)
    bound, y = max(
        ((stop.certificate.bound * scale, stop.certificate.y * scale) for found in climbs for stop in found.stops),
        key=lambda pair: pair[0],
    )
    if proof.bound > bound:
        bound, y = proof.bound, proof.y
    return Relaxed(C, scale, best, bound, y, signs, proof, spurious)


def delta(y: FloatArray, bound: float) -> float:
    """The d for which the bound is sum y - n d."""
    return (lower_bound(y, 0.0) - bound) / len(y)
