"""Mechanisms against each other: error, message length, decode cost, by exact formula; dots are simulated phones."""

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

from ldp_core.errors import EpsilonError
from ldp_core.privacy.epsilon import format_epsilon, parse_epsilon
from server.dashboard import words
from server.dashboard.figures import Figure, Table
from server.dashboard.visits import Query, View, Visit
from server.refusals import InvalidParameters
from server.services.plan_curves import COMPARED_EPSILONS, MeasuredError, measured_errors, mechanism_curves
from server.services.plans import mechanism_list

__all__ = ["CompareModel", "CurvesModel", "compare_page", "curves_page"]

_MOST_ITEMS = 1 << 32
_LEAST_SHOWN = 0.01  # percent above the optimum, for a logarithmic axis


@dataclass(frozen=True)
class CompareModel:
    """mechanisms: as GET /v1/mechanisms lists them, with `frontier`: does no other have less error and a shorter message?"""

    epsilon: str
    items: int
    headline: str
    mechanisms: tuple[dict[str, Any], ...]
    bits: Figure
    cost: Figure


@dataclass(frozen=True)
class CurvesModel:
    """measured: fleets of simulated phones at the chosen epsilon, empty when there are too many items to wait for."""

    epsilon: str
    items: int
    curves: Figure
    measured: tuple[MeasuredError, ...]
    note: str


async def compare_page(visit: Visit) -> View:
    """The mechanisms at one epsilon and number of items."""
    epsilon, items = _asked(visit.query)
    model = await run_in_threadpool(_model, epsilon, items)
    return View("compare.html", "Compare mechanisms", model)


async def curves_page(visit: Visit) -> View:
    """The mechanisms along epsilon, with measured dots. For who is logged in: measuring takes time that estimates wait for."""
    _ = visit.session
    epsilon, items = _asked(visit.query)
    curves = await run_in_threadpool(mechanism_curves, items)
    note = ""
    measured: tuple[MeasuredError, ...] = ()
    try:
        measured = await asyncio.wrap_future(
            visit.services.estimates.background(lambda: measured_errors(items, epsilon))
        )
    except InvalidParameters as refused:
        note = f"Nothing was measured: {refused.detail}."
    figure = _curves_figure(epsilon, items, curves, measured)
    return View("curves.html", "Error along ε", CurvesModel(epsilon, items, figure, measured, note))


def _asked(query: Query) -> tuple[str, int]:
    try:
        epsilon = format_epsilon(parse_epsilon(query.text("epsilon") or "1"))
    except EpsilonError as error:
        raise InvalidParameters.of("epsilon", str(error)) from error
    return epsilon, query.whole("items", 1_000, 2, _MOST_ITEMS)


def _model(epsilon: str, items: int) -> CompareModel:
    listed = mechanism_list(epsilon, items)
    by_bits, by_cost = (_frontier(listed, key) for key in ("report_bits", "decode_cost"))
    best = next((entry for entry in listed if entry["usable"]), listed[0])
    return CompareModel(
        epsilon=epsilon,
        items=items,
        headline=(
            f"At ε = {epsilon} and {words.count(items)} answers, {words.mechanism_name(best['mechanism'])} has the least error that a "
            f"collection can have: {best['over_optimum']:.3f} times the optimum, {best['report_bits']} bits a report."
        ),
        mechanisms=tuple({**entry, "frontier": entry["mechanism"] in by_bits} for entry in listed),
        bits=_scatter("error-and-bits", listed, "report_bits", "bits a report", by_bits),
        cost=_scatter("error-and-decode-cost", listed, "decode_cost", "operations to decode", by_cost),
    )


def _frontier(listed: list[dict[str, Any]], key: str) -> set[str]:
    """Mechanisms that no other one beats in both error and `key`."""
    return {
        entry["mechanism"]
        for entry in listed
        if not any(
            other[key] <= entry[key]
            and other["over_optimum"] <= entry["over_optimum"]
            and (other[key], other["over_optimum"]) != (entry[key], entry["over_optimum"])
            for other in listed
        )
    }


def _scatter(name: str, listed: list[dict[str, Any]], key: str, label: str, frontier: set[str]) -> Figure:
    names = ", ".join(words.mechanism_name(entry["mechanism"]) for entry in listed if entry["mechanism"] in frontier)
    return Figure(
        kind="frontier",
        name=name,
        caption=f"Filled dots are on the frontier of error and {label}: {names}. Every other one is matched or beaten in both.",
        data={
            "points": [
                {
                    "x": entry[key],
                    "y": max(_LEAST_SHOWN, 100 * (entry["over_optimum"] - 1)),
                    "name": words.mechanism_name(entry["mechanism"]),
                    "frontier": entry["mechanism"] in frontier,
                    "usable": entry["usable"],
                    "text": f"{words.mechanism_name(entry['mechanism'])}: {entry['over_optimum']:.3f} × optimum, {entry[key]:,} {label}",
                }
                for entry in listed
            ],
            "xLabel": label,
            "yLabel": "error above the least possible",
        },
    )


def _curves_figure(epsilon: str, items: int, curves: tuple[Any, ...], measured: tuple[MeasuredError, ...]) -> Figure:
    names = tuple(dict.fromkeys(point.mechanism for point in curves))
    shown = {(point.mechanism, point.epsilon): f"{point.over_optimum:.3f}" for point in curves}
    grid = tuple(float(parse_epsilon(value)) for value in COMPARED_EPSILONS)
    dots = (
        f" Hollow dots are measured: {measured[0].rounds} fleets of {words.count(measured[0].phones)} simulated phones each."
        if measured
        else ""
    )
    return Figure(
        kind="mechanisms",
        name="error-over-optimum",
        caption=(
            f"Total squared error over the least possible, {words.count(items)} answers; 1 is optimal, 2 needs twice the phones. "
            f"Lines are exact formulas.{dots}"
        ),
        data={
            "lines": [
                {"mechanism": words.mechanism_name(point.mechanism), "x": point.epsilon, "y": point.over_optimum}
                for point in curves
            ],
            "dots": [
                {"mechanism": words.mechanism_name(dot.mechanism), "x": dot.epsilon, "y": dot.over_optimum}
                for dot in measured
            ],
            "here": float(parse_epsilon(epsilon)),
        },
        table=Table(
            ("mechanism", *(f"ε = {value:g}" for value in grid)),
            tuple((words.mechanism_name(name), *(shown.get((name, value), "—") for value in grid)) for name in names),
            frozenset(range(1, len(grid) + 1)),
        ),
    )
