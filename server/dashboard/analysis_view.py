"""Analyses: what there is, a form for each, and a page for each job that lives as long as its result is kept."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from ldp_core.analysis.registry import FAMILIES
from server.api.jobs import summary
from server.dashboard import words
from server.dashboard.analysis_arrays import ArraysModel, Change, array_lines, change_arrays
from server.dashboard.analysis_form import (
    ARRAY_OF,
    LABELS,
    FieldModel,
    array_members,
    form_fields,
    reference_of,
    request_of,
)
from server.dashboard.analysis_result import Fact, facts_of, figures_of
from server.dashboard.figures import Figure
from server.dashboard.guard import Form
from server.dashboard.snippets import Snippet, analysis_snippets
from server.dashboard.visits import View, Visit
from server.refusals import AnalysisTooLarge, InvalidAnalysis, UnknownResource
from server.services.analyses import Analyses
from server.services.jobs import Job
from server.services.specs import labels_of

__all__ = [
    "analyses_page",
    "analysis_page",
    "cancel_job",
    "change_stored_arrays",
    "export_request",
    "job_page",
    "start_analysis",
]

_RECENT = 10
_SOONEST_SECONDS, _LATEST_SECONDS = 0.5, 10.0
_NO_CHANGE = Change()
_ITEM_NUMBERS = frozenset({"item", "top_k", "last_in", "first_out", "dropped_items"})


@dataclass(frozen=True)
class Card:
    """One analysis. collection: can it take a collection?"""

    path: str
    family: str
    title: str
    question: str
    collection: bool


@dataclass(frozen=True)
class Family:
    """The analyses of one method."""

    title: str
    analyses: tuple[Card, ...]


@dataclass(frozen=True)
class AnalysesModel:
    """All analyses by the method that they belong to, and the newest jobs."""

    families: tuple[Family, ...]
    jobs: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class FormModel:
    """A form.

    reference: the member that names a collection, empty when there is none · choices: id and question of the collections that can be
    chosen · error: what was wrong with the request as a whole.
    """

    method: Card
    fields: tuple[FieldModel, ...]
    verdicts: dict[str, str]
    reference: str
    choices: tuple[tuple[str, str], ...]
    chosen: str
    arrays: ArraysModel
    error: str


@dataclass(frozen=True)
class Shown:
    """A finished analysis."""

    verdict: str
    meaning: str
    source: str
    facts: tuple[Fact, ...]
    diagnostics: tuple[Fact, ...]
    parameters: tuple[Fact, ...]
    inputs: tuple[Fact, ...]
    warnings: tuple[str, ...]
    figures: tuple[Figure, ...]
    seed: int | None
    wall_seconds: float
    versions: dict[str, str]


@dataclass(frozen=True)
class JobModel:
    """A job. look_again: milliseconds after which the page asks how far it is · result: the document of GET /v1/jobs/ID, None until it is
    done · shown: the same for people · problem: why it failed · snippets: to repeat it, once it has ended."""

    method: Card
    job: dict[str, Any]
    ended: bool
    look_again: int
    problem: str
    result: dict[str, Any] | None
    shown: Shown | None
    snippets: tuple[Snippet, ...]


async def analyses_page(visit: Visit) -> View:
    """Every analysis as a card with its question."""
    principal = visit.session.principal
    methods = await run_in_threadpool(Analyses.methods)
    rows = await run_in_threadpool(visit.services.jobs.list, principal)
    jobs = tuple(summary(visit.services, row) for row in rows[:_RECENT])
    cards = tuple(map(_card, methods))
    families = tuple(
        Family(title, tuple(card for card in cards if card.family == family)) for family, title in FAMILIES.items()
    )
    return View("analyses.html", "Analysis", AnalysesModel(families, jobs))


async def analysis_page(visit: Visit) -> View:
    """The form of one analysis, filled in with its example, or with the collection that the address names."""
    method = await _method(visit)
    return await _form(visit, method, None, visit.query.text("collection"), {})


async def start_analysis(visit: Visit, form: Form) -> View | Response:
    """Make a job of what the form says; the form again when something does not fit."""
    method = await _method(visit)
    try:
        body = request_of(method, form)
        work = visit.services.analyses.submit(visit.session.principal, method["path"], body, at_once=False)
        answer = await asyncio.wrap_future(work)
    except (InvalidAnalysis, AnalysisTooLarge, UnknownResource) as refused:
        errors = {str(refused.extras.get("field") or ""): refused.detail}
        return await _form(visit, method, form.fields(), form.text(reference_of(method)), errors)
    assert answer.job is not None, "nothing is answered at once here"
    return RedirectResponse(visit.page(f"/analysis/jobs/{answer.job.id}"), 303)


async def change_stored_arrays(visit: Visit, form: Form) -> View:
    """The form again, as it was filled in, with arrays stored from a file and chosen, or with one of them forgotten."""
    method = await _method(visit)
    change = await change_arrays(visit, method, form)
    values = {**form.fields(), **{ARRAY_OF + name: array_id for name, array_id in change.chosen.items()}}
    return await _form(visit, method, values, form.text(reference_of(method)), {}, change)


async def job_page(visit: Visit) -> View:
    """How far a job is, and what it found."""
    job = await run_in_threadpool(visit.services.jobs.read, visit.request.path_params["id"], visit.session.principal)
    methods = await run_in_threadpool(Analyses.methods)
    method = next((one for one in methods if one["path"] == job.row.method), None)
    if method is None:
        raise UnknownResource("this job is no analysis that this release knows")
    model = await run_in_threadpool(_job_model, visit, method, job)
    return View("job.html", method["title"], model)


async def export_request(visit: Visit) -> Response:
    """What was asked, to be saved and sent again."""
    job_id = visit.request.path_params["id"]
    asked = await run_in_threadpool(visit.services.jobs.request, job_id, visit.session.principal)
    headers = {"Content-Disposition": 'attachment; filename="request.json"', "Cache-Control": "no-store"}
    return Response(asked, headers=headers, media_type="application/json")


async def cancel_job(visit: Visit, _form: Form) -> Response:
    """Stop a job that has not ended."""
    job_id = visit.request.path_params["id"]
    _, cancelled = await run_in_threadpool(visit.services.jobs.cancel, job_id, visit.session.principal)
    if cancelled:
        visit.services.job_runner.stop(job_id)
    return RedirectResponse(visit.page(f"/analysis/jobs/{job_id}"), 303)


async def _method(visit: Visit) -> Mapping[str, Any]:
    _ = visit.session  # only for who is logged in
    methods = await run_in_threadpool(Analyses.methods)
    path = visit.request.path_params["path"]
    found = next((method for method in methods if method["path"] == path), None)
    if found is None:
        raise UnknownResource("no analysis is called that; the analysis page lists those there are")
    return found


async def _form(
    visit: Visit,
    method: Mapping[str, Any],
    values: Mapping[str, str] | None,
    chosen: str,
    errors: Mapping[str, str],
    change: Change = _NO_CHANGE,
) -> View:
    only, reference = visit.session.principal.collection, reference_of(method)
    listed = await run_in_threadpool(visit.services.collections.list_counted, only) if reference else []
    counted = reference == LABELS or "counts" in method["schema"]["properties"]
    model = FormModel(
        method=_card(method),
        fields=form_fields(method, values, errors, chosen=bool(chosen)),
        verdicts=dict(method["verdicts"]),
        reference=reference,
        choices=tuple(
            (row.id, row.question)
            for row, n in reversed(listed)
            if (n > 0 or not counted) and (reference != LABELS or labels_of(row.spec) is not None)
        ),
        chosen=chosen,
        arrays=await run_in_threadpool(_arrays, visit, method, values or {}, change),
        error=next((text for name, text in errors.items() if name not in method["schema"]["properties"]), ""),
    )
    return View("analysis.html", method["title"], model, 422 if errors else change.status)


def _arrays(visit: Visit, method: Mapping[str, Any], values: Mapping[str, str], change: Change) -> ArraysModel:
    places = array_members(method)
    return ArraysModel(
        places=places,
        place=values.get("place", ""),
        stored=array_lines(visit) if places else (),
        most_bytes=visit.services.settings.array_bytes,
        told=change.told,
        error=change.error,
    )


def _card(method: Mapping[str, Any]) -> Card:
    return Card(method["path"], method["family"], method["title"], method["question"], method["collection"])


def look_again(age_seconds: float) -> int:
    """Milliseconds until a page looks again at what has gone on for so long: often at first, later a tenth of that, at most ten seconds.

    >>> [look_again(seconds) for seconds in (0, 5, 30, 3_600)]
    [500, 500, 3000, 10000]
    """
    return round(1_000 * min(max(_SOONEST_SECONDS, age_seconds / 10), _LATEST_SECONDS))


def _job_model(visit: Visit, method: Mapping[str, Any], job: Job) -> JobModel:
    result: dict[str, Any] | None = None if job.result is None else json.loads(job.result)
    snippets: tuple[Snippet, ...] = ()
    if job.ended:  # what was asked may be long, and is not read while the page looks again and again
        asked = visit.services.jobs.request(job.row.id, visit.session.principal)
        snippets = analysis_snippets(str(visit.request.base_url), job.row.method, asked.decode())
    return JobModel(
        method=_card(method),
        job=msgspec.to_builtins(summary(visit.services, job.row)),
        ended=job.ended,
        look_again=look_again(visit.services.clock.now() - job.row.asked),
        problem="" if job.problem is None else json.loads(job.problem)["detail"],
        result=result,
        shown=None if result is None else _shown(method, result),
        snippets=snippets,
    )


def _shown(method: Mapping[str, Any], result: Mapping[str, Any]) -> Shown:
    items = result.get("items", [])
    return Shown(
        verdict=result["verdict"].replace("_", " "),
        meaning=words.sentence(method["verdicts"].get(result["verdict"], "")),
        source=_source(result),
        facts=facts_of(_named(result["result"], items)),
        diagnostics=facts_of(result["diagnostics"]),
        parameters=facts_of(result["params_effective"]),
        inputs=facts_of({"reports": result["inputs"]}) if result.get("inputs") else (),
        warnings=tuple(code.replace("_", " ") for code in result["warnings"]),
        figures=figures_of(result["series"], items),
        seed=result["seed"],
        wall_seconds=result["wall_seconds"],
        versions=result["library_versions"],
    )


def _source(result: Mapping[str, Any]) -> str:
    """The reports that went in, empty where no collection did."""
    inputs, epsilon = result.get("inputs", []), result["params_effective"].get("epsilon")
    if not inputs:
        return ""
    if "n" not in inputs[0]:
        return "With the mechanism of the collection; none of its reports was looked at."
    n = " and ".join(words.count(one["n"]) for one in inputs)
    return f"From {n} reports" + (f" at ε = {epsilon:g}." if isinstance(epsilon, int | float) else ".")


def _named(value: Any, items: list[str], key: str = "") -> Any:
    """The result with the names of items in place of their numbers, where a member numbers items."""
    if isinstance(value, Mapping):
        return {name: _named(inner, items, name) for name, inner in value.items()}
    if key not in _ITEM_NUMBERS or not items:
        return value
    if isinstance(value, list):
        return [_named(inner, items, key) for inner in value]
    return items[value] if isinstance(value, int) else value
