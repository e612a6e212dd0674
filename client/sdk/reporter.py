"""The one place where a device touches an answer: it becomes a message and is forgotten."""

import os

from client.sdk.errors import AnswerNotAsked, SettingsError, SpecRefused
from client.sdk.ledger import LedgerEntry
from client.sdk.store import Outgoing
from client.sdk.upload import batch_body, current_window
from ldp_core.errors import ParameterError, ValueOutOfDomain
from ldp_core.randomness import SystemSource
from ldp_core.wire import CollectionSpec

__all__ = ["Answer", "RowAnswer", "batch_of", "cohort_index"]


class Answer:
    """The answer to a question: one of its items, or an index below domain_size where the collection has no items."""

    def __init__(self, item: str | int) -> None:
        self._item = item

    def __repr__(self) -> str:
        return "<Answer>"

    def message(self, spec: CollectionSpec) -> int:
        """One randomized message, drawn with the operating system's generator and no other.

        Raises SpecRefused when the collection asks for labels, AnswerNotAsked without naming the answer; note that a phone
        which then stays silent shows that its answer is not listed.
        """
        if spec.labels is not None:
            raise SpecRefused(
                f"collection {spec.collection} asks for the label of a row; nothing was sent. Use report_label"
            )
        try:
            return spec.mechanism.randomize(self._index(spec), SystemSource())
        except ValueOutOfDomain:
            raise AnswerNotAsked(
                f"this answer is not one that collection {spec.collection} asks about; nothing was sent. "
                'Map it to an item that is, for example "other".'
            ) from None

    def _index(self, spec: CollectionSpec) -> int:
        item = self._item
        if spec.domain is not None and isinstance(item, str):
            return spec.domain.index(item)
        if spec.domain is None and isinstance(item, int) and not isinstance(item, bool):
            return item
        raise ValueOutOfDomain("the answer has another type than the items")


class RowAnswer:
    """The label of one row that the service knows. The number of the row is sent as it is."""

    def __init__(self, row: int, label: float) -> None:
        self._row, self._label = row, label

    def __repr__(self) -> str:
        return "<RowAnswer>"

    def message(self, spec: CollectionSpec) -> int:
        """One message about the row, drawn with the operating system's generator and no other.

        Raises SpecRefused when the collection asks for no labels, SettingsError for a row that it does not ask about, AnswerNotAsked
        without naming the label when that is no finite number.
        """
        if spec.labels is None:
            raise SpecRefused(
                f"collection {spec.collection} asks a question and for no labels; nothing was sent. Use report"
            )
        try:
            return spec.labels.randomize(self._row, self._label, SystemSource())
        except ParameterError as error:
            raise SettingsError(f"collection {spec.collection}: {error}; nothing was sent") from None
        except ValueOutOfDomain:
            raise AnswerNotAsked("a label is a finite number, and this one is not; nothing was sent") from None


def batch_of(spec: CollectionSpec, entry: LedgerEntry, message: int, cohort: int | None = None) -> Outgoing:
    """The batch of one message, under a random key of its own."""
    batch_key = os.urandom(16).hex()
    body = batch_body(spec.digest, batch_key, [message], current_window(spec), cohort=cohort)
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
