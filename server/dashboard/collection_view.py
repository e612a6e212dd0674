"""One collection: the finding, every estimate with its interval, and what says how far they can be trusted."""

import asyncio
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from ldp_core.estimation.post_processing import POST_PROCESSES
from ldp_core.privacy.epsilon import format_epsilon
from server.dashboard import words
from server.dashboard.figures import Figure
from server.dashboard.labels_view import LabelsFound, ends_headline, ends_summary, labels_found
from server.dashboard.marks import mark_of
from server.dashboard.selection import ReportChoices, report_choices
from server.dashboard.snippets import Snippet, estimate_snippets
from server.dashboard.trust import Trust, trust_of
from server.dashboard.visits import Query, View, Visit
from server.refusals import NotEnoughReports
from server.services.estimate_pages import EstimatePage, ItemRow, Order, PageQuestion
from server.services.estimates import Asked
from server.services.intake_health import IntakeTotal, intake_total
from server.services.lifecycle import TRANSITIONS
from server.services.outlooks import Disclosure, disclosure_of, outlook_of
from server.services.services import Services
from server.services.specs import intake_terms, labels_of, mechanism_of
from server.storage.collections import CollectionRow

__all__ = ["CollectionModel", "Found", "collection_page"]

_ORDERS: tuple[Order, ...] = ("estimate", "index")
_POSTS = ("norm_sub", "none", *(name for name in POST_PROCESSES if name != "norm_sub"))
_POSTS_OF_LABELS = ("none", *POST_PROCESSES)
_SIZES = (25, 100)


@dataclass(frozen=True)
class Label:
    """The privacy label: what a report says, to whom, how often."""

    epsilon: str
    odds: float
    likelihood_ratio: str
    odds_sentence: str
    people_sentence: str
    own: float
    other: float
    mechanism: str
    parameters: dict[str, int]
    report_bits: int
    window: str
    high: bool


@dataclass(frozen=True)
class Found:
    """A decoded page of items."""

    headline: str
    summary: str
    rows: tuple[ItemRow, ...]
    matches: int
    page: int
    pages: int
    domain_size: int
    confidence: float
    noise_floor: float
    post_refusal: str
    decoder: str
    counts_digest: str
    figure: Figure
    trust: Trust


@dataclass(frozen=True)
class CollectionModel:
    """found: None while there are too few reports, then `missing` says how many are needed · chosen: which reports · labels: the mean, in a collection of labels · moves: what an admin may do now."""

    id: str
    name: str
    question: str
    state: str
    status: str
    version: int
    spec_digest: str
    epsilon: str
    n: int
    search: str
    order: str
    post: str
    chosen: ReportChoices
    missing: str
    found: Found | None
    labels: LabelsFound | None
    is_labels: bool
    label: Label
    intake: IntakeTotal
    intake_sentence: str
    snippets: tuple[Snippet, ...]
    moves: tuple[str, ...]


async def collection_page(visit: Visit) -> View:
    """Whatever is known of a collection now."""
    row, n = await visit.collection()
    query = visit.query
    labels = labels_of(row.spec)
    question = _question(query, _POSTS if labels is None else _POSTS_OF_LABELS)
    asked = Asked(window=query.text("window") or None, cohort=query.text("cohort") or None)
    found, missing = await _found(visit.services, row, asked, question)
    intake = await run_in_threadpool(_intake, visit.services, row)
    chosen = await run_in_threadpool(report_choices, visit, row, asked)
    model = CollectionModel(
        id=row.id,
        name=row.name,
        question=row.question,
        state=row.state,
        status=words.progress_sentence(row.state, outlook_of(row.spec, n)),
        version=row.version,
        spec_digest=row.spec_digest,
        epsilon=format_epsilon(mechanism_of(row.spec).epsilon),
        n=found.trust.n if found else n,
        search=question.search,
        order=question.order,
        post=question.post or "none",
        chosen=chosen,
        missing=missing,
        found=found,
        labels=await labels_found(visit.services, row, asked),
        is_labels=labels is not None,
        label=_label(row),
        intake=intake,
        intake_sentence=_intake_sentence(intake),
        snippets=estimate_snippets(str(visit.request.base_url), row.id, asked, chosen.version),
        moves=tuple(verb for verb, (sources, _) in TRANSITIONS.items() if row.state in sources),
    )
    return View("collection.html", row.question, model)


def _question(query: Query, posts: tuple[str, ...]) -> PageQuestion:
    order = query.choice("order", _ORDERS)
    post = query.choice("post", posts)
    return PageQuestion(
        search=query.text("q"),
        order="index" if order == "index" else "estimate",
        page=query.whole("page", 1, 1, 1 << 32),
        size=query.whole("size", _SIZES[0], 1, _SIZES[-1]),
        confidence=query.number("confidence", 0.95, 0, 1),
        post=None if post == "none" else post,
    )


