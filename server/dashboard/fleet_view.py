"""The fleet: in a demonstration, start simulated phones and watch their reports arrive and the intervals shrink."""

import asyncio
import secrets
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from ldp_core.privacy.epsilon import format_epsilon
from server.dashboard import words
from server.dashboard.figures import Figure
from server.dashboard.fleet_process import MOST_PHONES, FleetProcess, FleetRun, simulate_command
from server.dashboard.guard import Form
from server.dashboard.marks import mark_of
from server.dashboard.visits import View, Visit
from server.refusals import IllegalTransition, InsufficientScope, InvalidParameters, NotEnoughReports
from server.services.estimate_pages import EstimatePage, ItemRow, PageQuestion
from server.services.estimates import Asked
from server.services.outlooks import outlook_of
from server.services.specs import labels_of, mechanism_of, parsed_spec

__all__ = ["Fleet", "FleetModel"]

POPULATIONS = ("words", "emoji", "zipf", "uniform")

_SHOWN = 8
_HISTORY = 240


@dataclass(frozen=True)
class Choice:
    """A collection that phones may answer. population: which simulated people fit its answers."""

    id: str
    question: str
    population: str
    n: int


@dataclass(frozen=True)
class FleetModel:
    """running: do phones report right now? · share: of them, how many have · history: n and the first answer's interval width, as it shrank."""

    allowed: bool
    choices: tuple[Choice, ...]
    chosen: str
    running: bool
    problem: str
    phones: int
    arrived: int
    share: float
    sentence: str
    epsilon: str
    n: int
    rows: tuple[ItemRow, ...]
    figure: Figure | None
    history: tuple[tuple[int, float], ...]
    history_figure: Figure | None


