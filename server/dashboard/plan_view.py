"""What if: privacy, items, phones and target in; the mechanism, its reason, and what it costs out. No collection is needed."""

from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

from ldp_core.errors import EpsilonError
from ldp_core.privacy.epsilon import format_epsilon, parse_epsilon
from server.dashboard import words
from server.dashboard.figures import Figure, Table
from server.dashboard.visits import Query, View, Visit
from server.refusals import InvalidParameters
from server.services.plan_curves import error_over_epsilon, error_over_phones, mechanism_error
from server.services.plans import plan

__all__ = ["EPSILONS", "PlanModel", "PlanQuestion", "plan_page"]

EPSILONS = tuple(step / 10 for step in range(1, 10)) + tuple(step / 4 for step in range(4, 33))
"""Where the slider stops: tenths below 1, quarters up to 8."""

ITEMS = tuple(digit * 10**power for power in range(7) for digit in (1, 2, 5))[1:-2]
PHONES = tuple(digit * 10**power for power in range(2, 9) for digit in (1, 2, 5))
TARGETS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)

_CONFIDENCE = 0.95
_MOST_ITEMS = 1 << 32
_MOST_PHONES = 10**12


@dataclass(frozen=True)
class PlanQuestion:
    """epsilon: exact text · target: half width in points."""

    epsilon: str
    items: int
    phones: int
    target: float


@dataclass(frozen=True)
class Slider:
    """A number with its stops."""

    name: str
    label: str
    value: str
    stops: tuple[float, ...]
    low_end: str
    high_end: str


@dataclass(frozen=True)
class PlanModel:
    """plan: the document of POST /v1/plan · half_width: what the phones give, averaged over the items."""

    question: PlanQuestion
    plan: dict[str, Any]
    half_width: float
    headline: str
    reason: str
    odds_sentence: str
    caution: str
    sliders: tuple[Slider, ...]
    over_epsilon: Figure
    over_phones: Figure


async def plan_page(visit: Visit) -> View:
    """The plan for the numbers in the address."""
    question = _question(visit.query)
    model = await run_in_threadpool(_model, question)
    return View("plan.html", "Plan a collection", model)


def _question(query: Query) -> PlanQuestion:
    try:
        epsilon = format_epsilon(parse_epsilon(query.text("epsilon") or "1"))
    except EpsilonError as error:
        raise InvalidParameters.of("epsilon", str(error)) from error
    return PlanQuestion(
        epsilon=epsilon,
        items=query.whole("items", 1_000, 2, _MOST_ITEMS),
        phones=query.whole("phones", 100_000, 1, _MOST_PHONES),
        target=query.number("target", 1.0, 1e-4, 100),
    )


def _model(question: PlanQuestion) -> PlanModel:
    found = plan(
        domain_size=question.items,
        epsilon=question.epsilon,
        phones=question.phones,
        target=question.target / 100,
        confidence=_CONFIDENCE,
    )
    chosen = mechanism_error(found["mechanism"], question.epsilon, question.items, question.phones, _CONFIDENCE)
    return PlanModel(
        question=question,
        plan=found,
        half_width=chosen,
        headline=f"About {words.count(found['phones_for_target'])} phones give {words.points(question.target / 100)}.",
        reason=f"Use {words.mechanism_name(found['mechanism'])}: {found['reason']}.",
        odds_sentence=words.odds_sentence(question.epsilon, found["odds"]),
        caution=_caution(question, found["odds"]),
        sliders=_sliders(question),
        over_epsilon=_over_epsilon(question, chosen),
        over_phones=_over_phones(question, found, chosen),
    )


def _caution(question: PlanQuestion, odds: float) -> str:
    if odds > words.REVEALING_ODDS:
        return f"At ε = {question.epsilon} a report usually reveals the answer. Choose this only if the answer is not sensitive."
    return ""


def _sliders(question: PlanQuestion) -> tuple[Slider, ...]:
    return (
        Slider("epsilon", "Privacy loss ε", question.epsilon, EPSILONS, "more privacy", "less error"),
        Slider("items", "Possible answers", str(question.items), ITEMS, "few", "many"),
        Slider("phones", "Phones that answer", str(question.phones), PHONES, "few", "many"),
        Slider("target", "Target error, ± points", f"{question.target:g}", TARGETS, "finer", "coarser"),
    )


def _over_epsilon(question: PlanQuestion, chosen: float) -> Figure:
    curve = error_over_epsilon(question.items, question.phones, EPSILONS, _CONFIDENCE)
    here = float(parse_epsilon(question.epsilon))
    return Figure(
        kind="curve",
        name="error-over-epsilon",
        caption=(
            f"With {words.count(question.phones)} phones, ε = {question.epsilon} gives {words.points(chosen)} "
            "(95 %, root mean square over the answers). The line is the least error that any mechanism can have; the dot is this plan."
        ),
        data={
            "points": [{"x": point.x, "y": 100 * point.half_width} for point in curve],
            "here": {"x": here, "y": 100 * chosen},
            "target": question.target,
            "xLabel": "privacy loss ε",
            "yLabel": "± points",
            "slider": "epsilon",
        },
        table=Table(
            ("ε", "least error"),
            tuple((f"{point.x:g}", words.points(point.half_width)) for point in curve),
            frozenset({0, 1}),
        ),
    )


def _over_phones(question: PlanQuestion, found: dict[str, Any], chosen: float) -> Figure:
    curve = error_over_phones(found["mechanism"], question.epsilon, question.items, PHONES, _CONFIDENCE)
    return Figure(
        kind="curve",
        name="error-over-phones",
        caption=(
            f"At ε = {question.epsilon}, {words.count(found['phones_for_target'])} phones reach "
            f"{words.points(question.target / 100)} for a rare answer; the dashed line is that target. Four times the phones halve the error."
        ),
        data={
            "points": [{"x": point.x, "y": 100 * point.half_width} for point in curve],
            "here": {"x": question.phones, "y": 100 * chosen},
            "target": question.target,
            "xLabel": "phones",
            "yLabel": "± points",
            "slider": "phones",
        },
        table=Table(
            ("phones", "error"),
            tuple((words.count(point.x), words.points(point.half_width)) for point in curve),
            frozenset({0, 1}),
        ),
    )
