"""Programs are checked as a whole before anything runs."""

from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.nonsmooth.program import LARGEST_PROGRAM, parse_program
from tests.ldp_core.analysis.nonsmooth.programs import tape_of

RELU = {"out": "a", "op": "relu", "args": ["x"]}


@pytest.mark.parametrize(
    ("nodes", "output", "code"),
    [
        ("relu", "a", "wrong_type"),
        ([], "a", "wrong_type"),
        ([7], "a", "wrong_type"),
        ([{"op": "relu", "args": ["x"]}], "a", "missing_field"),
        ([{"out": "a", "args": ["x"]}], "a", "missing_field"),
        ([{"out": "", "op": "relu", "args": ["x"]}], "a", "wrong_type"),
        ([{"out": "a", "op": "relu", "args": "x"}], "a", "wrong_type"),
        ([{"out": "a", "op": "relu", "args": [1]}], "a", "wrong_type"),
        ([RELU, RELU], "a", "duplicate_name"),
        ([{"out": "x", "op": "relu", "args": ["x"]}], "x", "duplicate_name"),
        ([{"out": "a", "op": "fold", "args": ["x"]}], "a", "unknown_operation"),
        ([{"out": "a", "op": "relu", "args": ["x", "x"]}], "a", "wrong_arity"),
        ([{"out": "a", "op": "relu"}], "a", "wrong_arity"),
        ([{"out": "a", "op": "constant", "value": 1, "args": ["x"]}], "a", "wrong_arity"),
        ([{"out": "a", "op": "constant"}], "a", "wrong_arity"),
        ([{"out": "a", "op": "constant", "value": "one"}], "a", "wrong_shape"),
        ([{"out": "a", "op": "constant", "value": [[1]]}], "a", "wrong_shape"),
        ([{"out": "a", "op": "constant", "value": []}], "a", "wrong_type"),
        ([{"out": "a", "op": "constant", "value": float("inf")}], "a", "non_finite"),
        ([{"out": "a", "op": "relu", "args": ["y"]}], "a", "undefined_name"),
        ([RELU], "b", "undefined_name"),
        ([{"out": "a", "op": "relu", "args": ["a"]}], "a", "cycle"),
        ([{"out": "a", "op": "relu", "args": ["b"]}, {"out": "b", "op": "neg", "args": ["a"]}], "a", "cycle"),
        ([{"out": "a", "op": "relu", "args": ["x"], "slope": 1}], "a", "unknown_field"),
        ([{"out": "a", "op": "clip", "args": ["x"], "low": 0}], "a", "missing_field"),
        ([{"out": "a", "op": "clip", "args": ["x"], "low": 1, "high": 1}], "a", "out_of_range"),
        ([{"out": "a", "op": "quantile", "args": ["x"], "level": 1}], "a", "out_of_range"),
        ([{"out": "a", "op": "quantile", "args": ["x"], "level": 0}], "a", "out_of_range"),
        ([{"out": "a", "op": "top_sum", "args": ["x"], "count": 0}], "a", "out_of_range"),
        ([{"out": "a", "op": "top_sum", "args": ["x"], "count": 1.5}], "a", "wrong_type"),
        ([{"out": "a", "op": "isotonic", "args": ["x"], "direction": "up"}], "a", "unknown_choice"),
        ([RELU] * (LARGEST_PROGRAM + 1), "a", "too_large"),
    ],
)
def test_what_is_no_program_is_refused(nodes: Any, output: str, code: str) -> None:
    with pytest.raises(AnalysisError) as refusal:
        parse_program(nodes, output, ("x",))
    assert refusal.value.code == code
    assert isinstance(refusal.value, TooLargeError) == (code == "too_large")


@pytest.mark.parametrize(
    ("nodes", "inputs", "code"),
    [
        ([{"out": "a", "op": "add", "args": ["x", "y"]}], {"x": [1, 2], "y": [1, 2, 3]}, "wrong_shape"),
        ([{"out": "a", "op": "dot", "args": ["x", "y"]}], {"x": [1], "y": [1, 2, 3]}, "wrong_shape"),
        ([{"out": "a", "op": "slice", "args": ["x"], "start": 1, "stop": 3}], {"x": [1, 2]}, "wrong_shape"),
        ([{"out": "a", "op": "top_sum", "args": ["x"], "count": 3}], {"x": [1, 2]}, "wrong_shape"),
        ([{"out": "a", "op": "relu", "args": ["x"]}], {"x": [1, 2]}, "wrong_shape"),
        ([{"out": "a", "op": "log", "args": ["x"]}], {"x": -1}, "non_finite"),
        ([{"out": "a", "op": "div", "args": ["x", "x"]}], {"x": 0}, "non_finite"),
        ([{"out": "a", "op": "exp", "args": ["x"]}], {"x": 1000}, "non_finite"),
        ([{"out": "a", "op": "quantile", "args": ["x"], "level": 0.5}], {"x": [-1, 0]}, "non_finite"),
    ],
)
def test_what_has_no_value_is_refused(nodes: Any, inputs: Any, code: str) -> None:
    with pytest.raises(AnalysisError) as refusal:
        tape_of(nodes, "a", **inputs)
    assert refusal.value.code == code


def test_nodes_may_stand_in_any_order_and_idle_ones_are_left_out() -> None:
    nodes = [
        {"out": "value", "op": "mul", "args": ["a", "a"]},
        {"out": "idle", "op": "log", "args": ["a"]},
        {"out": "a", "op": "neg", "args": ["x"]},
    ]
    program = parse_program(nodes, "value", ("x",))
    assert [node.out for node in program.nodes] == ["a", "value"]
    tape = tape_of(nodes, "value", x=3.0)
    assert tape.value == 9.0
    assert tape.gradients(np.zeros((1, 0))).tolist() == [[6.0]]


def test_an_input_can_be_the_output() -> None:
    tape = tape_of([RELU], "x", x=2.0)
    assert tape.gradients(np.zeros((1, 0))).tolist() == [[1.0]]


def test_only_operations_that_jump_make_a_program_discontinuous() -> None:
    jumping = [{"out": "a", "op": "step", "args": ["x"]}, {"out": "b", "op": "abs", "args": ["x"]}]
    assert not parse_program(jumping, "a", ("x",)).continuous
    assert parse_program(jumping, "b", ("x",)).continuous
