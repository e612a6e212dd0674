"""Phones are dealt out in the shares asked for, to the last phone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldp_core.analysis.simulation.population import POPULATIONS, Holdings


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40).filter(lambda w: sum(w) > 1e-6), st.integers(1, 5000))
def test_every_phone_holds_one_item_and_no_share_is_off_by_a_phone(weights: list[float], phones: int) -> None:
    shares = np.array(weights) / sum(weights)
    holdings = Holdings.dealt(shares, phones)
    assert holdings.phones == holdings.held.sum() == phones
    assert holdings.held.min() >= 0
    assert np.abs(holdings.held - phones * shares).max() < 1 + 1e-6
    assert holdings.truth.sum() == pytest.approx(1)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12).filter(any), st.integers(1, 9))
def test_parts_of_the_answers_make_up_the_whole(held: list[int], part: int) -> None:
    holdings = Holdings(np.array(held))
    whole = np.repeat(np.arange(len(held)), held)
    parts = [holdings.answers(at, min(at + part, holdings.phones)) for at in range(0, holdings.phones, part)]
    assert np.concatenate(parts).tolist() == whole.tolist()


def test_populations_fall_as_they_say() -> None:
    zipf = POPULATIONS["zipf"](6, 4, 2.0)
    assert zipf[:4] / zipf[0] == pytest.approx([1, 1 / 4, 1 / 9, 1 / 16])
    assert zipf[4:].tolist() == [0, 0]
    assert POPULATIONS["uniform"](5, 4, 2.0).tolist() == [0.25] * 4 + [0]
