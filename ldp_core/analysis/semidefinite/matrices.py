"""The symmetric matrix of a request: written out, as the edges of a graph, or estimated from private pairs.

Codes: `missing_field`, `wrong_type`, `wrong_shape`, `not_square`, `asymmetric`, `non_finite`, `out_of_range`, `duplicate_edge`, `duplicate_pair`, `too_large`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ldp_core.analysis import schema
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array, integer
from ldp_core.analysis.semidefinite.pair_reports import PairEstimates, pairs_from_json
from ldp_core.types import FloatArray

__all__ = ["FORMS", "LARGEST", "GivenMatrix", "matrix_from_json", "matrix_schema", "symmetric", "tolerance_schema"]

LARGEST = 1000
"""Most rows of a matrix."""

FORMS = ("dense", "edges", "pairs")
"""Ways to give a matrix: symmetric rows, the edges of a graph, private reports of sign products."""

_ASYMMETRY = 1e-12
_LARGEST_ENTRY = 1e100

_PAIRS = schema.request(
    {
        "attributes": schema.integer("Attributes", "number of binary attributes", 2, LARGEST),
        "epsilon": schema.number(
            "Epsilon",
            "of each report: the product is kept with probability e^epsilon/(1 + e^epsilon)",
            0,
            50,
            above=True,
        ),
        "reports": schema.rows("Reports", "[a, b, reports, agreeing reports], each pair once", minItems=1),
    },
    required=["attributes", "epsilon", "reports"],
)
_PROPERTIES: Mapping[str, Any] = {
    "dense": schema.rows("Rows", "symmetric", minItems=2, maxItems=LARGEST),
    "edges": schema.rows("Edges", "[i, j, weight] of two different vertices, each pair once", minItems=1),
    "vertices": schema.integer(
        "Vertices", "where the last ones have no edge; else the largest named plus one", 2, LARGEST
    ),
    "pairs": _PAIRS | {"title": "Private pairs", "description": "randomised responses of products of two signs"},
}


def matrix_schema(forms: Sequence[str] = FORMS) -> Mapping[str, Any]:
    """The JSON Schema of a matrix that may have these forms."""
    return {
        "type": "object",
        "title": "Matrix",
        "description": f"exactly one of {', '.join(forms)}.",
        "properties": {name: _PROPERTIES[name] for name in _fields(forms)},
        "oneOf": [{"required": [form]} for form in forms],
        "additionalProperties": False,
    }


def _fields(forms: Sequence[str]) -> list[str]:
    return [*forms, *(["vertices"] if "edges" in forms else [])]


def tolerance_schema(largest: str) -> Mapping[str, Any]:
    """The relative tolerance of a certificate."""
    meaning = f"certified means: gap at most this times n times the power of two above the largest {largest}"
    return schema.number("Tolerance", meaning, 1e-12, 1e-3, 1e-9)


@dataclass(frozen=True, eq=False)
class GivenMatrix:
    """values: (n, n), symmetric · form: dense, edges or pairs · pairs: what the reports say, for pairs only."""

    values: FloatArray
    form: str
    pairs: PairEstimates | None = None

    @property
    def described(self) -> dict[str, Any]:
        """What was given, without the numbers."""
        return {"form": self.form, "n": len(self.values)}


def matrix_from_json(given: object, forms: Sequence[str] = FORMS) -> GivenMatrix:
    """The matrix of {"dense": rows}, {"edges": rows, "vertices"?: n} or {"pairs": ..}. AnalysisError says what is wrong."""
    if isinstance(given, GivenMatrix):
        return given
    if not isinstance(given, Mapping):
        raise AnalysisError(
            f"matrix must be an object with one of {', '.join(forms)}", code="wrong_type", field="matrix"
        )
    known = {*forms, *(("vertices",) if "edges" in given else ())}
    unknown = [str(name)[:60] for name in given if name not in known]
    if unknown:
        raise AnalysisError(
            f"matrix has an unknown field {unknown[0]!r}; it takes one of {', '.join(forms)}",
            code="unknown_field",
            field="matrix",
        )
    named = [form for form in forms if form in given]
    if len(named) != 1:
        raise AnalysisError(
            f"matrix needs exactly one of {', '.join(forms)}, got {len(named)}", code="missing_field", field="matrix"
        )
    if named[0] == "dense":
        return GivenMatrix(symmetric("matrix.dense", given["dense"]), "dense")
    if named[0] == "edges":
        return GivenMatrix(_adjacency(given["edges"], given.get("vertices")), "edges")
    pairs = pairs_from_json(given["pairs"], LARGEST)
    return GivenMatrix(pairs.correlations, "pairs", pairs)


def symmetric(name: str, given: object) -> FloatArray:
    """A square matrix of 2 to 1000 rows that equals its transpose up to 1e-12 of its largest entry; the mean of the two is returned."""
    if isinstance(given, Sequence | np.ndarray) and not isinstance(given, str):
        _check_size(name, len(given))
        widest = max((len(row) for row in given if isinstance(row, Sequence | np.ndarray)), default=0)
        if widest and widest != len(given):
            raise AnalysisError(
                f"{name} must be square, got {len(given)} rows and up to {widest} columns",
                code="not_square",
                field=name,
            )
    A = array(name, given, 2)
    _check_entries(name, A)
    difference = np.abs(A - A.T)
    if difference.max() > _ASYMMETRY * np.abs(A).max():
        i, j = (int(k) for k in np.unravel_index(int(difference.argmax()), A.shape))
        raise AnalysisError(
            f"{name} must be symmetric, but entries [{i}][{j}] and [{j}][{i}] are {A[i, j]:g} and {A[j, i]:g}",
            code="asymmetric",
            field=name,
        )
    mean: FloatArray = (A + A.T) / 2
    return mean


def _check_size(name: str, n: int) -> None:
    if n > LARGEST:
        raise TooLargeError(f"{name} may have {LARGEST} rows, got {n}", field=name)
    if n < 2:
        raise AnalysisError(f"{name} must have at least 2 rows, got {n}", code="wrong_shape", field=name)


def _check_entries(name: str, A: FloatArray) -> None:
    if A.size and float(np.abs(A).max()) > _LARGEST_ENTRY:
        raise AnalysisError(
            f"{name} may have entries up to {_LARGEST_ENTRY:g}; divide it by a constant, which changes no answer",
            code="out_of_range",
            field=name,
        )


def _adjacency(given: object, vertices: object) -> FloatArray:
    name = "matrix.edges"
    most = LARGEST * (LARGEST - 1) // 2
    if isinstance(given, Sequence | np.ndarray) and len(given) > most:
        raise TooLargeError(f"{name} may have {most} rows, got {len(given)}", field=name)
    rows = array(name, given, 2)
    if rows.shape[1:] != (3,) or not len(rows):
        raise AnalysisError(f"{name} must be rows of [i, j, weight], at least one", code="wrong_shape", field=name)
    _check_entries(name, rows)
    ends = rows[:, :2]
    if (ends != np.floor(ends)).any() or (ends < 0).any() or (ends[:, 0] == ends[:, 1]).any():
        raise AnalysisError(
            f"{name} must join two different vertices, numbered 0, 1, 2, ...", code="out_of_range", field=name
        )
    n = int(ends.max()) + 1
    _check_size(name, n)
    if vertices is not None:
        n = integer("matrix.vertices", vertices, n, LARGEST)
    i, j = ends.astype(np.int64).T
    if len(np.unique(np.minimum(i, j) * n + np.maximum(i, j))) < len(rows):
        raise AnalysisError(
            f"{name} has an edge twice; add its weights into one row", code="duplicate_edge", field=name
        )
    A = np.zeros((n, n))
    A[i, j] = A[j, i] = rows[:, 2]
    return A
