"""How precise a collection is and will be, and what one of its reports tells: by exact formula, before and after reports arrive."""

from dataclasses import dataclass
from functools import lru_cache

from ldp_core.planning import half_width, required_phones
from server.services.specs import labels_of, mechanism_of

__all__ = ["Disclosure", "Outlook", "disclosure_of", "outlook_of"]

_TARGET = 0.01


@dataclass(frozen=True)
class Outlook:
    """Precision of a rare item, as half of its interval's width.

    target: the half width aimed at, a share · phones_for_target: reports that give it · half_width: what n reports give, None when n is 0 ·
    rows: how many a collection of labels asks about, None for a histogram.
    """

    n: int
    confidence: float
    target: float
    phones_for_target: int
    half_width: float | None
    rows: int | None = None


@dataclass(frozen=True)
class Disclosure:
    """What one report says about its phone.

    odds: by which factor at most the odds between any two answers move · own, other: of 100 phones with an answer, how many send a
    message that speaks for it, and of 100 phones with another answer.
    """

    odds: float
    own: float
    other: float


@lru_cache(maxsize=512)
def outlook_of(spec: bytes, n: int, confidence: float = 0.95, target: float = _TARGET) -> Outlook:
    """The outlook of the collection with this stored spec, at n reports."""
    mechanism, labels = mechanism_of(spec), labels_of(spec)
    return Outlook(
        n=n,
        confidence=confidence,
        target=target,
        phones_for_target=required_phones(mechanism, target, confidence=confidence),
        half_width=half_width(mechanism, n, confidence=confidence) if n else None,
        rows=None if labels is None else labels.rows,
    )


@lru_cache(maxsize=256)
def disclosure_of(spec: bytes) -> Disclosure:
    """What one report under this stored spec discloses."""
    mechanism = mechanism_of(spec)
    rates = mechanism.rates
    return Disclosure(
        odds=float(mechanism.likelihood_ratio), own=100 * float(rates.own), other=100 * float(rates.other)
    )
