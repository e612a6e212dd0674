"""The lifetime privacy budget: the most that one phone can have given away here, and what a limit on it leaves unanswered."""

import math
from dataclasses import dataclass
from fractions import Fraction

from starlette.concurrency import run_in_threadpool

from ldp_core.errors import EpsilonError
from ldp_core.privacy.epsilon import format_epsilon, parse_epsilon
from server.dashboard import words
from server.dashboard.visits import View, Visit
from server.refusals import InvalidParameters
from server.services.services import Services
from server.services.specs import mechanism_of

__all__ = ["BudgetLine", "BudgetModel", "budget_page"]

_TELLING = Fraction(12)
"""Above this the odds exceed 160,000, and a number says no more than the sentence."""


@dataclass(frozen=True)
class BudgetLine:
    """A collection. epsilon: of one report of each version together, exactly · share: of the sum of all collections, 0 to 1."""

    id: str
    question: str
    state: str
    versions: int
    epsilon: str
    share: float


@dataclass(frozen=True)
class BudgetModel:
    """total: the sum, exactly, "0" when nothing was asked · limit: of a phone, exactly, empty when none is compared with · spent: the share
    of the limit that the sum is, 0 to 1."""

    lines: tuple[BudgetLine, ...]
    total: str
    sentence: str
    limit: str
    spent: float
    limit_sentence: str


async def budget_page(visit: Visit) -> View:
    """What all collections that were ever open ask of one phone. Losses add up (basic composition); a phone answers each version once."""
    only = visit.session.principal.collection
    limit = _limit(visit.query.text("limit"))
    model = await run_in_threadpool(_model, visit.services, only, limit)
    return View("budget.html", "Privacy budget", model)


def _limit(text: str) -> Fraction | None:
    try:
        return parse_epsilon(text) if text else None
    except EpsilonError as error:
        raise InvalidParameters.of("limit", str(error)) from error


def _model(services: Services, only: int | None, limit: Fraction | None) -> BudgetModel:
    asked = [row for row, _ in services.collections.list_counted(only) if row.state != "draft"]
    epsilons = {
        row.id: [mechanism_of(version.spec).epsilon for version, _ in services.collections.versions(row.id)]
        for row in asked
    }
    sums = {name: sum(each, Fraction(0)) for name, each in epsilons.items()}
    total = sum(sums.values(), Fraction(0))
    lines = [
        BudgetLine(
            row.id,
            row.question,
            row.state,
            len(epsilons[row.id]),
            format_epsilon(sums[row.id]),
            float(sums[row.id] / total),
        )
        for row in sorted(asked, key=lambda row: -sums[row.id])
    ]
    return BudgetModel(
        lines=tuple(lines),
        total=_text(total),
        sentence=_sentence(total),
        limit="" if limit is None else format_epsilon(limit),
        spent=0.0 if limit is None else float(min(total / limit, Fraction(1))),
        limit_sentence="" if limit is None else _limit_sentence(total, limit),
    )


def _sentence(total: Fraction) -> str:
    if not total:
        return "Nothing was asked yet: no phone has given anything away here."
    odds = (
        f"what it sent changes the odds between any two sets of answers by at most {words.times(math.exp(total))}×"
        if total <= _TELLING
        else "in the worst case its answers together hide nothing from whoever sees all its reports"
    )
    return f"A phone that answered everything here has given away at most ε = {_text(total)}: {odds}."


def _limit_sentence(total: Fraction, limit: Fraction) -> str:
    if total <= limit:
        return f"A phone with a lifetime limit of ε = {format_epsilon(limit)} can answer all of this, and has ε = {_text(limit - total)} left at least."
    return (
        f"A phone with a lifetime limit of ε = {format_epsilon(limit)} cannot answer all of this: it refuses what would take it beyond its limit, "
        f"so that at least ε = {_text(total - limit)} of what is asked stays unanswered."
    )


def _text(epsilon: Fraction) -> str:
    return format_epsilon(epsilon) if epsilon else "0"