class Fleet:
    """The pages of the fleet. demo: may phones be simulated here?"""

    def __init__(self, process: FleetProcess, *, demo: bool) -> None:
        self._process = process
        self._demo = demo
        self._history: list[tuple[int, float]] = []

    async def page(self, visit: Visit) -> View:
        """What the fleet does now."""
        choices = await run_in_threadpool(self._choices, visit)
        run = self._process.run
        chosen = visit.query.text("collection") or (run.collection if run else choices[0].id if choices else "")
        if chosen not in {choice.id for choice in choices}:
            return View("fleet.html", "Fleet", self._model(choices, "", None, (), 0, ""))
        row, n = await run_in_threadpool(visit.services.collections.get_counted, chosen)
        epsilon = format_epsilon(mechanism_of(row.spec).epsilon)
        try:
            page = await asyncio.wrap_future(
                visit.services.estimates.submit(
                    chosen, Asked(), lambda decoded: EstimatePage.of(decoded, PageQuestion(size=_SHOWN, post=None))
                )
            )
        except NotEnoughReports:
            missing = words.too_few(outlook_of(row.spec, n), row.min_reports)
            return View("fleet.html", "Fleet", self._model(choices, chosen, missing, (), n, epsilon))
        n = page.decoded.estimate.n
        self._remember(chosen, n, page.leader.row)
        return View("fleet.html", "Fleet", self._model(choices, chosen, words.headline(page), page.rows, n, epsilon))

    async def start(self, visit: Visit, form: Form) -> Response:
        """Let phones answer an open collection."""
        admin = visit.require_admin()
        if not self._demo:
            raise InsufficientScope("phones are simulated in a demonstration only; start one with `fano demo`")
        phones = form.text("phones").replace(",", "")
        if not (phones.isascii() and phones.isdigit() and 1 <= int(phones[:9]) <= MOST_PHONES):
            raise InvalidParameters.of("phones", f"give 1 to {MOST_PHONES:,} phones, got {phones[:40]!r}")
        population = form.text("population")
        if population not in POPULATIONS:
            raise InvalidParameters.of("population", f"give one of {', '.join(POPULATIONS)}; got {population[:40]!r}")
        collection = form.text("collection")
        row, n = await run_in_threadpool(visit.services.collections.get_counted, collection)
        if row.state != "open":
            raise IllegalTransition(f"phones answer an open collection, and this one is {row.state}", state=row.state)
        key = await run_in_threadpool(
            visit.services.keys.create_key,
            actor=admin.principal.name,
            collection_id=row.id,
            name=f"simulated phones {secrets.token_hex(4)}",
        )
        visit.services.intake.forget(row.id)
        run = FleetRun(row.id, int(phones), population, n, visit.services.clock.now())
        command = simulate_command(row.id, run.phones, population, _own_url(visit))
        if not self._process.start(run, command, key.secret):
            raise IllegalTransition("a fleet is reporting already; wait until it is done", state="running")
        self._history = []
        return RedirectResponse(visit.page(f"/fleet?collection={row.id}"), 303)

    async def stop(self, visit: Visit, _form: Form) -> Response:
        """End the phones that still report."""
        visit.require_admin()
        await run_in_threadpool(self._process.stop)
        return RedirectResponse(visit.page("/fleet"), 303)

    def _choices(self, visit: Visit) -> tuple[Choice, ...]:
        found = visit.services.collections.list_counted(visit.session.principal.collection)
        return tuple(
            Choice(row.id, row.question, _population(parsed_spec(row).domain), n)
            for row, n in reversed(found)
            if row.state == "open" and labels_of(row.spec) is None  # their true labels are not for a page to make up
        )[:50]

    def _remember(self, chosen: str, n: int, leader: ItemRow) -> None:
        run = self._process.run
        if run is None or run.collection != chosen or (self._history and self._history[-1][0] == n):
            return
        self._history = [*self._history, (n, leader.high - leader.low)][-_HISTORY:]

    def _model(
        self,
        choices: tuple[Choice, ...],
        chosen: str,
        sentence: str | None,
        rows: tuple[ItemRow, ...],
        n: int,
        epsilon: str,
    ) -> FleetModel:
        run = self._process.run
        mine = run is not None and run.collection == chosen
        arrived = min(run.phones, max(0, n - run.before)) if run is not None and mine else 0
        phones = run.phones if run is not None and mine else 0
        history = tuple(self._history) if mine else ()
        return FleetModel(
            allowed=self._demo,
            choices=choices,
            chosen=chosen,
            running=self._process.running,
            problem=self._process.problem if mine else "",
            phones=phones,
            arrived=arrived,
            share=arrived / phones if phones else 0.0,
            sentence=sentence or "No collection is open. Create and open one first.",
            epsilon=epsilon,
            n=n,
            rows=rows,
            figure=_figure(rows, n, epsilon, sentence or "") if rows else None,
            history=history,
            history_figure=_history_figure(history) if len(history) > 1 else None,
        )


def _population(domain: object) -> str:
    items = getattr(domain, "items", ())
    if not items:
        return "zipf"
    letters = sum(item.isascii() for item in items[:50])
    if letters == 0:
        return "emoji"
    return "words" if letters == len(items[:50]) and len(items) > 1_000 else "zipf"


def _own_url(visit: Visit) -> str:
    """Where this process listens, by its own socket: what the browser calls it may be a proxy or a lie."""
    host, port = visit.request.scope["server"]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _figure(rows: tuple[ItemRow, ...], n: int, epsilon: str, sentence: str) -> Figure:
    return Figure(
        kind="intervals",
        name="fleet",
        caption=f"{sentence} The {len(rows)} largest of n = {words.count(n)} reports at ε = {epsilon}, with 95 % (thin) and 50 % (thick) intervals.",
        data={
            "rows": [mark_of(row) for row in rows],
            "floor": None,
        },
    )


def _history_figure(history: tuple[tuple[int, float], ...]) -> Figure:
    first, last = history[0], history[-1]
    return Figure(
        kind="shrinking",
        name="interval-width",
        caption=(
            f"The first answer's interval shrank from {100 * first[1]:.2f} points at {words.count(first[0])} reports "
            f"to {100 * last[1]:.2f} at {words.count(last[0])}."
        ),
        data={"points": [{"x": n, "y": 100 * width} for n, width in history]},
    )
