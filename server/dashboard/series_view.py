"""A collection over time: the course of a few answers, window by window, each with its band."""

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

from server.dashboard import words
from server.dashboard.figures import Figure, Table
from server.dashboard.visits import View, Visit
from server.refusals import NotEnoughReports
from server.services.estimate_pages import EstimatePage, PageQuestion
from server.services.estimates import Asked
from server.services.series import SeriesQuestion
from server.services.specs import parsed_spec
from server.storage.collections import CollectionRow
from server.storage.tallies import ALL_REPORTS

__all__ = ["SeriesModel", "series_page"]

_ITEMS = 3
_MOST_ITEMS = 6
_WINDOWS = 30


@dataclass(frozen=True)
class SeriesModel:
    """series: the document of GET …/series, None while no window can be shown · items: of which the course is shown."""

    id: str
    question: str
    items: tuple[str, ...]
    sentence: str
    figure: Figure | None
    series: dict[str, Any] | None


async def series_page(visit: Visit) -> View:
    """The course of the items in the address, or of the three largest."""
    row, _ = await visit.collection()
    cohort = visit.query.text("cohort") or None
    names = visit.query.texts("item", _MOST_ITEMS)
    title = f"Over time: {row.question}"
    windows = await run_in_threadpool(visit.services.estimates.windows, row, ALL_REPORTS)
    try:
        names = names or await _largest(visit, row, cohort)
    except NotEnoughReports:
        return View("series.html", title, SeriesModel(row.id, row.question, (), "Not enough reports yet.", None, None))
    shown = windows[-_WINDOWS:]
    span = f"{shown[0][0]}..{shown[-1][0]}" if shown else None
    question = SeriesQuestion(names, window=span, cohort=cohort, version=row.version)
    series = await asyncio.wrap_future(visit.services.series.submit(row.id, question))
    return View("series.html", title, _model(row, names, series))


async def _largest(visit: Visit, row: CollectionRow, cohort: str | None) -> list[str]:
    question = PageQuestion(size=_ITEMS, post=None)
    by_index = parsed_spec(row).domain is None
    page = visit.services.estimates.submit(
        row.id,
        Asked(cohort=cohort),
        lambda decoded: [
            str(found.index) if by_index else found.item for found in EstimatePage.of(decoded, question).rows
        ],
        row.version,
    )
    return await asyncio.wrap_future(page)


def _model(row: CollectionRow, names: list[str], series: dict[str, Any]) -> SeriesModel:
    shown = [entry for entry in series["windows"] if not entry["withheld"]]
    if len(shown) < 2:
        sentence = (
            "Everything so far lies in one window, so there is no course to draw yet."
            if shown
            else f"No window holds the {words.count(series['min_reports'])} reports that are needed to show it."
        )
        return SeriesModel(row.id, row.question, tuple(names), sentence, None, series)
    withheld = len(series["windows"]) - len(shown)
    sentence = f"{len(shown)} windows of {_period(series['window_seconds'])}" + (
        f"; {withheld} more hold too few reports to be shown." if withheld else "."
    )
    return SeriesModel(row.id, row.question, tuple(names), sentence, _figure(names, series, shown), series)


def _figure(names: list[str], series: dict[str, Any], shown: list[dict[str, Any]]) -> Figure:
    points = [
        {
            "item": item["item"],
            "start": entry["start"],
            "estimate": item["estimate"],
            "low": item["low"],
            "high": item["high"],
            "text": f"{item['item']}, {entry['start'][:10]}: {_with_interval(item)}",
        }
        for entry in shown
        for item in entry["items"]
    ]
    return Figure(
        kind="series",
        name="over-time",
        caption=(
            f"{', '.join(names)} over {len(shown)} windows, each point with its {100 * series['confidence']:g} % interval; "
            f"ε = {series['epsilon']}, {_reports(shown)} a window."
        ),
        data={"points": points, "seconds": series["window_seconds"]},
        table=Table(
            ("window", "n", *names),
            tuple(
                (entry["start"][:16].replace("T", " "), words.count(entry["n"]), *map(_with_interval, entry["items"]))
                for entry in shown
            ),
            frozenset(range(1, len(names) + 2)),
        ),
    )


def _reports(shown: list[dict[str, Any]]) -> str:
    least, most = (words.count(pick(entry["n"] for entry in shown)) for pick in (min, max))
    return f"{least} reports" if least == most else f"{least} to {most} reports"


def _with_interval(item: dict[str, Any]) -> str:
    error = item["standard_error"]
    return f"{words.percent(item['estimate'], error)} ({words.percent(item['low'], error)} to {words.percent(item['high'], error)})"


def _period(seconds: int) -> str:
    for unit, size in (("week", 604_800), ("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds % size == 0:
            many = seconds // size
            return f"one {unit}" if many == 1 else f"{many} {unit}s"
    return f"{seconds} seconds"
