"""The mechanism and the counts of a request, checked before anything is built.

Codes besides those of `fields`: `not_message_counts`, `bad_mechanism`, `negative_counts`, `no_reports`, `impossible_message`, `too_large`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array
from ldp_core.errors import ParameterError
from ldp_core.mechanisms.base import Mechanism
from ldp_core.mechanisms.channel import Channel, MatrixChannel, counts_messages, message_channel
from ldp_core.mechanisms.design_mechanism import DesignMechanism
from ldp_core.mechanisms.registry import create
from ldp_core.mechanisms.support_mechanism import SupportMechanism
from ldp_core.types import Counts

__all__ = [
    "LARGEST_SECONDS",
    "MECHANISM_SCHEMA",
    "MOST_ITEMS",
    "MOST_MESSAGES",
    "Source",
    "channel_of",
    "checked_counts",
    "checked_source",
    "described",
    "limit_seconds",
    "pair_seconds",
    "sizes",
]

MOST_ITEMS = 5_000
MOST_MESSAGES = 1 << 20
MOST_ENTRIES = 4_000_000
"""Of a channel given as a matrix."""

LARGEST_SECONDS = 600.0

_SECONDS_PER_CALL, _SECONDS_PER_ENTRY, _SECONDS_PER_CELL = 4e-5, 2e-9, 1.2e-7

Source: TypeAlias = DesignMechanism | MatrixChannel
"""What a request's reports came through."""

MECHANISM_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "title": "Mechanism",
    "description": "What the phones ran: name, epsilon, domain_size and parameters of a mechanism whose tally counts messages; or matrix, "
    "the probability of every message (row) under every item (column).",
    "properties": {
        "name": {"type": "string"},
        "epsilon": {"type": ["string", "number"]},
        "domain_size": {"type": "integer", "minimum": 2, "maximum": MOST_ITEMS},
        "parameters": {"type": "object", "additionalProperties": {"type": "integer"}},
        "matrix": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}},
        },
    },
    "additionalProperties": False,
}


def checked_source(value: object) -> Source:
    """A mechanism, or the one that a JSON object describes; its sizes within the limits. Raises AnalysisError or TooLargeError."""
    source = _described_source(value) if isinstance(value, Mapping) else value
    if isinstance(source, MatrixChannel):
        return source
    if not isinstance(source, SupportMechanism):
        raise AnalysisError(
            "mechanism must be an object with name, epsilon and domain_size, or with matrix",
            code="wrong_type",
            field="mechanism",
        )
    _limit("items", source.domain_size, MOST_ITEMS)
    if not isinstance(source, DesignMechanism) or not counts_messages(source):
        raise AnalysisError(
            f"a tally of {source.name} does not tell how often each message came, so it has no likelihood; "
            "use a mechanism that counts messages, such as projective_geometry",
            code="not_message_counts",
            field="mechanism",
        )
    _limit("messages", source.report_space, MOST_MESSAGES)
    return source


def _described_source(value: Mapping[str, Any]) -> Mechanism | MatrixChannel:
    wanted = {"matrix"} if "matrix" in value else {"name", "epsilon", "domain_size"}
    unknown = set(value) - wanted - (set() if "matrix" in value else {"parameters"})
    if unknown or wanted - set(value):
        named = ", ".join(sorted(map(str, unknown or wanted - set(value))))[:60]
        raise AnalysisError(
            f"mechanism has the fields name, epsilon, domain_size and parameters, or matrix alone; {'unknown' if unknown else 'missing'}: {named}",
            code="unknown_field" if unknown else "missing_field",
            field="mechanism",
        )
    try:
        if "matrix" in value:
            return _matrix(value["matrix"])
        k, parameters = value["domain_size"], value.get("parameters", {})
        if isinstance(k, int):
            _limit("items", k, MOST_ITEMS)
        return create(value["name"], epsilon=value["epsilon"], domain_size=k, **parameters)
    except AnalysisError:
        raise
    except (ParameterError, TypeError) as refused:
        raise AnalysisError(
            f"mechanism cannot be built: {refused}", code="bad_mechanism", field="mechanism"
        ) from refused


def _matrix(rows: object) -> MatrixChannel:
    if not isinstance(rows, Sequence | np.ndarray) or isinstance(rows, str) or len(rows) == 0:
        raise AnalysisError("matrix must be rows of numbers", code="wrong_type", field="mechanism")
    width = len(rows[0]) if isinstance(rows[0], Sequence | np.ndarray) else 0
    _limit("entries of matrix", len(rows) * width, MOST_ENTRIES)
    _limit("items", width, MOST_ITEMS)
    return MatrixChannel(array("mechanism", rows, 2))


def _limit(what: str, given: int, most: int) -> None:
    if given > most:
        raise TooLargeError(f"at most {most:,} {what} are taken, got {given:,}", field="mechanism")


def sizes(source: Source) -> tuple[int, int]:
    """k and N."""
    if isinstance(source, MatrixChannel):
        return source.items, source.messages
    return source.domain_size, source.report_space


def channel_of(source: Source) -> Channel:
    """The channel of a checked source."""
    return source if isinstance(source, MatrixChannel) else message_channel(source)


def described(source: Source) -> dict[str, Any]:
    """The source for the record."""
    if isinstance(source, MatrixChannel):
        return {"matrix": list(source.matrix.shape)}
    return {
        "name": source.name,
        "epsilon": str(source.epsilon),
        "domain_size": source.domain_size,
        "parameters": dict(source.parameters),
    }


def checked_counts(name: str, value: object, source: Source) -> Counts:
    """Counts of the N messages as int64, with at least one report and none that no item can cause. Raises AnalysisError."""
    _, messages = sizes(source)
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray):
        raise AnalysisError(f"{name} must be a list of whole numbers", code="wrong_type", field=name)
    if len(value) != messages:
        raise AnalysisError(
            f"{name} must hold one number for each of the {messages:,} messages, got {len(value):,}",
            code="wrong_shape",
            field=name,
        )
    numbers = array(name, value, 1)
    if numbers.min() < 0:
        raise AnalysisError(f"{name} must not be negative", code="negative_counts", field=name)
    if (numbers != np.floor(numbers)).any() or numbers.sum() >= 2**53:
        raise AnalysisError(
            f"{name} must be whole numbers that add up to less than 2^53", code="wrong_type", field=name
        )
    counts: Counts = numbers.astype(np.int64)
    if not counts.any():
        raise AnalysisError(f"{name} has no report; a histogram needs at least one", code="no_reports", field=name)
    if isinstance(source, MatrixChannel) and counts[source.largest == 0].any():
        message = int(np.flatnonzero((source.largest == 0) & (counts > 0))[0])
        raise AnalysisError(
            f"message {message} came and no item can cause it: counts and matrix do not belong together",
            code="impossible_message",
            field=name,
        )
    return counts


def pair_seconds(source: Source) -> float:
    """Expected time of one product with Q and one with Q'."""
    k, messages = sizes(source)
    fast = isinstance(source, DesignMechanism)
    entries = messages * k * _SECONDS_PER_ENTRY
    return 2 * (_SECONDS_PER_CALL + (min(entries, messages * _SECONDS_PER_CELL + 2e-4) if fast else entries))


def limit_seconds(seconds: float, field: str) -> None:
    """Raise TooLargeError when the predicted time is beyond what an analysis gets."""
    if seconds > LARGEST_SECONDS:
        raise TooLargeError(
            f"this would take about {seconds:,.0f} s and at most {LARGEST_SECONDS:.0f} s are given; lower {field}",
            field=field,
        )
