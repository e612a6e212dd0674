"""Reading a JSON body: what each field must be, and which fields a method knows."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.types import FloatArray

__all__ = ["choice", "finite_array", "integer", "known_fields", "limit_seconds", "number"]

LARGEST_SECONDS = 600.0


def known_fields(body: Mapping[str, Any], request: type, *, given: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The body as keyword arguments of the dataclass `request`; `given` are fields that do not come from the body.

    Raises AnalysisError `unknown_field` or `missing_field`, naming it.
    """
    if not isinstance(body, Mapping):
        raise AnalysisError(f"the body must be an object, got {type(body).__name__}", code="not_an_object", field="")
    known = {f.name: f for f in fields(request) if f.name not in given}
    for name in body:
        if name not in known:
            taken = ", ".join(known)
            raise AnalysisError(f"{name!r} is no field here; known are {taken}", code="unknown_field", field=str(name))
    for name, f in known.items():
        if f.default is MISSING and f.default_factory is MISSING and name not in body:
            raise AnalysisError(f"{name!r} is missing", code="missing_field", field=name)
    return dict(body)


def integer(value: object, field: str, low: int, high: int) -> int:
    """The value if it is an integer of low..high. Raises AnalysisError `out_of_range`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or not low <= int(value) <= high:  # type: ignore[call-overload]
        raise AnalysisError(
            f"{field} must be an integer from {low:,} to {high:,}, got {value!r}", code="out_of_range", field=field
        )
    return int(value)  # type: ignore[call-overload, no-any-return]


def number(value: object, field: str, low: float, high: float) -> float:
    """The value if it is a number strictly between low and high. Raises AnalysisError `out_of_range`."""
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not real or not low < float(value) < high:  # type: ignore[arg-type]
        raise AnalysisError(
            f"{field} must be a number strictly between {low:g} and {high:g}, got {value!r}",
            code="out_of_range",
            field=field,
        )
    return float(value)  # type: ignore[arg-type]


def choice(value: object, field: str, among: tuple[str, ...]) -> str:
    """The value if it is one of these words. Raises AnalysisError `unknown_choice`."""
    if not isinstance(value, str) or value not in among:
        raise AnalysisError(
            f"{field} must be one of {', '.join(among)}; got {value!r}", code="unknown_choice", field=field
        )
    return value


def finite_array(value: object, field: str, dimensions: int) -> FloatArray:
    """The value as a finite array of so many dimensions. Raises AnalysisError `not_numbers` or `non_finite`."""
    shape = {1: "one row of numbers", 2: "rows of numbers of equal length"}[dimensions]
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise AnalysisError(f"{field} must be {shape}", code="not_numbers", field=field) from error
    if array.ndim != dimensions or array.size == 0:
        raise AnalysisError(
            f"{field} must be {shape}, got an array of shape {array.shape}", code="not_numbers", field=field
        )
    if not np.isfinite(array).all():
        raise AnalysisError(f"{field} must be finite in every entry", code="non_finite", field=field)
    return array


def limit_seconds(seconds: float, field: str) -> None:
    """Raise TooLargeError when the predicted time is beyond what a method gives."""
    if seconds > LARGEST_SECONDS:
        raise TooLargeError(
            f"this would take about {seconds:,.0f} s and at most {LARGEST_SECONDS:.0f} s are given; lower {field}",
            code="too_large",
            field=field,
        )
