"""Cohorts as points: each private histogram is the point of its estimated frequencies, with one standard error."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.histogram import HISTOGRAM_PROPERTIES, CollectionHistogram
from ldp_core.estimation import Estimate

__all__ = ["HISTOGRAMS", "with_points"]

_MOST = 2_000

HISTOGRAMS: Mapping[str, Any] = schema.optional(
    {
        "type": "array",
        "title": "Histograms",
        "description": "of cohorts, each with the label that it is to be told by; instead of points, labels and noise_sd",
        "items": {
            "type": "object",
            "properties": {**HISTOGRAM_PROPERTIES, "label": {"type": "number", "enum": [-1, 1]}},
            "required": ["label"],
            "additionalProperties": False,
        },
        "minItems": 2,
        "maxItems": _MOST,
    }
)
"""The field as JSON Schema."""


def with_points(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body with `points`, `labels` and `noise_sd` in the place of `histograms`; as it is where it has none.

    noise_sd is the root mean square of the standard errors of all items of a cohort. Raises AnalysisError.
    """
    histograms = body.get("histograms")
    rest = {name: value for name, value in body.items() if name != "histograms"}
    if histograms is None:
        return rest
    taken = [name for name in ("points", "labels", "noise_sd") if rest.get(name) is not None]
    if taken:
        raise AnalysisError(f"histograms stand for {taken[0]}; give one of them", code="unknown_field", field=taken[0])
    if isinstance(histograms, str) or not isinstance(histograms, Sequence) or len(histograms) < 2:
        raise AnalysisError("histograms must be a list of at least 2", code="wrong_type", field="histograms")
    if len(histograms) > _MOST:
        raise TooLargeError(f"at most {_MOST} histograms, got {len(histograms)}", field="histograms")
    estimates = [_estimate(one) for one in histograms]
    items = {estimate.domain_size for estimate in estimates}
    if len(items) > 1:
        raise AnalysisError(
            f"all histograms must have equally many items, got {sorted(items)}", code="wrong_shape", field="histograms"
        )
    return {
        **rest,
        "points": np.array([estimate.frequencies for estimate in estimates]),
        "labels": np.array([one["label"] for one in histograms], dtype=np.float64),
        "noise_sd": np.array([np.sqrt(np.mean(estimate.standard_errors**2)) for estimate in estimates]),
    }


def _estimate(one: object) -> Estimate:
    if not isinstance(one, Mapping) or set(one) - {"mechanism", "counts", "n", "label"}:
        raise AnalysisError(
            "each of the histograms has the fields mechanism, counts, n and label",
            code="unknown_field",
            field="histograms",
        )
    for name in ("mechanism", "counts", "label"):
        if name not in one:
            raise AnalysisError(f"each of the histograms needs {name}", code="missing_field", field="histograms")
    if isinstance(one["label"], bool) or one["label"] not in (1, -1):
        raise AnalysisError("the label of a histogram is 1 or -1", code="out_of_range", field="histograms")
    return CollectionHistogram.from_fields(one["mechanism"], one["counts"], one.get("n")).estimate
