"""One evaluation of a program, kept as a tape so that derivatives can be read off backwards, many choices at a time."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ldp_core.analysis.errors import AnalysisError
from ldp_core.analysis.nonsmooth.applied import Applied, Bounds, Call, Choices, Tie, Value
from ldp_core.analysis.nonsmooth.operations import OPERATIONS
from ldp_core.analysis.nonsmooth.program import CONSTANT, Node, Program
from ldp_core.types import FloatArray, IntArray

__all__ = ["PlacedTie", "Tape", "evaluate"]


class PlacedTie(NamedTuple):
    """A tie, the node it belongs to, and its first column among all digits."""

    node: Node
    tie: Tie
    column: int


@dataclass(frozen=True, eq=False)
class Tape:
    """A program evaluated at one point. inputs: numbers by name, whose gradients stand side by side in this order (P numbers)."""

    program: Program
    inputs: Mapping[str, FloatArray]
    steps: tuple[tuple[Node, Applied], ...]
    values: Mapping[str, Value]

    @property
    def value(self) -> float:
        """The output."""
        return float(self.values[self.program.output].numbers[0])

    @cached_property
    def ties(self) -> tuple[PlacedTie, ...]:
        """All ties, in the order of the program."""
        found, column = [], 0
        for node, applied in self.steps:
            for tie in applied.ties:
                found.append(PlacedTie(node, tie, column))
                column += len(tie.digits)
        return tuple(found)

    @cached_property
    def digits(self) -> IntArray:
        """How many values each digit has.  (D,)"""
        return np.array([digit for placed in self.ties for digit in placed.tie.digits], dtype=np.int64)

    @cached_property
    def kinks(self) -> FloatArray:
        """Signed distances of all atoms to their kinks, in the order of the program."""
        return np.concatenate([np.zeros(0), *(applied.kinks for _, applied in self.steps)])

    @cached_property
    def kink_nodes(self) -> tuple[tuple[Node, int], ...]:
        """Node and number of kinks of each step that has some."""
        return tuple((node, len(applied.kinks)) for node, applied in self.steps if len(applied.kinks))

    @property
    def jump(self) -> float:
        """Distance to the nearest jump; infinite where there is none."""
        return min((applied.jump for _, applied in self.steps), default=np.inf)

    def convention(self, policy: float) -> Choices:
        """What a library with relu'(0) = policy chooses: s = policy where two pieces meet, the order of the list elsewhere.  (1, D)"""
        chosen = [policy if placed.tie.blends else 0.0 for placed in self.ties for _ in placed.tie.digits]
        return np.array(chosen)[None, :]

    def gradients(self, choices: Choices) -> FloatArray:
        """Reverse mode with the ties chosen.  (V, D) -> (V, P)"""
        adjoints: dict[str, FloatArray] = {self.program.output: np.ones((len(choices), 1))}
        column = choices.shape[1]
        for node, applied in reversed(self.steps):
            width = sum(len(tie.digits) for tie in applied.ties)
            column -= width
            adjoint = adjoints.pop(node.out, None)
            if adjoint is None:
                continue
            for name, part in zip(
                node.arguments, applied.pull(adjoint, choices[:, column : column + width]), strict=True
            ):
                adjoints[name] = adjoints[name] + part if name in adjoints else part
        zero = [np.zeros((len(choices), len(numbers))) for numbers in self.inputs.values()]
        return np.concatenate([adjoints.get(name, z) for name, z in zip(self.inputs, zero, strict=True)], axis=1)

    def bounds(self) -> Bounds:
        """Numbers between which every gradient lies, whatever the choices: interval arithmetic.  (P,) each"""
        adjoints = {self.program.output: Bounds(np.ones(1), np.ones(1))}
        for node, applied in reversed(self.steps):
            adjoint = adjoints.pop(node.out, None)
            if adjoint is None:
                continue
            for name, part in zip(node.arguments, applied.bounds(adjoint), strict=True):
                seen = adjoints.get(name)
                adjoints[name] = part if seen is None else Bounds(seen.low + part.low, seen.high + part.high)
        zeros = {name: np.zeros(len(numbers)) for name, numbers in self.inputs.items()}
        ends = [adjoints.get(name, Bounds(zero, zero)) for name, zero in zeros.items()]
        return Bounds(np.concatenate([end.low for end in ends]), np.concatenate([end.high for end in ends]))


def evaluate(program: Program, inputs: Mapping[str, FloatArray], tolerance: float = 0.0) -> Tape:
    """Run the program. tolerance: distance from a kink up to which an atom counts as tied.

    Raises AnalysisError `wrong_shape`, `non_finite` where a value is infinite or undefined, or what an operation raises.
    """
    values = {name: Value(numbers, np.ones(len(numbers), dtype=np.bool_)) for name, numbers in inputs.items()}
    steps = []
    with np.errstate(all="ignore"):
        for node in program.nodes:
            if node.op == CONSTANT:
                numbers = node.parameters["value"]
                values[node.out] = Value(numbers, np.zeros(len(numbers), dtype=np.bool_))
                continue
            arguments = [values[name] for name in node.arguments]
            applied = OPERATIONS[node.op].apply(Call(arguments, node.parameters, tolerance))
            if not np.isfinite(applied.value.numbers).all():
                raise AnalysisError(
                    f"{node.op} gives an infinite or undefined number at node {node.out!r}",
                    code="non_finite",
                    field="program",
                )
            values[node.out] = applied.value
            steps.append((node, applied))
    output = values[program.output].numbers
    if len(output) != 1:
        raise AnalysisError(
            f"the output must be one number, {program.output!r} is a list of {len(output)}",
            code="wrong_shape",
            field="output",
        )
    return Tape(program, inputs, tuple(steps), values)
