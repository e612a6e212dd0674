"""The best division of n things into two groups by pairwise weights: a bound that holds, and often a proof that nothing is better.

The largest cut of a graph minimises s'Cs over signs s for its adjacency matrix C; the polarity of binary attributes maximises s'Gs for their
correlations G. The relaxation is solved in `staircase`; what is proved, and how, is in `certificate` and `signs`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scipy.linalg import eigvalsh

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import boolean, choice, integer, real, request_from_json
from ldp_core.analysis.progress import Progress, silent
from ldp_core.analysis.result import AnalysisResult
from ldp_core.analysis.semidefinite.division_report import DivisionReport
from ldp_core.analysis.semidefinite.matrices import (
    LARGEST,
    GivenMatrix,
    matrix_from_json,
    matrix_schema,
    tolerance_schema,
)
from ldp_core.analysis.semidefinite.relaxation import Relaxed, relax
from ldp_core.analysis.semidefinite.signs import smallest_step
from ldp_core.analysis.semidefinite.theory import is_guaranteed, starting_rank
from ldp_core.types import FloatArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "MaxCutRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "sdp/maxcut"
TITLE = "Two groups, with proof"
QUESTION = "Which division into two groups fits the pairwise weights best, and is it proved that no other fits better?"
EXAMPLE: Mapping[str, Any] = {
    "matrix": {"edges": [[0, 1, 1], [1, 2, 1], [2, 3, 1], [3, 4, 1], [4, 0, 1]]},
    "sense": "min",
}
VERDICTS: Mapping[str, str] = {
    "exact": "No other division into two groups is better; that is proved, by more than the gap only where the weights are whole numbers.",
    "bounded": "The relaxation is solved and its bound is proved, but the best division found does not reach it.",
    "not_certified": "The bound holds, but the search ended above it; take more starts, or let the rank climb.",
}
_RANK: Mapping[str, Any] = {
    "type": "object",
    "title": "Rank",
    "description": "columns of the factor",
    "properties": {
        "p": schema.optional(schema.integer("First rank", "null: ceil(sqrt(2n)) + 1, at most n", 1, LARGEST)),
        "climb": schema.flag("Climb", "take more columns while a result is not certified", True),
        "pmax": schema.optional(schema.integer("Largest rank", "null: n", 1, LARGEST)),
    },
    "additionalProperties": False,
}
SCHEMA: Mapping[str, Any] = schema.request(
    {
        "matrix": matrix_schema(),
        "sense": {
            "type": ["string", "null"],
            "title": "Sense",
            "description": "min puts a positive weight between the groups (a cut), max within them; null: max for pairs, else min",
            "enum": ["min", "max", None],
            "default": None,
        },
        "rank": _RANK,
        "starts": schema.integer("Starts", "random first factors; the lowest result counts", 1, 1000, 1),
        "round": schema.integer("Roundings", "random projections to signs for each start", 1, 10_000, 200),
        "tol": tolerance_schema("absolute row sum"),
        "seed": schema.seed(),
    },
    required=["matrix"],
)

_LONGEST_SECONDS = 3600.0


@dataclass(frozen=True, eq=False)
class MaxCutRequest:
    """matrix: dense, edges or pairs · sense: min or max of s'Cs · rank: {p, climb, pmax} · starts: random first factors ·
    round: draws of signs for each · tol: relative tolerance of the certificate · seed.

    Raises AnalysisError or TooLargeError; the codes of the matrix are listed in `matrices`.
    """

    matrix: GivenMatrix
    sense: str | None = None
    rank: Mapping[str, Any] = field(default_factory=dict)
    starts: int = 1
    round: int = 200
    tol: float = 1e-9
    seed: int = 0

    def __post_init__(self) -> None:
        matrix = matrix_from_json(self.matrix)
        sense = ("max" if matrix.form == "pairs" else "min") if self.sense is None else self.sense
        values = {
            "matrix": matrix,
            "sense": choice("sense", sense, ("min", "max")),
            "rank": _rank(self.rank, len(matrix.values)),
            "starts": integer("starts", self.starts, 1, 1000),
            "round": integer("round", self.round, 1, 10_000),
            "tol": real("tol", self.tol, 1e-12, 1e-3),
            "seed": integer("seed", self.seed, 0, 2**63 - 1),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if predicted_seconds(self) > _LONGEST_SECONDS:
            raise TooLargeError(
                f"this would take about {predicted_seconds(self):.0f} s; take fewer starts", field="starts"
            )

    @property
    def cost(self) -> FloatArray:
        """The matrix whose s'Cs is minimised.  (n, n)"""
        return self.matrix.values if self.sense == "min" else -self.matrix.values


def _rank(given: object, n: int) -> Mapping[str, Any]:
    if not isinstance(given, Mapping) or not set(given) <= {"p", "climb", "pmax"}:
        raise AnalysisError("rank must be an object of p, climb and pmax", code="wrong_type", field="rank")
    climb = boolean("rank.climb", given.get("climb", True))
    p, pmax = given.get("p"), given.get("pmax")
    most = n if pmax is None else integer("rank.pmax", pmax, 1, n)
    first = min(starting_rank(n), most) if p is None else integer("rank.p", p, 1, most)
    return {"p": first, "climb": climb, "pmax": most}


def from_json(body: object) -> MaxCutRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(MaxCutRequest, body)


def predicted_seconds(request: MaxCutRequest) -> float:
    """Expected duration on one core: iterations and their overhead grow with n, each takes products of n by n with n by p."""
    n, rank = len(request.matrix.values), request.rank
    p = max(rank["p"], min(starting_rank(n), rank["pmax"])) if rank["climb"] else rank["p"]
    return 0.02 + request.starts * (0.004 + 4e-4 * n + 5e-7 * n**2 * float(p))


def run(request: MaxCutRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Solve the relaxation, round it to signs, and prove what can be proved of both."""
    rank = request.rank
    most = rank["pmax"] if rank["climb"] else rank["p"]
    found = relax(request.cost, rank["p"], most, request.starts, request.round, request.tol, request.seed, progress)
    limit = request.tol * len(found.C) * found.scale
    certified = found.gap <= limit
    exact = found.signs_gap <= limit or found.signs_gap < smallest_step(found.C)
    spectrum: FloatArray = eigvalsh(found.slack)
    report = DivisionReport(request.matrix, 1.0 if request.sense == "min" else -1.0, found)
    return AnalysisResult(
        method=METHOD,
        params_effective={
            "matrix": request.matrix.described,
            **{name: getattr(request, name) for name in ("sense", "rank", "starts", "round", "tol", "seed")},
        },
        seed=request.seed,
        verdict="exact" if exact else "bounded" if certified else "not_certified",
        result=report.result(certified, exact),
        diagnostics=report.diagnostics(spectrum),
        warnings=_warnings(request, found),
        series=report.series(spectrum),
    )


def _warnings(request: MaxCutRequest, found: Relaxed) -> tuple[str, ...]:
    rank, pairs = request.rank, request.matrix.pairs
    told = {
        "rank_below_guarantee": not rank["climb"] and not is_guaranteed(len(found.C), rank["p"]),
        "spurious_stops": found.spurious_stops > 0,
        "pairs_missing": pairs is not None and pairs.missing > 0,
    }
    return tuple(code for code, said in told.items() if said)
