"""A collection as an analysis takes it: what was counted, and the mechanism that it was counted under.

In a request these are three fields beside the method's own:

    {"mechanism": {"name": "projective_geometry", "epsilon": "1", "domain_size": 10, "parameters": {"q": 3, "t": 3}},
     "counts": [41, 38, ...], "n": 500}

`counts` is the tally, one number for each message (for each item where few items are supported by many reports). `n` may be left
out where every report adds to exactly one count. Nothing else of a collection is ever needed, and nothing finer is kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import integer
from ldp_core.analysis.perturbed.estimator_noise import LARGEST_EXACT, report_covariance
from ldp_core.errors import FanoError
from ldp_core.estimation import Estimate
from ldp_core.exact_sum import exact_sum
from ldp_core.mechanisms import Mechanism, Tally, create
from ldp_core.mechanisms.design_mechanism import DesignMechanism
from ldp_core.privacy.epsilon import format_epsilon
from ldp_core.types import Counts, FloatArray

__all__ = [
    "HISTOGRAM_FIELDS",
    "HISTOGRAM_PROPERTIES",
    "CollectionHistogram",
    "describe_mechanism",
    "named_mechanism",
    "whole_counts",
]

HISTOGRAM_FIELDS = ("mechanism", "counts", "n")

HISTOGRAM_PROPERTIES: Mapping[str, Any] = {
    "mechanism": {
        "type": "object",
        "title": "Mechanism",
        "description": "under which the reports were made: its name, epsilon, number of items and parameters",
        "properties": {
            "name": {"type": "string"},
            "epsilon": {"type": ["string", "number"]},
            "domain_size": {"type": "integer", "minimum": 2},
            "parameters": {"type": "object"},
        },
        "required": ["name", "epsilon", "domain_size"],
        "additionalProperties": False,
    },
    "counts": {
        "type": "array",
        "title": "Counts",
        "description": "how often each message was reported",
        "items": {"type": "integer", "minimum": 0},
    },
    "n": {
        "type": ["integer", "null"],
        "title": "Reports",
        "description": "number of reports; the sum of the counts when left out",
        "minimum": 1,
        "default": None,
    },
}
"""The three fields as JSON Schema."""

_LARGEST_TALLY = 1 << 24
_CHEAP_ENUMERATION = 1 << 24
"""Additions up to which enumeration is taken: it compiles nothing, and all decoders agree bit for bit."""


@dataclass(frozen=True, eq=False)
class CollectionHistogram:
    """The tally of some reports of a collection with their mechanism."""

    mechanism: Mechanism
    tally: Tally

    @classmethod
    def from_fields(cls, mechanism: object, counts: object, n: object = None) -> "CollectionHistogram":
        """From the fields of a request. Raises AnalysisError: `wrong_type`, `unknown_field`, `missing_field`,
        `unknown_mechanism`, `wrong_shape`, `negative_counts`, `too_few_reports`; TooLargeError above 2^24 counts.
        """
        made = named_mechanism(mechanism)
        numbers = whole_counts(counts, made.tally_size)
        reports = None if n is None else integer("n", n, 1, 2**62)
        try:
            tally = Tally(numbers, reports)
        except FanoError as error:
            raise AnalysisError(str(error), code="inconsistent_counts", field="n") from error
        if tally.n < 1:
            raise AnalysisError("there are no reports: every count is 0", code="too_few_reports", field="counts")
        return cls(made, tally)

    def to_fields(self) -> dict[str, Any]:
        """The fields of a request, counts as an array. `n` only where the counts do not say it."""
        fields: dict[str, Any] = {"mechanism": describe_mechanism(self.mechanism), "counts": self.tally.counts}
        return fields if exact_sum(self.tally.counts) == self.tally.n else fields | {"n": self.tally.n}

    @cached_property
    def estimate(self) -> Estimate:
        """The unbiased frequencies with their errors."""
        work = self.mechanism.domain_size * self.mechanism.report_space
        cheap = "enumeration" in self.mechanism.decoders and work <= _CHEAP_ENUMERATION
        return self.mechanism.decode(self.tally, "enumeration" if cheap else None)

    def exact_covariance(self) -> FloatArray | None:
        """The covariance of the estimates from the messages themselves, (k, k); None where it is not offered for want of room."""
        size = self.mechanism.domain_size * self.mechanism.report_space
        if not isinstance(self.mechanism, DesignMechanism) or size > LARGEST_EXACT:
            return None
        return report_covariance(self.mechanism, self.tally)


def describe_mechanism(mechanism: Mechanism) -> dict[str, Any]:
    """A mechanism as a request names it."""
    return {
        "name": mechanism.name,
        "epsilon": format_epsilon(mechanism.epsilon),
        "domain_size": mechanism.domain_size,
        "parameters": dict(mechanism.parameters),
    }


def named_mechanism(given: object) -> Mechanism:
    """The mechanism of a request's object. Raises AnalysisError, and TooLargeError above 2^24 counts."""
    if not isinstance(given, Mapping):
        raise AnalysisError(
            "mechanism must be an object with name, epsilon, domain_size and parameters",
            code="wrong_type",
            field="mechanism",
        )
    known = {"name", "epsilon", "domain_size", "parameters"}
    for name in given:
        if name not in known:
            raise AnalysisError(f"mechanism has no field {str(name)[:40]!r}", code="unknown_field", field="mechanism")
    for name in ("name", "epsilon", "domain_size"):
        if name not in given:
            raise AnalysisError(f"mechanism needs {name}", code="missing_field", field="mechanism")
    parameters = given.get("parameters", {})
    if not isinstance(parameters, Mapping) or not all(
        isinstance(value, int) and not isinstance(value, bool) and value < 1 << 32 for value in parameters.values()
    ):
        raise AnalysisError("the mechanism's parameters are whole numbers", code="wrong_type", field="mechanism")
    size = integer("mechanism.domain_size", given["domain_size"], 2, _LARGEST_TALLY)
    if parameters.get("t", 0) > 32:
        raise AnalysisError("t must be at most 32", code="out_of_range", field="mechanism")
    try:
        made = create(str(given["name"]), epsilon=given["epsilon"], domain_size=size, **parameters)
    except (FanoError, TypeError) as error:
        raise AnalysisError(f"no such mechanism: {error}", code="unknown_mechanism", field="mechanism") from error
    if made.tally_size > _LARGEST_TALLY:
        raise TooLargeError(
            f"this mechanism has {made.tally_size:,} counts; at most {_LARGEST_TALLY:,}", field="mechanism"
        )
    return made


def whole_counts(given: object, size: int) -> Counts:
    """So many counts of a request. Raises AnalysisError `wrong_shape`, `wrong_type` or `negative_counts`.  -> (size,)"""
    length = len(given) if isinstance(given, list | tuple | np.ndarray) else -1
    if length != size:
        told = f"{length} of them" if length >= 0 else type(given).__name__
        raise AnalysisError(f"counts must be {size:,} whole numbers, got {told}", code="wrong_shape", field="counts")
    try:
        numbers = np.asarray(given)
    except ValueError as error:
        raise AnalysisError("counts must be one row of whole numbers", code="wrong_type", field="counts") from error
    if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer):
        raise AnalysisError("counts must be one row of whole numbers", code="wrong_type", field="counts")
    if numbers.min() < 0:
        raise AnalysisError("counts must not be negative", code="negative_counts", field="counts")
    return numbers.astype(np.int64)
