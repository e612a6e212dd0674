"""Repair a noisy correlation matrix: the nearest one that correlations can really have, and a proof that none is nearer.

Unit diagonal and no negative eigenvalue are facts about the truth, and a projection onto a convex set that holds the truth moves no
estimate away from it. Without weights by Newton's method (`nearest_correlation`), with weights by a thin factor (`staircase`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.linalg import eigvalsh

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import choice, real, request_from_json
from ldp_core.analysis.progress import Progress, silent
from ldp_core.analysis.result import AnalysisResult, Series
from ldp_core.analysis.semidefinite.certificate import Certificate, certify, certify_with
from ldp_core.analysis.semidefinite.matrices import (
    LARGEST,
    GivenMatrix,
    matrix_from_json,
    matrix_schema,
    symmetric,
    tolerance_schema,
)
from ldp_core.analysis.semidefinite.nearest_correlation import nearest_correlation
from ldp_core.analysis.semidefinite.objectives import WeightedDistance
from ldp_core.analysis.semidefinite.scaling import power_of_two
from ldp_core.analysis.semidefinite.staircase import climb
from ldp_core.analysis.semidefinite.unit_rows import numerical_rank, principal_columns
from ldp_core.types import FloatArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "RepairRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "sdp/psd-repair"
TITLE = "Nearest correlation matrix"
QUESTION = (
    "Which matrix of correlations that can exist is nearest to the estimated one, and is it proved that none is nearer?"
)
EXAMPLE: Mapping[str, Any] = {"matrix": {"dense": [[1, 1, 0], [1, 1, 1], [0, 1, 1]]}}
VERDICTS: Mapping[str, str] = {
    "already_valid": "The matrix is a correlation matrix as it is; nothing was changed beyond rounding.",
    "repaired": "The result is the nearest correlation matrix, proved up to the dual gap.",
    "not_certified": "The result is a correlation matrix, but a nearer one may exist; the dual gap says how much nearer at most.",
}
_FORMS = ("dense", "pairs")
_METHODS = ("auto", "newton", "bm")
_OUTPUTS = ("X", "U")

SCHEMA: Mapping[str, Any] = schema.request(
    {
        "matrix": matrix_schema(_FORMS),
        "weights": schema.optional(
            schema.rows(
                "Weights",
                "of the squared changes, symmetric, none negative, as 1/variance; null: equal, for pairs by their reports",
                maxItems=LARGEST,
            )
        ),
        "method": schema.one_of(
            "Method",
            "newton for equal weights, bm (a thin factor) for any; auto takes newton where it can",
            _METHODS,
            "auto",
        ),
        "output": schema.one_of("Output", "X, or the factor U with X = UU'", _OUTPUTS, "X"),
        "tol": tolerance_schema("row sum of weight times (1 + |entry|)"),
    },
    required=["matrix"],
)

_LONGEST_SECONDS = 3600.0
_VALID = 1e-12
_CHANGES = 20


@dataclass(frozen=True, eq=False)
class RepairRequest:
    """matrix: dense or pairs · weights: (n, n) of squared changes, None for equal ones (for pairs: by their reports) ·
    method: auto, newton or bm · output: X or U · tol: relative tolerance of the certificate.

    Raises AnalysisError or TooLargeError; the codes of the matrix are listed in `matrices`. `weights_need_bm`: newton knows no weights.
    """

    matrix: GivenMatrix
    weights: FloatArray | None = None
    method: str = "auto"
    output: str = "X"
    tol: float = 1e-9

    def __post_init__(self) -> None:
        matrix = matrix_from_json(self.matrix, _FORMS)
        choice("method", self.method, _METHODS)
        choice("output", self.output, _OUTPUTS)
        object.__setattr__(self, "matrix", matrix)
        object.__setattr__(self, "tol", real("tol", self.tol, 1e-12, 1e-3))
        if self.weights is not None and self.method == "newton":
            raise AnalysisError(
                "newton knows no weights; take method bm, or auto", code="weights_need_bm", field="method"
            )
        weights = _weights(self.weights, matrix, self.method)
        object.__setattr__(self, "weights", weights)
        object.__setattr__(self, "method", "newton" if weights is None and self.method == "auto" else self._by_factor)
        if predicted_seconds(self) > _LONGEST_SECONDS:
            raise TooLargeError(
                f"this would take about {predicted_seconds(self):.0f} s; weights of {len(matrix.values)} rows are too many",
                field="weights",
            )

    @property
    def _by_factor(self) -> str:
        return "bm" if self.method == "auto" else self.method

    @property
    def objective(self) -> WeightedDistance:
        """Half the weighted squared distance."""
        G = self.matrix.values
        return WeightedDistance(G, np.ones_like(G) if self.weights is None else self.weights)


def _weights(given: object, matrix: GivenMatrix, method: str) -> FloatArray | None:
    """The weights that count, or None where they are equal."""
    n = len(matrix.values)
    if given is None:
        if matrix.pairs is None or method == "newton":
            return None
        H = matrix.pairs.weights
    else:
        H = symmetric("weights", given)
        if len(H) != n:
            raise AnalysisError(
                f"weights must have {n} rows like the matrix, got {len(H)}", code="wrong_shape", field="weights"
            )
        if (H < 0).any() or not H.any():
            raise AnalysisError("weights must not be negative, and not all zero", code="out_of_range", field="weights")
    off = ~np.eye(n, dtype=np.bool_)
    return None if method == "auto" and np.ptp(H[off]) == 0 and H[0, 1] == 1 else H


def from_json(body: object) -> RepairRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(RepairRequest, body)


def predicted_seconds(request: RepairRequest) -> float:
    """Expected duration on one core: a few eigendecompositions; or products of n by n matrices, of which more are needed as n grows."""
    n = len(request.matrix.values)
    return 0.02 + (6e-9 * n**3 if request.method == "newton" else 0.05 + 3e-9 * n**4)


@dataclass(frozen=True, eq=False)
class _Repaired:
    U: FloatArray
    certificate: Certificate
    certified: bool
    steps: int


def run(request: RepairRequest, *, progress: Progress = silent) -> AnalysisResult:
    """The nearest correlation matrix, how far it is, and how much nearer any other can be."""
    G, objective = request.matrix.values, request.objective
    found = _by_newton(request, progress) if request.method == "newton" else _by_factor(request, progress)
    X = found.U @ found.U.T
    np.fill_diagonal(X, 1.0)
    before, after = eigvalsh(G), eigvalsh(X)
    slack = eigvalsh(objective.slope(found.U) - np.diag(found.certificate.y))
    valid = before[0] >= -_VALID and bool((np.abs(G.diagonal() - 1) <= _VALID).all())
    squared = 2 * objective.at(found.U).value
    pairs = request.matrix.pairs
    return AnalysisResult(
        method=METHOD,
        params_effective={
            "matrix": request.matrix.described,
            "weights": "equal" if request.weights is None else "given" if pairs is None else "by reports",
            "method": request.method,
            "output": request.output,
            "tol": request.tol,
        },
        verdict="already_valid" if valid else "repaired" if found.certified else "not_certified",
        result={
            request.output: X if request.output == "X" else found.U,
            "distance": math.sqrt(squared),
            "distance_lower_bound": _nearest_possible(objective, found, squared),
            "dual_gap": found.certificate.gap,
            "lambda_min_before": before[0],
            "min_eig_after": after[0],
            "changed": _largest_changes(G, X),
            "certified": found.certified,
        },
        diagnostics={
            "rank": numerical_rank(found.U),
            "steps": found.steps,
            "lambda_min_S": found.certificate.lambda_min,
            "certificate": {
                "y": found.certificate.y,
                "method": "cholesky",
                "delta": -found.certificate.eigenvalue_floor,
            },
            **({"pairs": {"missing": pairs.missing}} if pairs else {}),
        },
        warnings=("pairs_missing",) if pairs and pairs.missing else (),
        series={"spectrum": _spectrum(before, after, slack)},
    )


def _by_newton(request: RepairRequest, progress: Progress) -> _Repaired:
    """Weights 1. The slope of the distance at X is X - G, and Newton's y makes X - G - Diag(y) the discarded part, up to its sign."""
    objective = request.objective
    found = nearest_correlation(request.matrix.values, min(1e-12, request.tol), progress)
    certificate = max((certify(objective, found.U), certify_with(objective, found.U, found.y)), key=lambda c: -c.gap)
    return _Repaired(found.U, certificate, certificate.gap <= _limit(request), found.steps)


