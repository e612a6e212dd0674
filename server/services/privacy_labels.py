"""The privacy label of a collection: what one report can reveal, how repeats add up, what is kept, and what is not hidden."""

import math
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from ldp_core.estimation import Poisoning
from ldp_core.mechanisms import Mechanism
from ldp_core.privacy.epsilon import format_epsilon
from server.services.specs import cohort_names, intake_terms, labels_of, mechanism_of
from server.storage.collections import CollectionRow

__all__ = ["PrivacyLabel", "privacy_label"]

_REPEATS = (1, 2, 5, 10)

_KEPT = (
    "for each version, window and cohort: how often each message arrived",
    "a hash of every upload's key and body, until its window is closed for good, so that a retry counts once",
    "how many uploads were accepted, replayed and rejected, by window and reason",
)
_NOT_KEPT = (
    "the answer: it never leaves the phone",
    "addresses, user agents, names of phones or people",
    "a time finer than the window",
    "a row that ties an upload's key to its message",
)
_NOT_HIDDEN = (
    "that a phone took part: the network sees where from, when and how much",
    "what repeated answers, or answers to related questions, add up to",
    "the cohort and the version of the app that a report states",
    "a wrong result made by forged reports: anyone who has the app can send them",
)
_ROWS_NOT_HIDDEN = (
    "which row a report is about, and all that the service knows of that row: only its label is protected",
)


@dataclass(frozen=True)
class PrivacyLabel:
    """What a collection's mechanism promises, in numbers.

    odds: the factor by which one report can change the odds between two answers, rounded up ·
    repeats: the loss of m independent reports of one phone, m epsilon, with the odds lambda^m · own_share, other_share: the
    probability that a report supports the phone's own item, and a given other one · poisoning: what forged reports can do.
    """

    odds: float
    repeats: tuple[tuple[int, str, float], ...]
    own_share: float
    other_share: float
    poisoning: Poisoning

    @classmethod
    def of(cls, mechanism: Mechanism) -> "PrivacyLabel":
        """The label of a mechanism. Basic composition: m reports of loss epsilon lose at most m epsilon together."""
        ratio, rates = mechanism.likelihood_ratio, mechanism.rates
        repeats = tuple((m, format_epsilon(m * mechanism.epsilon), _rounded_up(ratio**m)) for m in _REPEATS)
        return cls(
            odds=_rounded_up(ratio),
            repeats=repeats,
            own_share=float(rates.own),
            other_share=float(rates.other),
            poisoning=Poisoning.of(rates),
        )


def privacy_label(row: CollectionRow) -> dict[str, Any]:
    """The JSON document of `server.api.privacy_schemas.PrivacyOut`."""
    mechanism, terms = mechanism_of(row.spec), intake_terms(row.spec)
    label, ratio = PrivacyLabel.of(mechanism), mechanism.likelihood_ratio
    return {
        "collection": row.id,
        "version": row.version,
        "spec_digest": row.spec_digest,
        "model": "local",
        "unit": "one report of one phone",
        "mechanism": mechanism.name,
        "parameters": dict(mechanism.parameters),
        "epsilon": format_epsilon(mechanism.epsilon),
        "likelihood_ratio": f"{ratio.numerator}/{ratio.denominator}",
        "odds": label.odds,
        "supports_own_item": label.own_share,
        "supports_other_item": label.other_share,
        "repeats": [{"reports": m, "epsilon": epsilon, "odds": odds} for m, epsilon, odds in label.repeats],
        "window": terms.window_period,
        "cohorts": list(cohort_names(row.spec)),
        "min_reports": row.min_reports,
        "poisoning": asdict(label.poisoning),
        "kept": list(_KEPT),
        "not_kept": list(_NOT_KEPT),
        "not_hidden": [*(_ROWS_NOT_HIDDEN if labels_of(row.spec) else ()), *_NOT_HIDDEN],
    }


def _rounded_up(value: Fraction) -> float:
    """The least float that is no smaller than the value. No ten reports reach the largest: epsilon is at most 24."""
    nearest = float(value)
    return nearest if Fraction(nearest) >= value else math.nextafter(nearest, math.inf)
