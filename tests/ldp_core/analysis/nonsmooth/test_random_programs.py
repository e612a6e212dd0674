"""Random programs on small integers, where ties are everywhere: the hull knows every slope, and the bounds hold the hull."""

import numpy as np
import pytest

from ldp_core.analysis.nonsmooth.evaluation import evaluate
from ldp_core.analysis.nonsmooth.hull import derivative_hull
from ldp_core.analysis.nonsmooth.program import Program, parse_program
from tests.ldp_core.analysis.nonsmooth.programs import Nodes

ONE = ("relu", "abs", "sort", "neg", "cumsum", "square")
TWO = ("add", "sub", "max", "min", "mul")


def random_program(rng: np.random.Generator) -> Program:
    nodes: Nodes = []
    names = ["x"]
    for i in range(int(rng.integers(2, 8))):
        arity = 1 + int(rng.integers(2))
        op = str(rng.choice(ONE if arity == 1 else TWO))
        nodes.append({"out": f"n{i}", "op": op, "args": [str(rng.choice(names)) for _ in range(arity)]})
        names.append(f"n{i}")
    nodes.append({"out": "value", "op": str(rng.choice(("sum", "largest"))), "args": [names[-1]]})
    return parse_program(nodes, "value", ("x",))


@pytest.mark.parametrize("seed", range(4))
def test_every_one_sided_slope_is_a_slope_of_the_hull(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tied = 0
    for _ in range(150):
        program = random_program(rng)
        x, d = rng.integers(-1, 3, 4).astype(float), rng.standard_normal(4)
        tape = evaluate(program, {"x": x})
        tied += bool(tape.ties)
        hull = derivative_hull(tape, rng)
        low, high = tape.bounds()
        assert (low <= hull.lower + 1e-9).all()
        assert (high >= hull.upper - 1e-9).all()
        slope = (evaluate(program, {"x": x + 1e-7 * d}).value - tape.value) / 1e-7
        known, slack = hull.vertices @ d, 1e-3 * max(1.0, abs(slope))
        assert not hull.exact or known.min() - slack <= slope <= known.max() + slack
    assert tied > 75
