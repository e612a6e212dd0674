"""The first page: every collection with where it stands."""

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from ldp_core.privacy.epsilon import format_epsilon
from server.dashboard import words
from server.dashboard.visits import View, Visit
from server.refusals import UnknownCollection
from server.services.outlooks import outlook_of
from server.services.services import Services
from server.services.specs import intake_terms, mechanism_of
from server.storage.collections import CollectionRow
from server.storage.tallies import ALL_REPORTS

__all__ = ["CollectionLine", "CollectionsModel", "collections_page"]

_PAGE = 50
_SPARK_WINDOWS = 30
_SPARK_WIDTH, _SPARK_HEIGHT = 120.0, 28.0


@dataclass(frozen=True)
class CollectionLine:
    """One collection. windows: index and number of reports, the last thirty · spark: the same as points of a line, in a box of 120 × 28."""

    id: str
    name: str
    question: str
    state: str
    status: str
    epsilon: str
    n: int
    windows: tuple[tuple[int, int], ...]
    spark: str
    last_report: str | None


@dataclass(frozen=True)
class CollectionsModel:
    """search: part of a name or question, empty for all · found: collections that match."""

    search: str
    found: int
    page: int
    pages: int
    collections: tuple[CollectionLine, ...]


async def collections_page(visit: Visit) -> View:
    """All collections that the visitor may see, the newest first."""
    only = visit.session.principal.collection
    search = visit.query.text("q")
    wanted = visit.query.whole("page", 1, 1, 1_000_000)
    model = await run_in_threadpool(_model, visit.services, only, search, wanted)
    return View("collections.html", "Collections", model)


def _model(services: Services, only: int | None, search: str, wanted: int) -> CollectionsModel:
    part = search.casefold()
    found = [
        (row, n)
        for row, n in reversed(services.collections.list_counted(only))
        if part in row.name.casefold() or part in row.question.casefold()
    ]
    pages = max(1, -(-len(found) // _PAGE))
    page = min(wanted, pages)
    shown = found[(page - 1) * _PAGE : page * _PAGE]
    lines = tuple(line for row, n in shown if (line := _line(services, row, n)))
    return CollectionsModel(search, len(found), page, pages, lines)


def _line(services: Services, row: CollectionRow, n: int) -> CollectionLine | None:
    """None when it was deleted since it was found."""
    try:
        windows = services.estimates.windows(row, ALL_REPORTS)[-_SPARK_WINDOWS:]
    except UnknownCollection:
        return None
    seconds = intake_terms(row.spec).window_seconds
    return CollectionLine(
        id=row.id,
        name=row.name,
        question=row.question,
        state=row.state,
        status=words.progress_sentence(row.state, outlook_of(row.spec, n)),
        epsilon=format_epsilon(mechanism_of(row.spec).epsilon),
        n=n,
        windows=tuple(windows),
        spark=_spark(windows),
        last_report=words.day(windows[-1][0] * seconds) if windows else None,
    )


def _spark(windows: list[tuple[int, int]]) -> str:
    """Reports of each window from the first to the last shown, as SVG points; windows without reports are at zero."""
    if len(windows) < 2:
        return ""
    first, last = windows[0][0], windows[-1][0]
    counts = dict(windows)
    top = max(counts.values())
    places = range(max(first, last - _SPARK_WINDOWS + 1), last + 1)
    step = _SPARK_WIDTH / (len(places) - 1)
    return " ".join(
        f"{step * place:.1f},{_SPARK_HEIGHT - 2 - (_SPARK_HEIGHT - 4) * counts.get(window, 0) / top:.1f}"
        for place, window in enumerate(places)
    )
