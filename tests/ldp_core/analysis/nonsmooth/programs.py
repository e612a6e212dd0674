"""Programs that several tests use."""

from typing import Any

import numpy as np

from ldp_core.analysis.nonsmooth.evaluation import Tape, evaluate
from ldp_core.analysis.nonsmooth.program import parse_program

Nodes = list[dict[str, Any]]


def zero(out: str = "zero", x: str = "t") -> Nodes:
    """relu(-t) + t - relu(t), which is 0 for every t."""
    return [
        {"out": f"{out}.relu", "op": "relu", "args": [x]},
        {"out": f"{out}.minus", "op": "neg", "args": [x]},
        {"out": f"{out}.other", "op": "relu", "args": [f"{out}.minus"]},
        {"out": f"{out}.relu2", "op": "add", "args": [f"{out}.other", x]},
        {"out": out, "op": "sub", "args": [f"{out}.relu2", f"{out}.relu"]},
    ]


def times(number: float, of: str, out: str) -> Nodes:
    return [
        {"out": f"{out}.factor", "op": "constant", "value": number},
        {"out": out, "op": "mul", "args": [f"{out}.factor", of]},
    ]


def tape_of(nodes: Nodes, output: str, tolerance: float = 0.0, **inputs: Any) -> Tape:
    point = {name: np.atleast_1d(np.asarray(value, dtype=np.float64)) for name, value in inputs.items()}
    return evaluate(parse_program(nodes, output, tuple(point)), point, tolerance)
