"""A histogram as an input: reports of a mechanism, or estimates with their covariance.

    {"counts": [...], "n": reports, "mechanism": {...}}                        a tally and who made it, see `ldp_core.analysis.histogram`
    {"estimates": [...], "covariance": [[...]] | "standard_errors": [...]}     numbers of any origin
A service puts the first form in place of a collection's name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array
from ldp_core.analysis.histogram import CollectionHistogram, describe_mechanism
from ldp_core.analysis.nonsmooth.histogram_noise import HistogramNoise, MatrixNoise, StructuredNoise, noise_of
from ldp_core.types import FloatArray

__all__ = ["LARGEST_HISTOGRAM", "Histogram", "bound_histogram"]

LARGEST_HISTOGRAM = 50_000
_LARGEST_COVARIANCE = 2_000
_NAMES = ("histogram_id", "collection_id")
_FORMS = ({"counts", "mechanism"}, {"estimates", "covariance"}, {"estimates", "standard_errors"})


@dataclass(frozen=True, eq=False)
class Histogram:
    """frequencies: (k,) unbiased estimates · noise: their covariance · noise_floor: below which an estimate may be noise, where known ·
    origin: what is told about it · transform_cost: rough operations of one draw.
    """

    frequencies: FloatArray
    noise: HistogramNoise
    noise_floor: float | None
    origin: Mapping[str, Any]
    transform_cost: int


def bound_histogram(bind: Mapping[str, Any]) -> Histogram:
    """The histogram of a mapping. Raises AnalysisError with field `bind`; `unresolved_collection` for a name only a service knows;
    what `CollectionHistogram` raises names its own field."""
    for name in _NAMES:
        if name in bind:
            raise AnalysisError(
                f"{name} names a collection, which only the service can look up; give counts and mechanism, or estimates",
                code="unresolved_collection",
                field="bind",
            )
    given = set(bind) - {"n"}
    if given not in _FORMS:
        raise AnalysisError(
            "bind holds counts and mechanism, or estimates with covariance or standard_errors; "
            f"got {', '.join(sorted(map(str, bind)))[:200] or 'nothing'}",
            code="missing_field" if any(given < form for form in _FORMS) else "unknown_field",
            field="bind",
        )
    return _of_reports(bind) if "counts" in bind else _of_numbers(bind)


def _of_reports(bind: Mapping[str, Any]) -> Histogram:
    collected = CollectionHistogram.from_fields(bind["mechanism"], bind["counts"], bind.get("n"))
    mechanism = collected.mechanism
    k = mechanism.domain_size
    _limit("items", k, LARGEST_HISTOGRAM)
    estimate = collected.estimate
    noise = noise_of(mechanism, estimate, collected.tally)
    return Histogram(
        estimate.frequencies,
        noise,
        estimate.noise_floor(),
        {"n": estimate.n, "mechanism": describe_mechanism(mechanism)},
        k if isinstance(noise, StructuredNoise) else 2 * mechanism.decode_cost,
    )


def _of_numbers(bind: Mapping[str, Any]) -> Histogram:
    frequencies = array("bind.estimates", bind["estimates"], 1)
    k = len(frequencies)
    if k < 2:
        raise AnalysisError(f"a histogram has at least 2 items, got {k}", code="wrong_shape", field="bind")
    _limit("items", k, LARGEST_HISTOGRAM)
    origin = {"domain_size": k}
    if "standard_errors" in bind:
        errors = array("bind.standard_errors", bind["standard_errors"], 1)
        if len(errors) != k or errors.min() < 0:
            raise AnalysisError(
                f"standard_errors must be {k} numbers that are not negative", code="wrong_shape", field="bind"
            )
        return Histogram(frequencies, StructuredNoise(errors**2), None, origin, k)
    _limit("items with a covariance", k, _LARGEST_COVARIANCE)
    covariance = array("bind.covariance", bind["covariance"], 2)
    if covariance.shape != (k, k) or not np.allclose(covariance, covariance.T, atol=1e-12):
        raise AnalysisError(f"covariance must be symmetric, {k} by {k}", code="wrong_shape", field="bind")
    if float(np.linalg.eigvalsh(covariance)[0]) < -1e-9 * float(np.trace(covariance)):
        raise AnalysisError("covariance has a negative eigenvalue", code="not_a_covariance", field="bind")
    return Histogram(frequencies, MatrixNoise(covariance), None, origin, k * k)


def _limit(what: str, size: int, most: int) -> None:
    if size > most:
        raise TooLargeError(f"at most {most:,} {what}, got {size:,}", field="bind")
