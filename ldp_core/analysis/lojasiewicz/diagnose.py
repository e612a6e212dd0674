"""How fast can this descent be? The Lojasiewicz exponent of an uploaded trace, and whether a bound from theory holds on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array, choice, integer, real, request_from_json
from ldp_core.analysis.lojasiewicz import bounds
from ldp_core.analysis.lojasiewicz.exponent import (
    LEAST_POINTS,
    ExponentFit,
    TraceColumns,
    fit_exponent,
    profile_minimum,
)
from ldp_core.analysis.lojasiewicz.exponent_report import report
from ldp_core.analysis.lojasiewicz.path import rounding
from ldp_core.analysis.lojasiewicz.trace_series import descent_series, exponent_series
from ldp_core.analysis.progress import Progress, Step, silent
from ldp_core.analysis.result import AnalysisResult, Series
from ldp_core.types import FloatArray

__all__ = [
    "EXAMPLE",
    "METHOD",
    "QUESTION",
    "SCHEMA",
    "TITLE",
    "VERDICTS",
    "DiagnoseRequest",
    "from_json",
    "predicted_seconds",
    "run",
]

METHOD = "lojasiewicz/diagnose"
TITLE = "Exponent of a descent"
QUESTION = "What does the trace of a descent say about how fast it, and its stochastic version, can be?"

MOST_ROWS = 100_000
COLUMNS = ("t", "f", "grad_norm")
_LARGEST_TIME = 10_000_000
_SHOWN_ROWS = 500

THEORIES: Mapping[str, tuple[str, ...]] = {
    "power": ("alpha", "mu", "step"),
    "noisy_pl": ("mu", "smoothness", "variance"),
    "separable": ("margin", "points", "step"),
    "source": ("order", "energy"),
}
"""The bounds of `bounds` by name, each with its parameters."""

SCHEMA: Mapping[str, Any] = schema.request(
    {
        "trace": {
            "type": "array",
            "title": "Trace",
            "description": "rows of step or time, value, and length of the gradient, t increasing",
            "minItems": LEAST_POINTS,
            "maxItems": MOST_ROWS,
            "items": {
                "type": "object",
                "properties": {
                    "t": {"type": "number", "minimum": 0},
                    "f": {"type": "number"},
                    "grad_norm": {"type": "number", "minimum": 0},
                },
                "required": list(COLUMNS),
                "additionalProperties": False,
            },
        },
        "f_star": schema.optional(
            schema.number("Least value", "of f, where it is known; left out, it is profiled", -1e300, 1e300)
        ),
        "theory": schema.optional(
            {
                "type": "object",
                "title": "Bound",
                "description": "to hold against the trace: power, noisy_pl, separable or source with its parameters; needs f_star",
                "properties": {
                    "kind": {"type": "string", "enum": list(THEORIES)},
                    **{
                        name: {"type": "number", "exclusiveMinimum": 0} for names in THEORIES.values() for name in names
                    },
                },
                "required": ["kind"],
                "additionalProperties": False,
            }
        ),
    },
    required=("trace",),
)

EXAMPLE: Mapping[str, Any] = {
    "trace": [{"t": 2**i, "f": 4.0**-i, "grad_norm": 8.0 ** (-i / 2)} for i in range(12)],
    "f_star": 0.0,
}

VERDICTS: Mapping[str, str] = {
    "geometric": "The exponent may be 1: the distance to the least value shrinks by a constant factor a step.",
    "sublinear": "The exponent is above 1: the distance falls like a power of t, given as predicted_gd_rate.",
    "not_a_power": "The gradient is no power of the distance along this trace; the exponent is only a mean over it.",
    "too_short": "Fewer than eight rows are further from the least value than rounding, or none differ, so no exponent is given.",
}


@dataclass(frozen=True, eq=False)
class DiagnoseRequest:
    """trace: rows {t, f, grad_norm}, t increasing · f_star: least value of f, None to profile it · theory: a bound to check, with f_star.

    Raises AnalysisError `f_star_above_minimum` where some f is less than f_star, and TooLargeError.
    """

    trace: Sequence[Mapping[str, float]]
    f_star: float | None = None
    theory: Mapping[str, Any] | None = None
    columns: TraceColumns = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", _columns(self.trace))
        if self.f_star is not None:
            f_star = real("f_star", self.f_star, -1e300, 1e300)
            least = float(self.columns.f.min())
            if f_star > least + rounding(least):
                raise AnalysisError(
                    f"f_star is {f_star:.9g} and the trace has an f of {least:.9g}, which is less; give a lower f_star or leave it out",
                    code="f_star_above_minimum",
                    field="f_star",
                )
            object.__setattr__(self, "f_star", f_star)
        if self.theory is not None:
            object.__setattr__(self, "theory", self._checked_theory(self.theory))

    def _checked_theory(self, theory: object) -> Mapping[str, Any]:
        if not isinstance(theory, Mapping):
            raise AnalysisError("theory must be an object with a kind", code="wrong_type", field="theory")
        kind = choice("theory.kind", theory.get("kind"), tuple(THEORIES))
        if set(theory) != {"kind", *THEORIES[kind]}:
            raise AnalysisError(
                f"theory {kind} has the fields kind, {', '.join(THEORIES[kind])}; got {', '.join(sorted(map(str, theory)))}"[
                    :200
                ],
                code="unknown_field" if set(theory) - {"kind", *THEORIES[kind]} else "missing_field",
                field="theory",
            )
        if self.f_star is None:
            raise AnalysisError("a bound needs f_star, the least value of f", code="missing_field", field="f_star")
        checked: dict[str, Any] = {
            name: real(f"theory.{name}", theory[name], 0, 1e300, above=True) for name in THEORIES[kind]
        }
        if kind == "power":
            checked["alpha"] = real("theory.alpha", theory["alpha"], 1, 10)
        if kind == "separable":
            checked["points"] = integer("theory.points", theory["points"], 1, 10**12)
        if kind in {"power", "separable"} and self.columns.t[-1] > _LARGEST_TIME:
            raise TooLargeError(
                f"a bound of kind {kind} is followed step by step, to t = {_LARGEST_TIME:,} at most", field="theory"
            )
        return {"kind": kind, **checked}


def _columns(rows: object) -> TraceColumns:
    if isinstance(rows, str) or not isinstance(rows, Sequence):
        raise AnalysisError("trace must be a list of rows with t, f and grad_norm", code="wrong_type", field="trace")
    if len(rows) > MOST_ROWS:
        raise TooLargeError(
            f"a trace has at most {MOST_ROWS:,} rows, got {len(rows):,}; thin it evenly in log t", field="trace"
        )
    if len(rows) < LEAST_POINTS:
        raise AnalysisError(
            f"a trace needs at least {LEAST_POINTS} rows, got {len(rows)}", code="wrong_shape", field="trace"
        )
    for i, row in enumerate(rows):
        if not isinstance(row, Mapping) or set(row) != set(COLUMNS):
            raise AnalysisError(
                f"row {i} of trace must have the fields t, f and grad_norm, and no others",
                code="wrong_shape",
                field="trace",
            )
    t, f, norm = (array(f"trace.{name}", [row[name] for row in rows], 1) for name in COLUMNS)
    if t[0] < 0 or (np.diff(t) <= 0).any():
        raise AnalysisError(
            "t must not be negative and must increase from row to row", code="not_increasing", field="trace"
        )
    if norm.min() < 0:
        raise AnalysisError("grad_norm is a length and cannot be negative", code="out_of_range", field="trace")
    return TraceColumns(t, f, norm)


def from_json(body: object) -> DiagnoseRequest:
    """The request of a JSON object. AnalysisError names what is unknown, missing or out of range."""
    return request_from_json(DiagnoseRequest, body)


def predicted_seconds(request: DiagnoseRequest) -> float:
    """Expected duration on one core: rows, and steps where a bound is followed step by step."""
    followed = request.theory is not None and request.theory["kind"] in {"power", "separable"}
    return 0.05 + 1e-6 * len(request.columns.t) + (3e-7 * float(request.columns.t[-1]) if followed else 0)


def run(request: DiagnoseRequest, *, progress: Progress = silent) -> AnalysisResult:
    """Fit the exponent and check the bound, if one is given."""
    trace = request.columns
    f_star = profile_minimum(trace) if request.f_star is None else request.f_star
    progress(Step(1, 2, "parts"))
    fit = None if f_star is None else fit_exponent(trace, f_star)
    source = "profiled" if request.f_star is None else "given"
    bound = None if request.theory is None or request.f_star is None else _bound(trace, request.f_star, request.theory)
    progress(Step(2, 2, "parts"))
    found = {} if fit is None or f_star is None else report(fit, f_star, source)
    return AnalysisResult(
        method=METHOD,
        params_effective={"rows": len(trace.t), "f_star": request.f_star, "theory": request.theory},
        verdict=_verdict(fit),
        result={**found, "bound": None if bound is None else _bound_report(trace, bound, request)},
        diagnostics={"rises": int(np.count_nonzero(np.diff(trace.f) > rounding(float(np.abs(trace.f).max()))))},
        series=_series(trace, f_star, fit, bound),
    )


def _verdict(fit: ExponentFit | None) -> str:
    if fit is None:
        return "too_short"
    if fit.bends:
        return "not_a_power"
    return "geometric" if fit.geometric else "sublinear"


def _bound(trace: TraceColumns, f_star: float, theory: Mapping[str, Any]) -> FloatArray:
    """The bound on D at the times of the trace, from its first row on.  (m,)"""
    parameters = {name: value for name, value in theory.items() if name != "kind"}
    first, since = float(trace.f[0] - f_star), trace.t - trace.t[0]
    if theory["kind"] == "power":
        return bounds.power_bound(since, first=first, **parameters)
    if theory["kind"] == "separable":
        return bounds.separable_bound(since, first=first, **parameters)
    if theory["kind"] == "source":
        return bounds.source_bound(since, first=first, **parameters)
    return bounds.noisy_bound(trace.t, **parameters)


def _bound_report(trace: TraceColumns, bound: FloatArray, request: DiagnoseRequest) -> dict[str, Any]:
    assert request.theory is not None
    assert request.f_star is not None
    excess = trace.f - request.f_star
    over = excess - bound
    slack = rounding(float(np.abs(trace.f).max()))
    ratio = excess / np.maximum(bound, slack)
    worst = int(np.argmax(ratio))
    return {
        "kind": request.theory["kind"],
        "holds": bool((over <= slack).all()),
        "violations": int(np.count_nonzero(over > slack)),
        "worst_ratio": float(ratio[worst]),
        "worst_t": float(trace.t[worst]),
        "at_end": float(bound[-1]),
        "excess_at_end": float(excess[-1]),
    }


def _series(
    trace: TraceColumns, f_star: float | None, fit: ExponentFit | None, bound: FloatArray | None
) -> dict[str, Series]:
    if f_star is None:
        return {}
    shown = (
        np.unique(np.linspace(0, len(trace.t) - 1, _SHOWN_ROWS).round().astype(np.int64)) if bound is not None else None
    )
    thin = trace.thinned() if shown is None else trace.rows(shown)
    others = {} if bound is None else {"bound": bound[shown]}
    series = {"descent": descent_series(thin, f_star, fit, **others)}
    if fit is not None:
        series["exponent"] = exponent_series(trace, f_star, fit)
    return series
