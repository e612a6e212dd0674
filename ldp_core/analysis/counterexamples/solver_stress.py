"""Put solvers through convex functions on which values settle and iterates do not, with a proof of what the exact path does.

The functions are in `rectangle_cycle`, `bregman_spiral` and `worst_quadratic`; the verdict is that of `diagnose_convergence`.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.counterexamples.request import INSTANCES, MIRROR, RATIONAL_STEPS, StressRequest, from_json
from ldp_core.analysis.counterexamples.solvers import SOLVERS
from ldp_core.analysis.counterexamples.stress_runs import StressRun, predicted_seconds, stress
from ldp_core.analysis.errors import TooLargeError
from ldp_core.analysis.progress import Progress, silent
from ldp_core.analysis.result import AnalysisResult, Series
from ldp_core.estimation.convergence import diagnose_convergence
from ldp_core.types import FloatArray, IntArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "StressRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "solver-stress"
TITLE = "Solvers on convex counterexamples"
QUESTION = "Does a solver notice that its values have settled while its iterates have not?"
EXAMPLE: Mapping[str, Any] = {
    "instance": "els",
    "params": {"N": 12, "p": 4, "q": "1/2", "c": "1/4"},
    "solvers": ["exact_line_search", "armijo"],
}
VERDICTS: Mapping[str, str] = {
    "converged": "Values and iterates settled.",
    "iterates_unsettled": "Values converge, iterates do not: the path does not get shorter.",
    "still_descending": "Values still fall; the run was stopped before they settled.",
    "diverged": "Values are infinite, undefined or ended above the start.",
}
_EXACT = {"type": ["string", "number"], "title": "Exact number", "description": 'a text as "1/2", or a number'}

SCHEMA: Mapping[str, Any] = schema.request(
    {
        "instance": schema.one_of(
            "Instance",
            "els: exact line search goes round a square; bregman: mirror descent swings for ever; quadratic: slow, but converges",
            tuple(INSTANCES),
            "els",
        ),
        "params": schema.optional(
            {
                "type": "object",
                "title": "Parameters",
                "description": "els: N, p, q, c; bregman: A, w, r, steps; quadratic: mu, L, steps",
                "properties": {
                    "N": schema.integer("Steps of the square", "24 at most in float64", 1, RATIONAL_STEPS, 24),
                    "p": schema.integer("Power", "of the hinges", 3, 8, 4),
                    "q": {**_EXACT, "default": "1/2"},
                    "c": {**_EXACT, "default": "1/4"},
                    "A": schema.number("Swing", "half of its width", 0, 100, 1.0, above=True),
                    "w": schema.number("Frequency", "in the logarithm of the steps", 0, 100, 4.0, above=True),
                    "r": schema.number("Offset", "that is kept", -100, 100, 0.0),
                    "mu": {**_EXACT, "default": "1"},
                    "L": {**_EXACT, "default": "10"},
                    "steps": schema.integer("Steps", "20000 for bregman, 100 for quadratic by default", 1, 1_000_000),
                },
            }
        ),
        "solvers": schema.optional(
            {
                "type": "array",
                "title": "Solvers",
                "description": "the one that the instance is made for when left out; mirror is for bregman, the others are not",
                "items": {"type": "string", "enum": [*SOLVERS, MIRROR]},
            }
        ),
        "arithmetic": schema.one_of(
            "Arithmetic",
            "rational follows the exact path of els, up to N = 40, and runs no solver",
            ("float64", "rational"),
            "float64",
        ),
        "perturb": schema.number("Perturbation", "standard deviation added to the start", 0, 1, 0.0),
        "seed": schema.seed(),
        "max_iterations": schema.integer("Iterations", "at most, of armijo, bfgs and lbfgs", 1, 10_000, 2000),
    }
)

_LONG_STEP = 1.5
_MOST_ROWS = 1000
_MOST_POINTS = 16
_CLUSTER = 0.05
_MOST_SECONDS = 3600.0


def run(request: StressRequest, *, progress: Progress = silent) -> AnalysisResult:
    """The exact path or the first solver's, what is proved about it, and how each solver ends. Verdict: of the path that is shown."""
    if predicted_seconds(request) > _MOST_SECONDS:
        raise TooLargeError(
            f"this would take about {predicted_seconds(request):.0f} s; take fewer steps, or q and c of fewer digits",
            field="params",
        )
    found = stress(request, progress)
    lengths = np.linalg.norm(np.diff(found.iterates, axis=0), axis=1)
    judged = diagnose_convergence(found.values, lengths, gap=found.gap)
    rows = _rows(len(found.iterates))
    return AnalysisResult(
        method=METHOD,
        params_effective=request.parameters,
        seed=request.seed,
        verdict=judged.status,
        result={
            "certificate": {
                "verified": all(found.claims.values()),
                "conditions": dict(found.claims),
                "exact": found.exact,
            },
            "steps": rows,
            "iterates": found.iterates[rows],
            "f_log10": [found.log10_values[i] for i in rows],
            "step_lengths": lengths[rows[1:] - 1],
            "path_length": judged.path_length,
            "long_steps": int(np.count_nonzero(lengths > _LONG_STEP)),
            "accumulation_points": _clusters(found.iterates[len(found.iterates) // 2 :]),
            "diagnosis": VERDICTS[judged.status],
            "solvers": {name: _ended(ended) for name, ended in found.solvers.items()},
        },
        diagnostics={"convergence": vars(judged), **found.diagnostics},
        series=_series(found, rows, lengths),
    )


def _rows(count: int) -> IntArray:
    """All steps, or a thousand of them, evenly on a log scale."""
    if count <= _MOST_ROWS:
        return np.arange(count)
    return np.unique(np.concatenate([[0], np.geomspace(1, count - 1, _MOST_ROWS - 1).round()])).astype(np.int64)


def _clusters(points: FloatArray) -> FloatArray:
    """Points that all others are near to: the first, and each that is far from those before it, sixteen at most.  (n, 2) -> (m, 2)"""
    apart = _CLUSTER * float(np.ptp(points, axis=0).max())
    kept: list[FloatArray] = []
    rest = points
    while len(rest) and len(kept) < _MOST_POINTS:
        kept.append(rest[-1])
        rest = rest[np.linalg.norm(rest - rest[-1], axis=1) > apart]
    return np.array(kept)


def _ended(ended: Any) -> dict[str, Any]:
    trace, gap = ended
    judged = diagnose_convergence(trace.values, trace.step_lengths, gap=gap)
    return {
        "final": trace.iterates[-1],
        "final_value": float(trace.values[-1]) if np.isfinite(trace.values[-1]) else None,
        "iterations": judged.iterations,
        "path_length": judged.path_length,
        "last_step": judged.last_step,
        "long_steps": int(np.count_nonzero(trace.step_lengths > _LONG_STEP)),
        "status": judged.status,
        "message": trace.message,
    }


def _series(found: StressRun, rows: IntArray, lengths: FloatArray) -> dict[str, Series]:
    path: dict[str, Any] = {
        "step": rows,
        "x1": found.iterates[rows, 0],
        "x2": found.iterates[rows, 1],
        "f_log10": [found.log10_values[i] for i in rows],
        "step_length": [0.0, *lengths[rows[1:] - 1].tolist()],
        **{name: column[rows] for name, column in found.beside.items()},
    }
    series = {"path": Series(path, "step", "step", "iterates, log10 of the value, and length of the step before")}
    if found.solvers:
        solved: dict[str, Any] = {name: [] for name in ("solver", "step", "x1", "x2")}
        for name, (trace, _) in found.solvers.items():
            shown = _rows(len(trace.iterates))
            solved["solver"] += [name] * len(shown)
            solved["step"] += shown.tolist()
            solved["x1"] += trace.iterates[shown, 0].tolist()
            solved["x2"] += trace.iterates[shown, 1].tolist()
        series["solvers"] = Series(solved, "x1", "x1", "x2")
    if found.contours:
        series["contours"] = Series(found.contours, "x1", "x1", "log10 of the value over x1 and x2")
    return series
