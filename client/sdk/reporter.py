"""The one place where a device touches an answer: it becomes an index, then a message, and is forgotten."""

import os

from client.sdk.errors import AnswerNotAsked, SettingsError
from client.sdk.ledger import LedgerEntry
from client.sdk.store import Outgoing
from client.sdk.upload import batch_body, current_window
from ldp_core.errors import ValueOutOfDomain
from ldp_core.randomness import SystemSource
from ldp_core.wire import CollectionSpec

__all__ = ["cohort_index", "draw_report"]


def draw_report(spec: CollectionSpec, entry: LedgerEntry, answer: str | int, cohort: int | None = None) -> Outgoing:
    """The batch of one randomized message about `answer`, drawn with the operating system's generator and no other.

    answer: one of the items, or an index below domain_size where the collection has no items. Raises AnswerNotAsked
    without naming it; note that a phone which then stays silent shows that its answer is not listed.
    """
    try:
        message = spec.mechanism.randomize(_index(spec, answer), SystemSource())
    except ValueOutOfDomain:
        raise AnswerNotAsked(
            f"this answer is not one that collection {spec.collection} asks about; nothing was sent. "
            'Map it to an item that is, for example "other".'
        ) from None
    batch_key = os.urandom(16).hex()
    window = current_window(spec)
    body = batch_body(spec.digest, batch_key, [message], window, cohort=cohort)
    return Outgoing(batch_key, entry.service, entry.collection, body)


def cohort_index(spec: CollectionSpec, cohort: str | None) -> int | None:
    """What a report states of its cohort. Raises SettingsError unless it is declared, or none is declared and none given."""
    if cohort is None and not spec.cohorts:
        return None
    if cohort is None or cohort not in spec.cohorts:
        raise SettingsError(
            f"collection {spec.collection} declares {', '.join(spec.cohorts) or 'no cohorts'}; got {cohort!r} as cohort"
        )
    return spec.cohort_index(cohort)


def _index(spec: CollectionSpec, answer: str | int) -> int:
    if spec.domain is not None and isinstance(answer, str):
        return spec.domain.index(answer)
    if spec.domain is None and isinstance(answer, int) and not isinstance(answer, bool):
        return answer
    raise ValueOutOfDomain("the answer has another type than the items")
