"""Every operation of a program by name: how many arguments it takes, which parameters, and whether it is continuous."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.fields import choice, integer, real
from ldp_core.analysis.nonsmooth import consistency, elementwise, jumps, orderings, reductions
from ldp_core.analysis.nonsmooth.applied import Applied, Call

__all__ = ["OPERATIONS", "Operation", "checked_parameters"]

Check: TypeAlias = Callable[[str, object], Any]
_FAR = 1e300


@dataclass(frozen=True)
class Operation:
    """arity: number of arguments · apply: evaluates it · parameters: checks by name · continuous: has it a derivative everywhere?"""

    arity: int
    apply: Callable[[Call], Applied]
    parameters: Mapping[str, Check] = field(default_factory=dict)
    continuous: bool = True


def _number(name: str, value: object) -> float:
    return real(name, value, -_FAR, _FAR)


def _place(name: str, value: object) -> int:
    return integer(name, value, 0, 10**6)


def _count(name: str, value: object) -> int:
    return integer(name, value, 1, 10**6)


def _level(name: str, value: object) -> float:
    level = real(name, value, 0, 1, above=True)
    if level == 1:
        raise AnalysisError(f"{name} must lie strictly between 0 and 1, got 1", code="out_of_range", field=name)
    return level


def _direction(name: str, value: object) -> str:
    return choice(name, value, ("increasing", "decreasing"))


OPERATIONS: Mapping[str, Operation] = {
    **{name: Operation(2, elementwise.smooth(name)) for name in elementwise.BINARY},
    **{name: Operation(1, elementwise.smooth(name)) for name in elementwise.UNARY},
    "relu": Operation(1, elementwise.relu),
    "abs": Operation(1, elementwise.absolute),
    "max": Operation(2, elementwise.larger),
    "min": Operation(2, elementwise.smaller),
    "clip": Operation(1, elementwise.clip, {"low": _number, "high": _number}),
    "sum": Operation(1, reductions.total),
    "cumsum": Operation(1, reductions.cumsum),
    "dot": Operation(2, reductions.dot),
    "slice": Operation(1, reductions.piece, {"start": _place, "stop": _count}),
    "sort": Operation(1, orderings.sort),
    "largest": Operation(1, orderings.largest),
    "top_sum": Operation(1, orderings.top_sum, {"count": _count}),
    "quantile": Operation(1, orderings.quantile, {"level": _level}),
    "norm_sub": Operation(1, consistency.norm_sub),
    "simplex": Operation(1, consistency.simplex),
    "isotonic": Operation(1, consistency.isotonic, {"direction": _direction}),
    "step": Operation(1, jumps.step, continuous=False),
    "sign": Operation(1, jumps.sign, continuous=False),
    "where": Operation(3, jumps.where, continuous=False),
    "hard_threshold": Operation(1, jumps.hard_threshold, {"threshold": _number}, continuous=False),
}
"""`constant`, which has a `value` and no arguments, is part of the language and not in this table."""


def checked_parameters(name: str, given: Mapping[str, object], place: str) -> dict[str, Any]:
    """The parameters of an operation, each of them given and no other. Raises AnalysisError naming what is wrong."""
    checks = OPERATIONS[name].parameters
    for parameter in given:
        if parameter not in checks:
            taken = ", ".join(checks) or "no parameters"
            raise AnalysisError(
                f"{place}: {name} takes {taken}, got {parameter[:60]!r}", code="unknown_field", field="program"
            )
    for parameter in checks:
        if parameter not in given:
            raise AnalysisError(f"{place}: {name} needs {parameter}", code="missing_field", field="program")
    checked = {parameter: check(f"{place}.{parameter}", given[parameter]) for parameter, check in checks.items()}
    if name == "clip" and not checked["low"] < checked["high"]:
        raise AnalysisError(f"{place}: clip needs low < high", code="out_of_range", field="program")
    return checked
