"""A histogram as an input: reports of a mechanism, or estimates with their covariance.

    {"counts": [...], "n": reports, "mechanism": {"name", "epsilon", "domain_size", "parameters"}}     a tally and who made it
    {"estimates": [...], "covariance": [[...]] | "standard_errors": [...]}                             numbers of any origin
`n` may be left out where every report adds one count. A service puts the first form in place of a collection's name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array, integer
from ldp_core.analysis.nonsmooth.histogram_noise import HistogramNoise, MatrixNoise, StructuredNoise, noise_of
from ldp_core.errors import FanoError, ParameterError
from ldp_core.mechanisms import Tally, create
from ldp_core.types import FloatArray

__all__ = ["LARGEST_HISTOGRAM", "Histogram", "bound_histogram"]

LARGEST_HISTOGRAM = 50_000
_LARGEST_TALLY = 1 << 24
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
    """The histogram of a mapping. Raises AnalysisError with field `bind`; `unresolved_collection` for a name only a service knows."""
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
    described = bind["mechanism"]
    if not isinstance(described, Mapping) or not {"name", "epsilon", "domain_size"} <= set(described):
        raise AnalysisError("mechanism needs name, epsilon and domain_size", code="missing_field", field="bind")
    if isinstance(bind["counts"], Sequence | np.ndarray):
        _limit("counts", len(bind["counts"]), _LARGEST_TALLY)
    counts = array("bind.counts", bind["counts"], 1)
    if (counts != np.rint(counts)).any():
        raise AnalysisError("counts must be whole numbers", code="invalid_counts", field="bind")
    k = integer("mechanism.domain_size", described["domain_size"], 2, 1 << 40)
    _limit("items", k, LARGEST_HISTOGRAM)
    try:
        parameters = dict(described.get("parameters") or {})
        mechanism = create(str(described["name"]), epsilon=described["epsilon"], domain_size=k, **parameters)
        tally = Tally(counts.astype(np.int64), bind.get("n"))
        estimate = mechanism.decode(tally)
    except (FanoError, TypeError) as error:
        code = "invalid_mechanism" if isinstance(error, ParameterError | TypeError) else "invalid_counts"
        raise AnalysisError(str(error), code=code, field="bind") from error
    origin = {
        "n": estimate.n,
        "domain_size": k,
        "mechanism": mechanism.name,
        "parameters": dict(mechanism.parameters),
        "epsilon": float(mechanism.epsilon),
    }
    noise = noise_of(estimate, tally)
    exact = not isinstance(noise, StructuredNoise)
    return Histogram(
        estimate.frequencies, noise, estimate.noise_floor(), origin, 2 * mechanism.decode_cost if exact else k
    )


def _of_numbers(bind: Mapping[str, Any]) -> Histogram:
    frequencies = array("bind.estimates", bind["estimates"], 1)
    k = len(frequencies)
    if k < 2:
        raise AnalysisError(f"a histogram has at least 2 items, got {k}", code="wrong_shape", field="bind")
    _limit("items", k, LARGEST_HISTOGRAM)
    origin = {"n": bind.get("n"), "domain_size": k}
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
