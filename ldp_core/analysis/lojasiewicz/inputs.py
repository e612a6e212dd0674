"""What a request's reports came through, and how many of each message came, checked before anything large is built.

A mechanism is named as in every analysis of a collection, or is any channel given as {"matrix": rows}, the probability of every message (row)
under every item (column).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array, integer
from ldp_core.analysis.histogram import HISTOGRAM_PROPERTIES, describe_mechanism, named_mechanism, whole_counts
from ldp_core.errors import ParameterError
from ldp_core.exact_sum import exact_sum
from ldp_core.mechanisms.channel import Channel, MatrixChannel, counts_messages, message_channel
from ldp_core.mechanisms.design_mechanism import DesignMechanism
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

_SECONDS_PER_CALL, _SECONDS_PER_ENTRY = 4e-6, 6e-10
_SECONDS_PER_TRANSFORM, _SECONDS_PER_BUTTERFLY = 5e-5, 1.6e-8

Source: TypeAlias = DesignMechanism | MatrixChannel
"""What reports came through."""

MECHANISM_SCHEMA: Mapping[str, Any] = {
    **HISTOGRAM_PROPERTIES["mechanism"],
    "description": "under which the reports were made: its name, epsilon, number of items and parameters; "
    "or matrix alone, the probability of every message (row) under every item (column)",
    "properties": {
        **HISTOGRAM_PROPERTIES["mechanism"]["properties"],
        "matrix": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}},
        },
    },
    "required": [],
}


def checked_source(value: object) -> Source:
    """A mechanism that counts messages, or a channel, as it is or as a request describes it. Raises AnalysisError or TooLargeError."""
    if isinstance(value, MatrixChannel):
        return value
    if isinstance(value, Mapping) and "matrix" in value:
        return _matrix(value)
    made = value if isinstance(value, DesignMechanism) else named_mechanism(value)
    _limit("items", made.domain_size, MOST_ITEMS)
    if not isinstance(made, DesignMechanism) or not counts_messages(made):
        raise AnalysisError(
            f"a tally of {made.name} does not tell how often each message came, so it has no likelihood; "
            "use a mechanism that counts messages, such as projective_geometry",
            code="not_message_counts",
            field="mechanism",
        )
    _limit("messages", made.report_space, MOST_MESSAGES)
    return made


def _matrix(value: Mapping[str, Any]) -> MatrixChannel:
    if set(value) != {"matrix"}:
        raise AnalysisError("a mechanism given as a matrix has no other field", code="unknown_field", field="mechanism")
    rows = value["matrix"]
    if isinstance(rows, str) or not isinstance(rows, Sequence | np.ndarray) or len(rows) == 0:
        raise AnalysisError("matrix must be rows of numbers", code="wrong_type", field="mechanism")
    width = len(rows[0]) if isinstance(rows[0], Sequence | np.ndarray) else 0
    _limit("items", width, MOST_ITEMS)
    _limit("entries of matrix", len(rows) * width, MOST_ENTRIES)
    try:
        return MatrixChannel(array("mechanism", rows, 2))
    except AnalysisError:
        raise
    except ParameterError as refused:
        raise AnalysisError(str(refused), code="no_channel", field="mechanism") from refused


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
    """The source for the record; of a matrix its shape."""
    if isinstance(source, MatrixChannel):
        return {"matrix": list(source.matrix.shape)}
    return describe_mechanism(source)


def checked_counts(given: object, source: Source, n: object = None) -> Counts:
    """Counts of the N messages with at least one report, and none of a message that no item causes. Raises AnalysisError.  -> (N,)"""
    counts = whole_counts(given, sizes(source)[1])
    total = exact_sum(counts)
    if total < 1:
        raise AnalysisError("there are no reports: every count is 0", code="too_few_reports", field="counts")
    if total >= 1 << 53:
        raise AnalysisError("the counts must add up to less than 2^53", code="out_of_range", field="counts")
    if n is not None and integer("n", n, 1, 2**62) != total:
        raise AnalysisError(
            f"every report is one message, so n must be the sum of the counts, {total}; got {n}",
            code="inconsistent_counts",
            field="n",
        )
    if isinstance(source, MatrixChannel):
        impossible = np.flatnonzero((source.largest == 0) & (counts > 0))
        if len(impossible):
            raise AnalysisError(
                f"message {impossible[0]} came and no item can cause it: counts and matrix do not belong together",
                code="impossible_message",
                field="counts",
            )
    return counts


def pair_seconds(source: Source) -> float:
    """Expected time of one product with Q and one with Q' on one core."""
    k, messages = sizes(source)
    dense = messages * k * _SECONDS_PER_ENTRY
    fast = _SECONDS_PER_TRANSFORM + messages * math.log2(messages) * _SECONDS_PER_BUTTERFLY
    return 2 * (_SECONDS_PER_CALL + (min(dense, fast) if isinstance(source, DesignMechanism) else dense))


def limit_seconds(seconds: float, field: str, advice: str) -> None:
    """Raise TooLargeError when the predicted time is beyond what an analysis gets."""
    if seconds > LARGEST_SECONDS:
        raise TooLargeError(
            f"this would take about {seconds:,.0f} s and at most {LARGEST_SECONDS:.0f} s are given; {advice}",
            field=field,
        )
