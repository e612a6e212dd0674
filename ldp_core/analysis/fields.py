"""Checks of a request's fields, each with one sentence and one code.

Codes: `unknown_field`, `missing_field`, `wrong_type`, `out_of_range`, `unknown_choice`, `non_finite`, `wrong_shape`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

from ldp_core.analysis.errors import AnalysisError
from ldp_core.types import FloatArray

__all__ = ["array", "boolean", "choice", "integer", "real", "reals", "request_from_json"]

Request = TypeVar("Request")


def request_from_json(kind: type[Request], body: object) -> Request:
    """A request dataclass from a JSON object; AnalysisError names the fields that are unknown or missing."""
    if not isinstance(body, Mapping):
        raise AnalysisError(f"a request is a JSON object, got {type(body).__name__}", code="wrong_type")
    known = {f.name: f for f in fields(kind) if f.init}  # type: ignore[arg-type]  # every kind is a dataclass
    for name in body:
        if name not in known:
            raise AnalysisError(
                f"unknown field {str(name)[:60]!r}; this analysis takes {', '.join(known)}",
                code="unknown_field",
                field=str(name)[:60],
            )
    for name, f in known.items():
        if f.default is MISSING and f.default_factory is MISSING and name not in body:
            raise AnalysisError(f"{name} is missing and has no default", code="missing_field", field=name)
    return kind(**body)


def integer(name: str, value: object, low: int, high: int) -> int:
    """A whole number low..high."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise AnalysisError(f"{name} must be a whole number, got {_shown(value)}", code="wrong_type", field=name)
    number = int(value)
    if not low <= number <= high:
        raise AnalysisError(f"{name} must be {low} to {high}, got {number}", code="out_of_range", field=name)
    return number


def real(name: str, value: object, low: float, high: float, *, above: bool = False) -> float:
    """A number low..high; above: low itself is refused."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise AnalysisError(f"{name} must be a number, got {_shown(value)}", code="wrong_type", field=name)
    number = float(value)
    if not math.isfinite(number):
        raise AnalysisError(f"{name} must be a finite number, got {number}", code="non_finite", field=name)
    if not low <= number <= high or (above and number == low):
        wanted = f"above {low:g} and at most {high:g}" if above else f"{low:g} to {high:g}"
        raise AnalysisError(f"{name} must be {wanted}, got {number:g}", code="out_of_range", field=name)
    return number


def reals(
    name: str, values: object, low: float, high: float, *, above: bool = False, count: tuple[int, int]
) -> tuple[float, ...]:
    """A list of numbers low..high, from count[0] to count[1] of them."""
    if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray):
        raise AnalysisError(f"{name} must be a list of numbers, got {_shown(values)}", code="wrong_type", field=name)
    if not count[0] <= len(values) <= count[1]:
        raise AnalysisError(
            f"{name} must have {count[0]} to {count[1]} numbers, got {len(values)}", code="wrong_shape", field=name
        )
    return tuple(real(f"{name}[{i}]", value, low, high, above=above) for i, value in enumerate(values))


def boolean(name: str, value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool | np.bool_):
        raise AnalysisError(f"{name} must be true or false, got {_shown(value)}", code="wrong_type", field=name)
    return bool(value)


def choice(name: str, value: object, allowed: Sequence[str]) -> str:
    """One of the words that are allowed."""
    if not isinstance(value, str) or value not in allowed:
        raise AnalysisError(
            f"{name} must be one of {', '.join(allowed)}; got {_shown(value)}", code="unknown_choice", field=name
        )
    return value


def array(name: str, value: object, dimensions: int) -> FloatArray:
    """A finite array of float64 with that many axes, not copied when it is one already."""
    try:
        numbers = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise AnalysisError(
            f"{name} must be numbers in lists of equal length, {dimensions} deep", code="wrong_shape", field=name
        ) from error
    if numbers.ndim != dimensions:
        raise AnalysisError(f"{name} must have {dimensions} axes, got {numbers.ndim}", code="wrong_shape", field=name)
    if not np.isfinite(numbers).all():
        raise AnalysisError(
            f"{name} has numbers that are infinite or undefined; leave those rows out", code="non_finite", field=name
        )
    return numbers


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
