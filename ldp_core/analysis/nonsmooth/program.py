"""A program in static single assignment form: named nodes, each of them one operation on inputs or other nodes.

    {"out": "a", "op": "relu", "args": ["x"]}      parameters of an operation stand beside these three
    {"out": "one", "op": "constant", "value": 1}   a number, or a list of numbers
Values are numbers or lists. Nodes may stand in any order as long as none depends on itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.fields import array
from ldp_core.analysis.nonsmooth.operations import OPERATIONS, checked_parameters

__all__ = ["CONSTANT", "LARGEST_PROGRAM", "Node", "Program", "parse_program"]

CONSTANT = "constant"
LARGEST_PROGRAM = 2000
_LONGEST_NAME = 60


@dataclass(frozen=True, eq=False)
class Node:
    """One operation. `parameters` are checked; those of a constant are its numbers under `value`."""

    out: str
    op: str
    arguments: tuple[str, ...]
    parameters: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Program:
    """Nodes in an order in which each depends only on earlier ones, of those that the output needs. `longest_constant`: numbers in the longest list among them."""

    nodes: tuple[Node, ...]
    output: str

    @property
    def continuous(self) -> bool:
        """Is no node an operation that jumps?"""
        return all(node.op == CONSTANT or OPERATIONS[node.op].continuous for node in self.nodes)

    @property
    def longest_constant(self) -> int:
        """Numbers in the longest constant."""
        return max((len(node.parameters["value"]) for node in self.nodes if node.op == CONSTANT), default=1)


def parse_program(nodes: object, output: str, inputs: Sequence[str]) -> Program:
    """The program of JSON nodes over inputs of these names.

    Raises AnalysisError with field `program` and one of the codes wrong_type, missing_field, unknown_field, duplicate_name,
    unknown_operation, wrong_arity, undefined_name, cycle, or TooLargeError.
    """
    if isinstance(nodes, str) or not isinstance(nodes, Sequence) or not nodes:
        raise _fault("program must be a list of at least one node", "wrong_type")
    if len(nodes) > LARGEST_PROGRAM:
        raise TooLargeError(f"a program has at most {LARGEST_PROGRAM} nodes, got {len(nodes)}", field="program")
    parsed = [_parse_node(node, f"program[{i}]") for i, node in enumerate(nodes)]
    by_name = {node.out: node for node in parsed}
    if len(by_name) < len(parsed):
        names = [node.out for node in parsed]
        twice = next(name for name in names if names.count(name) > 1)
        raise _fault(f"{twice!r} is assigned twice; every node has a name of its own", "duplicate_name")
    for name in inputs:
        if name in by_name:
            raise _fault(f"{name!r} is an input and cannot be assigned", "duplicate_name")
    _check_names(parsed, {*by_name, *inputs}, output)
    ordered = [by_name[name] for name in _ordered(parsed) if name in by_name]
    return Program(_needed(ordered, output), output)


def _fault(message: str, code: str) -> AnalysisError:
    return AnalysisError(message, code=code, field="program")


def _parse_node(node: object, place: str) -> Node:
    if not isinstance(node, Mapping):
        raise _fault(f"{place} must be an object with out, op and args", "wrong_type")
    for name in ("out", "op"):
        text = node.get(name)
        if name not in node:
            raise _fault(f"{place} has no {name}", "missing_field")
        if not isinstance(text, str) or not 1 <= len(text) <= _LONGEST_NAME:
            raise _fault(f"{place}.{name} must be a text of 1 to {_LONGEST_NAME} characters", "wrong_type")
    out, op = str(node["out"]), str(node["op"])
    rest = {str(key): value for key, value in node.items() if key not in {"out", "op", "args"}}
    if op == CONSTANT:
        return Node(out, op, (), _constant(node, rest, place))
    if op not in OPERATIONS:
        raise _fault(
            f"{place}: unknown operation {op!r}; known: {CONSTANT}, {', '.join(OPERATIONS)}", "unknown_operation"
        )
    arguments = node.get("args", ())
    if isinstance(arguments, str) or not isinstance(arguments, Sequence):
        raise _fault(f"{place}.args must be a list of names", "wrong_type")
    if not all(isinstance(argument, str) for argument in arguments):
        raise _fault(f"{place}.args must be names; numbers come from a {CONSTANT} node", "wrong_type")
    arity = OPERATIONS[op].arity
    if len(arguments) != arity:
        raise _fault(f"{place}: {op} takes {arity} arguments, got {len(arguments)}", "wrong_arity")
    return Node(out, op, tuple(arguments), checked_parameters(op, rest, place))


def _constant(node: Mapping[str, object], rest: Mapping[str, object], place: str) -> dict[str, Any]:
    if set(rest) != {"value"} or node.get("args"):
        raise _fault(f"{place}: a constant has a value and nothing else", "wrong_arity")
    value = rest["value"]
    numbers = array(f"{place}.value", [value] if np.ndim(value) == 0 else value, 1)  # type: ignore[arg-type]  # of anything
    if not len(numbers):
        raise _fault(f"{place}: a constant holds at least one number", "wrong_type")
    return {"value": numbers}


def _check_names(nodes: Sequence[Node], known: set[str], output: str) -> None:
    for node in nodes:
        for argument in node.arguments:
            if argument not in known:
                raise _fault(
                    f"{node.out!r} uses {argument[:_LONGEST_NAME]!r}, which is neither an input nor a node",
                    "undefined_name",
                )
    if output not in known:
        raise AnalysisError(
            f"output {output[:_LONGEST_NAME]!r} is neither an input nor a node", code="undefined_name", field="output"
        )


def _ordered(nodes: Sequence[Node]) -> list[str]:
    """Names so that each stands after those it depends on. Raises AnalysisError `cycle`."""
    try:
        return list(TopologicalSorter({node.out: node.arguments for node in nodes}).static_order())
    except CycleError as error:
        loop = " -> ".join(str(name) for name in error.args[1][:10])
        raise _fault(f"the program goes in a circle: {loop}", "cycle") from error


def _needed(ordered: Sequence[Node], output: str) -> tuple[Node, ...]:
    """The nodes that the output depends on."""
    wanted = {output}
    kept = []
    for node in reversed(ordered):
        if node.out in wanted:
            kept.append(node)
            wanted.update(node.arguments)
    return tuple(reversed(kept))
