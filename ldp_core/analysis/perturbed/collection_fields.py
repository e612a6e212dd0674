"""The fields of a request that say which collection: counts and mechanism in, the estimate and its covariance out."""

from collections.abc import Mapping
from typing import Any

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.histogram import HISTOGRAM_FIELDS, HISTOGRAM_PROPERTIES, CollectionHistogram
from ldp_core.analysis.perturbed.reading import choice

__all__ = ["COLLECTION_PROPERTIES", "EXAMPLE_COLLECTION", "with_estimate"]

COVARIANCES = ("auto", "exact", "independent")

COLLECTION_PROPERTIES: Mapping[str, Any] = {
    **HISTOGRAM_PROPERTIES,
    "covariance": schema.one_of(
        "Covariance of the estimates",
        "exact: from the messages, at most 2,000,000 items times messages; independent: by the mechanism's rates; "
        "auto: exact where it costs little",
        COVARIANCES,
        "auto",
    ),
}

EXAMPLE_COLLECTION: Mapping[str, Any] = {
    "mechanism": {
        "name": "projective_geometry",
        "epsilon": "2",
        "domain_size": 6,
        "parameters": {"q": 3, "t": 3},
    },
    "counts": [157, 234, 102, 154, 308, 105, 131, 187, 91, 113, 197, 98, 123],
}
"""2,000 simulated phones whose items follow Zipf's law."""

_CHEAP_COVARIANCE = 200_000
"""Items times messages up to which the exact covariance is made unasked."""


def with_estimate(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with `estimate` and `covariance` in the place of `mechanism`, `counts`, `n` and the word for the covariance.

    Raises AnalysisError naming the field at fault.
    """
    if not isinstance(body, Mapping):
        raise AnalysisError(f"the body must be an object, got {type(body).__name__}", code="not_an_object", field="")
    if "estimate" in body:
        raise AnalysisError("an estimate is made from mechanism and counts", code="unknown_field", field="estimate")
    for name in ("mechanism", "counts"):
        if name not in body:
            raise AnalysisError(f"{name!r} is missing", code="missing_field", field=name)
    histogram = CollectionHistogram.from_fields(body["mechanism"], body["counts"], body.get("n"))
    wanted = choice(body.get("covariance", "auto"), "covariance", COVARIANCES)
    size = histogram.mechanism.domain_size * histogram.mechanism.report_space
    covariance = None
    if wanted == "exact" or (wanted == "auto" and size <= _CHEAP_COVARIANCE):
        covariance = histogram.exact_covariance()
    if wanted == "exact" and covariance is None:
        raise TooLargeError(
            "the exact covariance is offered for mechanisms of messages with at most 2,000,000 items times messages, "
            f"got {size:,}; take independent",
            field="covariance",
        )
    rest = {name: value for name, value in body.items() if name not in {*HISTOGRAM_FIELDS, "covariance"}}
    return {**rest, "estimate": histogram.estimate, "covariance": covariance}
