"""What a division into two groups says of itself: numbers in the sense that was asked for, their proofs, and plots."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import eigvalsh

from ldp_core.analysis.result import Series
from ldp_core.analysis.semidefinite.matrices import GivenMatrix
from ldp_core.analysis.semidefinite.relaxation import Relaxed, delta
from ldp_core.analysis.semidefinite.theory import benign_ratio, guaranteed_rank, is_guaranteed
from ldp_core.analysis.semidefinite.unit_rows import hessian_matrix
from ldp_core.types import FloatArray

__all__ = ["DivisionReport"]

_LARGEST_HESSIAN = 600
_TILES = 60


@dataclass(frozen=True, eq=False)
class DivisionReport:
    """matrix: as given · sign: 1 where it was minimised, -1 where its negative was · found: what was found in the minimised form."""

    matrix: GivenMatrix
    sign: float
    found: Relaxed

    def result(self, certified: bool, exact: bool) -> dict[str, Any]:
        """The relaxation, its bound and certificate, and the signs."""
        found, last = self.found, self.found.best.last
        largest = max(abs(found.value), abs(found.bound))
        return {
            "objective": self.sign * found.value,
            "dual_bound": self.sign * found.bound,
            "gap": found.gap,
            "relative_gap": found.gap / max(largest, float(np.finfo(np.float64).tiny)),
            "lambda_min_S": found.scale * last.certificate.lambda_min,
            "certified": certified,
            "certificate": {"y": self.sign * found.y, "method": "cholesky", "delta": delta(found.y, found.bound)},
            "rank": last.rank,
            "cut": self._cut(exact),
        }

    def _cut(self, exact: bool) -> dict[str, Any]:
        """The signs. Weight between the groups is (1'C1 - s'Cs)/4, where the diagonal cancels; its bound follows from that of s'Cs."""
        found, total = self.found, float(self.found.C.sum())
        weight = self.sign * (total - found.proof.value) / 4
        weight_bound = self.sign * (total - found.bound) / 4
        reached, best = (weight, weight_bound) if self.sign > 0 else (-found.proof.value, -found.bound)
        return {
            "signs": found.signs.astype(np.int64),
            "value": self.sign * found.proof.value,
            "gap": found.signs_gap,
            "exact": exact,
            "unique": found.proof.unique,
            "weight": weight,
            "weight_bound": weight_bound,
            "ratio_to_bound": reached / best if best > 0 else None,
        }

    def diagnostics(self, spectrum: FloatArray) -> dict[str, Any]:
        """How the climb went, what theory says of its rank, and what the reports of pairs amount to."""
        found, last, n = self.found, self.found.best.last, len(self.found.C)
        told: dict[str, Any] = {
            "ranks_visited": [
                [stop.p, self.sign * found.scale * stop.at.value, found.scale * stop.certificate.lambda_min]
                for stop in found.best.stops
            ],
            "riemannian_gradient_norm": found.scale * last.at.gradient_norm,
            "iterations": sum(stop.at.iterations for stop in found.best.stops),
            "spurious_stops": found.spurious_stops,
            "theory": {
                "m": n,
                "p_guarantee": guaranteed_rank(n),
                "p_used": last.p,
                "p_used_guaranteed": is_guaranteed(n, last.p),
                "benign_ratio": benign_ratio(spectrum) if last.certified and last.rank == 1 else None,
            },
        }
        if last.p > 1 and n * last.p <= _LARGEST_HESSIAN:
            told["hessian_min_eig"] = float(eigvalsh(hessian_matrix(found.slack, last.at.U))[0])
        if self.matrix.pairs is not None:
            agreement = (self.sign * found.proof.value - n) / (n * (n - 1))
            told["pairs"] = {
                "missing": self.matrix.pairs.missing,
                "mean_agreement": agreement,
                "threshold_ratio": self.matrix.pairs.threshold_ratio(agreement),
            }
        return told

    def series(self, spectrum: FloatArray) -> dict[str, Series]:
        """Spectrum of S, objective and bound at each stop, and the matrix sorted by group."""
        found, stops = self.found, self.found.best.stops
        ranks: dict[str, Any] = {
            "step": np.arange(1, len(stops) + 1),
            "rank": [stop.p for stop in stops],
            "objective": [self.sign * found.scale * stop.at.value for stop in stops],
            "dual_bound": [self.sign * found.scale * stop.certificate.bound for stop in stops],
        }
        eigenvalues: dict[str, Any] = {"place": np.arange(1, len(spectrum) + 1), "eigenvalue": spectrum}
        tiles = _tiles(self.matrix.values, found.signs)
        return {
            "spectrum": Series(
                eigenvalues, "place", "place from the smallest", "eigenvalue of S; none may be below zero"
            ),
            "ranks": Series(ranks, "step", "stop of the climb", "objective, with the bound that it proves"),
            "blocks": Series(tiles, "column", "column, sorted by group", "row, sorted by group"),
        }


def _tiles(A: FloatArray, signs: FloatArray) -> dict[str, Any]:
    """The matrix with the two groups as blocks, averaged over at most 60 by 60 tiles."""
    order = np.argsort(-signs, kind="stable")
    edges = np.linspace(0, len(A), min(len(A), _TILES) + 1).round().astype(np.int64)
    sums = np.add.reduceat(np.add.reduceat(A[np.ix_(order, order)], edges[:-1], axis=0), edges[:-1], axis=1)
    widths = np.diff(edges)
    means = sums / np.outer(widths, widths)
    row, column = np.indices(means.shape)
    return {"row": edges[row.ravel()], "column": edges[column.ravel()], "mean": means.ravel()}
