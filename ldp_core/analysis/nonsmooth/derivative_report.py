"""How a nonsmooth derivative is told: the fields of the answer, its diagnostics, and its pictures."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ldp_core.analysis.nonsmooth.error_bar import ErrorBar
from ldp_core.analysis.nonsmooth.evaluation import PlacedTie, Tape
from ldp_core.analysis.nonsmooth.hull import MOST_VERTICES, Hull
from ldp_core.analysis.nonsmooth.neighbourhood import Neighbourhood
from ldp_core.analysis.nonsmooth.request import DerivativeRequest
from ldp_core.analysis.nonsmooth.through_kink import through_kink
from ldp_core.analysis.result import Series
from ldp_core.types import FloatArray

__all__ = ["Findings", "diagnostics_json", "near_kinks", "result_json", "series", "warnings"]

_MOST_LISTED = 200
_MOST_NUMBERS_LISTED = 200_000


@dataclass(frozen=True, eq=False)
class Findings:
    """What was computed. gradient: by the convention asked for · raw_error: without post-processing, None where there is none ·
    artificial: is 0 a possible answer at a point that is not critical?
    """

    tape: Tape
    gradient: FloatArray
    hull: Hull
    around: Neighbourhood
    bar: ErrorBar | None
    raw_error: float | None
    artificial: bool


def result_json(request: DerivativeRequest, found: Findings) -> dict[str, Any]:
    """The answer."""
    bar = None if found.bar is None else {**found.bar.to_json(), "se_raw": found.raw_error}
    return {
        "value": found.tape.value,
        "gradient_ad": found.gradient,
        "ties": [_tie_json(placed) for placed in found.tape.ties[:_MOST_LISTED]],
        "ties_in_all": len(found.tape.ties),
        "hull": _hull_json(request, found.hull),
        "artificial_critical_point": found.artificial,
        "error_bar": bar,
    }


def _tie_json(placed: PlacedTie) -> dict[str, Any]:
    return {
        "node": placed.node.out,
        "op": placed.node.op,
        "elements": list(placed.tie.members[:_MOST_LISTED]),
        "choices": [int(digit) for digit in placed.tie.digits[:_MOST_LISTED]],
        "kink_distance": placed.tie.distance,
    }


def _hull_json(request: DerivativeRequest, hull: Hull) -> dict[str, Any]:
    body: dict[str, Any] = {
        "exact": hull.exact,
        "n_vertices": hull.corners if hull.corners <= MOST_VERTICES else None,
        "vertices_used": len(hull.vertices),
        "lower": hull.lower,
        "upper": hull.upper,
    }
    if request.vertices:
        shown = max(1, _MOST_NUMBERS_LISTED // hull.vertices.shape[1])
        body["vertices"] = np.unique(hull.vertices, axis=0)[:shown]
    return body


def diagnostics_json(request: DerivativeRequest, found: Findings) -> dict[str, Any]:
    """What makes the answer believable."""
    tape, around = found.tape, found.around
    near = near_kinks(request, found)
    return {
        "least_kink_distance": float(np.abs(tape.kinks).min()) if len(tape.kinks) else None,
        "near_kinks": near[:_MOST_LISTED],
        "near_kinks_in_all": len(near),
        "jump_distance": tape.jump if np.isfinite(tape.jump) else None,
        "clarke_sample": {
            "n": len(around.values),
            "failed": around.failed,
            "min_norm": around.min_norm if len(around.values) else None,
            "ad_in_sampled_hull": around.holds(found.gradient),
        },
    }


def near_kinks(request: DerivativeRequest, found: Findings) -> list[dict[str, Any]]:
    """Kinks that the neighbourhood reaches, nearest first."""
    tape, around, sigmas = found.tape, found.around, request.nearby.sigmas
    unit = around.kink_deviations / sigmas if request.noise is not None else around.kink_deviations
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(unit > 0, np.abs(tape.kinks) / unit, np.inf)
    owners = [(node, element) for node, size in tape.kink_nodes for element in range(size)]
    reached = [i for i in np.argsort(distance, kind="stable").tolist() if distance[i] <= max(sigmas, 1.0)]
    return [
        {
            "node": owners[i][0].out,
            "op": owners[i][0].op,
            "element": owners[i][1],
            "kink_distance": float(abs(tape.kinks[i])),
            "in_sigmas": float(distance[i]),
        }
        for i in reached
    ]


def warnings(found: Findings) -> tuple[str, ...]:
    """Machine codes of what the reader should know."""
    bar = found.bar
    told = {
        "hull_not_exact": not found.hull.exact,
        "samples_failed": found.around.failed > 0,
        "error_bar_not_reliable": bar is not None and not bar.reliable,
        "jump_near": bar is not None and bar.jump_near,
    }
    return tuple(code for code, said in told.items() if said)


def series(request: DerivativeRequest, found: Findings) -> dict[str, Series]:
    """For plots."""
    bar, hull = found.bar, found.hull
    plots = {"through_kink": through_kink(found.tape, hull, request.noise)}
    if bar is not None:
        kinds = {"ad": bar.se_ad, "sup": bar.se_sup, "redrawn": bar.se_redrawn, "raw": found.raw_error}
        shown = {kind: error for kind, error in kinds.items() if error is not None}
        columns: dict[str, Any] = {
            "kind": list(shown),
            "value": [bar.value] * len(shown),
            "standard_error": list(shown.values()),
        }
        plots["error_bar"] = Series(columns, "kind", "how the error was found", "value with standard error")
    if request.histogram is not None:
        estimates = request.histogram.frequencies
        after = found.tape.values.get("f")  # absent where the program looks at the estimates only
        items: dict[str, Any] = {
            "item": np.arange(len(estimates)),
            "estimate": estimates,
            "after": estimates if after is None else after.numbers,
            "influence_low": hull.lower,
            "influence_high": hull.upper,
        }
        plots["items"] = Series(items, "item", "item", "share, and the derivative towards it")
    return plots