async def _found(
    services: Services, row: CollectionRow, asked: Asked, question: PageQuestion
) -> tuple[Found | None, str]:
    """The page, or what is missing for one."""
    work = services.estimates.submit(
        row.id, asked, lambda decoded: _decoded_page(EstimatePage.of(decoded, question)), row.version
    )
    try:
        return await asyncio.wrap_future(work), ""
    except NotEnoughReports as few:
        return None, words.too_few(outlook_of(row.spec, few.extras["have"]), row.min_reports)


def _decoded_page(page: EstimatePage) -> Found:
    estimate = page.decoded.estimate
    labels = labels_of(page.decoded.row.spec)
    headline = words.headline(page) if labels is None else ends_headline(page, labels)
    summary = _summary(page) if labels is None else ends_summary(labels)
    return Found(
        headline=headline,
        summary=summary,
        rows=page.rows,
        matches=page.matches,
        page=page.page,
        pages=page.pages,
        domain_size=estimate.domain_size,
        confidence=page.question.confidence,
        noise_floor=page.noise_floor,
        post_refusal=page.post_refusal,
        decoder=estimate.provenance.decoder,
        counts_digest=page.decoded.counts_digest,
        figure=_figure(page, headline, "answers") if labels is None else _figure(page, f"{headline} {summary}", "ends"),
        trust=trust_of(estimate) if labels is None else trust_of(estimate, "the share of an end"),
    )


def _summary(page: EstimatePage) -> str:
    precision = words.too_few(outlook_of(page.decoded.row.spec, page.decoded.estimate.n, page.question.confidence), 0)
    total = words.count(page.decoded.estimate.domain_size)
    above = (
        f"None of {total} answers stands above the noise floor"
        if page.above == 0
        else f"{words.count(page.above)} of {total} answers {'stands' if page.above == 1 else 'stand'} above the noise floor"
    )
    floor = words.percent(page.noise_floor, page.leader.row.standard_error)
    return f"{above} of {floor}, which noise alone crosses once in {1 / (1 - page.question.confidence):.0f} collections. {precision}"


def _figure(page: EstimatePage, finding: str, what: str) -> Figure:
    shown = f"{words.count(len(page.rows))} of {words.count(page.matches)} {what}"
    post = None if page.post_refusal else page.question.post
    beside = f"; hollow: after {words.mechanism_name(post)}, biased, without an interval" if post else ""
    return Figure(
        kind="intervals",
        name="estimates",
        caption=(
            f"{finding} Shown: {shown}, each with its {100 * page.question.confidence:g} % interval (thin) and 50 % interval (thick)"
            f"{beside}. n = {words.count(page.decoded.estimate.n)}, ε = {format_epsilon(page.decoded.estimate.provenance.epsilon)}."
        ),
        data={
            "rows": [mark_of(row) for row in page.rows],
            "floor": page.noise_floor,
        },
    )


def _label(row: CollectionRow) -> Label:
    mechanism = mechanism_of(row.spec)
    told: Disclosure = disclosure_of(row.spec)
    of_labels = labels_of(row.spec) is not None
    epsilon, ratio = format_epsilon(mechanism.epsilon), mechanism.likelihood_ratio
    return Label(
        epsilon=epsilon,
        odds=told.odds,
        likelihood_ratio=f"{ratio.numerator}/{ratio.denominator}",
        odds_sentence=words.odds_sentence(epsilon, told.odds, "label" if of_labels else "answer"),
        people_sentence=words.ends_disclosure_sentence(told) if of_labels else words.disclosure_sentence(told),
        own=told.own,
        other=told.other,
        mechanism=mechanism.name,
        parameters=dict(mechanism.parameters),
        report_bits=(intake_terms(row.spec).report_space - 1).bit_length(),
        window=intake_terms(row.spec).window_period,
        high=words.reveals(told),
    )


def _intake(services: Services, row: CollectionRow) -> IntakeTotal:
    return intake_total(services.intake_counts.of(row.id).items())


def _intake_sentence(intake: IntakeTotal) -> str:
    if not intake.accepted and not intake.rejected:
        return "No upload has arrived here yet."
    refused = sum(intake.rejected.values())
    taken = f"{words.count(intake.accepted)} {'upload' if intake.accepted == 1 else 'uploads'} accepted"
    again = f", {words.count(intake.replayed)} sent again and recognised" if intake.replayed else ""
    return f"{taken}{again}, {'none' if not refused else words.count(refused)} refused."
