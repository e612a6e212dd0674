"""Climbing from a rank that is too low."""

import numpy as np
import pytest

from ldp_core.analysis.progress import Cancelled, Step, silent
from ldp_core.analysis.semidefinite.bad_points import doubled, pentagon
from ldp_core.analysis.semidefinite.objectives import Linear
from ldp_core.analysis.semidefinite.staircase import climb
from ldp_core.analysis.semidefinite.unit_rows import random_rows
from tests.ldp_core.analysis.semidefinite.known import random_graph


def test_one_more_column_leaves_the_pentagon() -> None:
    family = pentagon()
    found = climb(Linear(family.cost(10) / 16), family.U, 5, 1e-9, silent)
    assert [stop.p for stop in found.stops] == [2, 3]
    assert [16 * stop.at.value for stop in found.stops] == pytest.approx([5, 0], abs=1e-9)
    assert found.last.certified
    assert found.last.rank == 1
    assert found.spurious(1e-7) == 1


def test_without_room_to_climb_the_bad_point_stays_and_is_known_as_bad() -> None:
    family = pentagon()
    found = climb(Linear(family.cost(10) / 16), family.U, 2, 1e-9, silent)
    assert not found.last.certified
    assert 16 * found.last.certificate.gap == pytest.approx(5, abs=1e-9)


def test_the_doubled_axes_are_left_at_full_rank_too() -> None:
    family = doubled(6)
    found = climb(Linear(family.cost(0)), family.U, 12, 1e-9, silent)
    assert found.last.certified
    assert found.last.at.value == pytest.approx(family.optimum, abs=1e-8)


@pytest.mark.parametrize("first", [1, 2, 3])
def test_every_first_rank_ends_at_the_same_value(first: int) -> None:
    """Values never rise on the way up, and rank 1 has to climb."""
    objective = Linear(random_graph(40, 8, 2) / 32)
    low = climb(objective, random_rows(40, first, np.random.default_rng(0)), 40, 1e-9, silent)
    high = climb(objective, random_rows(40, 10, np.random.default_rng(1)), 40, 1e-9, silent)
    assert low.last.certified
    assert high.last.certified
    assert low.last.at.value == pytest.approx(high.last.at.value, abs=1e-8)
    values = [stop.at.value for stop in low.stops]
    assert values == sorted(values, reverse=True)
    assert first > 1 or len(low.stops) > 1


def test_progress_tells_rank_gradient_and_gap_and_can_cancel() -> None:
    steps: list[Step] = []
    objective = Linear(random_graph(20, 5, 0) / 16)
    climb(objective, random_rows(20, 2, np.random.default_rng(0)), 20, 1e-9, steps.append)
    assert {step.metric for step in steps} == {"gradient norm", "gap"}
    assert steps[0].unit == "iterations at rank 2"
    assert all(0 <= step.done <= step.total for step in steps)

    def cancel(step: Step) -> None:
        raise Cancelled("stop")

    with pytest.raises(Cancelled):
        climb(objective, random_rows(20, 2, np.random.default_rng(0)), 20, 1e-9, cancel)