def _by_factor(request: RepairRequest, progress: Progress) -> _Repaired:
    """Any weights. From the nearest matrix without weights, with one column more than its rank."""
    objective = request.objective
    scale = _scale(objective)
    start = nearest_correlation(request.matrix.values, 1e-6, progress).U
    columns = min(objective.size, numerical_rank(start) + 1)
    scaled = WeightedDistance(objective.G, objective.H / scale)
    found = climb(scaled, principal_columns(start, columns), objective.size, request.tol, progress)
    certificate = certify(objective, found.last.at.U)
    steps = sum(stop.at.iterations for stop in found.stops)
    return _Repaired(found.last.at.U, certificate, certificate.gap <= _limit(request), steps)


def _scale(objective: WeightedDistance) -> float:
    return power_of_two(objective.H * (1 + np.abs(objective.G)))


def _limit(request: RepairRequest) -> float:
    """The largest gap that counts as certified."""
    return request.tol * request.objective.size * _scale(request.objective)


def _nearest_possible(objective: WeightedDistance, found: _Repaired, squared: float) -> float:
    """No more than the least distance: the gap is taken off, and the rounding of n^2 squares and of what is squared."""
    n, widest = objective.size, 1 + float(np.abs(objective.G).max())
    rounding = 4 * n**2 * 2.0**-53 * squared + 4 * widest * objective.slope_error(found.U)
    return math.sqrt(max(squared - 2 * found.certificate.gap - rounding, 0.0))


def _largest_changes(G: FloatArray, X: FloatArray) -> list[list[Any]]:
    """Rows [i, j, before, after] of the entries that moved most, i <= j."""
    i, j = np.triu_indices(len(G))
    order = np.argsort(-np.abs(X - G)[i, j], kind="stable")[:_CHANGES]
    return [[int(a), int(b), float(G[a, b]), float(X[a, b])] for a, b in zip(i[order], j[order], strict=True)]


def _spectrum(before: FloatArray, after: FloatArray, slack: FloatArray) -> Series:
    columns: dict[str, Any] = {"place": np.arange(1, len(before) + 1), "before": before, "after": after, "slack": slack}
    return Series(columns, "place", "place from the smallest", "eigenvalue; none may be below zero after the repair")
