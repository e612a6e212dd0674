"""What a stored spec says, read once and remembered: specs never change."""

import json
import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Protocol

from numpy.typing import ArrayLike

from ldp_core.estimation import optimal_total_squared_error
from ldp_core.labels import OneBitOutcome, RowLabels
from ldp_core.mechanisms import Mechanism, Tally, create
from ldp_core.privacy.epsilon import parse_epsilon
from ldp_core.wire import CollectionSpec
from server.storage.collections import CollectionRow

__all__ = [
    "Counter",
    "IntakeTerms",
    "Plan",
    "cohort_names",
    "counter_of",
    "histogram_tally",
    "intake_terms",
    "labels_of",
    "mechanism_of",
    "parsed_spec",
    "plan_of",
]

_PLANNED_REPORTS = 10_000


@dataclass(frozen=True)
class Plan:
    """How good the numbers of a collection will be, by exact formula.

    total_error_over_optimum: summed variance over the least that any mechanism of this epsilon can have, 1.0 is perfect.
    """

    total_error_over_optimum: float
    standard_error_at_10000_reports: float
    report_bits: int


class Counter(Protocol):
    """What counts the messages of a collection: its mechanism, or its labels."""

    @property
    def tally_size(self) -> int:
        """Cells of a tally."""
        ...

    def tally(self, reports: ArrayLike) -> Tally:
        """Count messages. Raises ReportError for one that no phone sends."""
        ...


@dataclass(frozen=True)
class IntakeTerms:
    """What an upload must keep to. cohorts: how many are declared, 0 when none are."""

    report_space: int
    window_period: str
    window_seconds: int
    reports_per_batch: int
    body_bytes: int
    cohorts: int = 0


def plan_of(mechanism: Mechanism) -> Plan:
    """The plan of a mechanism: n · sum of variances is v1 + (k - 1) v0, whatever the data are."""
    k, epsilon = mechanism.domain_size, mechanism.epsilon
    total = mechanism.variance(1, 1.0) + (k - 1) * mechanism.variance(1, 0.0)
    return Plan(
        total_error_over_optimum=total / optimal_total_squared_error(Fraction(epsilon), k),
        standard_error_at_10000_reports=math.sqrt(mechanism.variance(_PLANNED_REPORTS, 0.0)),
        report_bits=mechanism.report_bits,
    )


@lru_cache(maxsize=256)
def mechanism_of(spec: bytes) -> Mechanism:
    """The mechanism of a stored spec, without its items."""
    document = json.loads(spec)
    return create(
        document["mechanism"],
        epsilon=parse_epsilon(document["epsilon"]),
        domain_size=document["domain_size"],
        **document["parameters"],
    )


@lru_cache(maxsize=256)
def labels_of(spec: bytes) -> RowLabels | None:
    """The labels that a stored spec asks for, None where it asks for a histogram."""
    document = json.loads(spec)
    stated = document.get("labels")
    return None if stated is None else RowLabels(stated["rows"], OneBitOutcome(document["epsilon"], stated["bound"]))


def counter_of(spec: bytes) -> Counter:
    """What counts the messages of a stored spec."""
    return labels_of(spec) or mechanism_of(spec)


def histogram_tally(spec: bytes, tally: Tally) -> Tally:
    """The tally that the mechanism decodes: as it was counted, or the two ends of all labels together."""
    labels = labels_of(spec)
    return tally if labels is None else labels.of_all_rows(tally)


@lru_cache(maxsize=1024)
def intake_terms(spec: bytes) -> IntakeTerms:
    """What an upload under this spec must keep to."""
    document = json.loads(spec)
    return IntakeTerms(
        report_space=document["report_space"],
        window_period=document["window"]["period"],
        window_seconds=document["window"]["seconds"],
        reports_per_batch=document["limits"]["reports_per_batch"],
        body_bytes=document["limits"]["body_bytes"],
        cohorts=len(document.get("cohorts", ())),
    )


@lru_cache(maxsize=1024)
def cohort_names(spec: bytes) -> tuple[str, ...]:
    """The cohorts that a spec declares, in order; none are declared by most."""
    return tuple(json.loads(spec).get("cohorts", ()))


@lru_cache(maxsize=8)
def _parsed(spec: bytes, digest: str, items: bytes | None) -> CollectionSpec:
    return CollectionSpec.parse(spec, digest=digest, items=items)


def parsed_spec(row: CollectionRow) -> CollectionSpec:
    """The spec with its items, checked against its digest."""
    return _parsed(row.spec, row.spec_digest, row.items)
