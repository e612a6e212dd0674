"""Sentences that are no stronger than the numbers they tell."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldp_core.mechanisms import create
from server.dashboard import words
from server.services.estimate_pages import EstimatePage, PageQuestion
from server.services.estimates import Asked, Decoded
from server.services.outlooks import Outlook, disclosure_of, outlook_of
from tests.services.collection import create as create_collection
from tests.services.in_process import InProcess

MINUS = "−"


@pytest.mark.parametrize(
    ("share", "error", "text"),
    [
        (0.0607, 0.0026, "6.07 %"),
        (-0.004, 0.0076, f"{MINUS}0.40 %"),
        (0.0607, 0.12, "6 %"),
        (0.0607, 0.012, "6.1 %"),
        (0.5, 0.00001, "50.0000 %"),
        (-0.0000001, 0.01, "0.0 %"),
        (1.0, 0.0, "100.00 %"),
        (0.25, float("inf"), "25.00 %"),
    ],
)
def test_a_share_has_the_digits_that_its_error_deserves(share: float, error: float, text: str) -> None:
    assert words.percent(share, error) == text


@pytest.mark.parametrize(
    ("half_width", "text"),
    [(0.01, "±1 point"), (0.0102, "±1 point"), (0.00234, "±0.23 points"), (0.31, "±31 points"), (1.7, "±170 points")],
)
def test_half_widths_are_points(half_width: float, text: str) -> None:
    assert words.points(half_width) == text


@pytest.mark.parametrize("epsilon", ["0.5", "1", "4"])
def test_outlooks_agree_with_themselves(sqlite_service: InProcess, epsilon: str) -> None:
    made = create_collection(sqlite_service.post, epsilon=epsilon)
    spec = sqlite_service.get(f"/c/{made.id}/spec").content
    nothing = outlook_of(spec, 0)
    assert nothing.half_width is None
    reached = outlook_of(spec, nothing.phones_for_target)
    assert reached.half_width is not None
    assert reached.half_width <= reached.target
    missed = outlook_of(spec, nothing.phones_for_target - 1)
    assert missed.half_width is not None
    assert missed.half_width > missed.target
    told = disclosure_of(spec)
    assert told.odds <= float(np.exp(float(epsilon))) * (1 + 1e-12)
    assert 0 < told.other < told.own < 100


def test_states_are_told_apart() -> None:
    none = Outlook(0, 0.95, 0.01, 36_827, None)
    some = replace(none, n=640, half_width=0.09)
    assert words.too_few(none, 0) == "No reports yet. Numbers appear with the first one; about 36,827 give ±1 point."
    assert "shows nothing below 1,000 reports and has 640" in words.too_few(some, 1_000)
    assert (
        words.too_few(some, 0)
        == "With 640 reports the error of a rare answer is ±9 points; about 36,827 give ±1 point."
    )
    assert words.progress_sentence("draft", none) == "Draft: takes no reports until it is opened."
    assert words.progress_sentence("open", some) == "Collecting: 640 of about 36,827 phones for ±1 point."
    enough = replace(none, n=40_000, half_width=0.0096)
    assert words.progress_sentence("closed", enough) == "Closed: 40,000 phones, ±0.96 points for a rare answer."


def page_of(answers: list[int], epsilon: str = "3", **question: Any) -> EstimatePage:
    """A page of ten items without texts, from phones that hold these answers."""
    mechanism = create("projective_geometry", epsilon=epsilon, domain_size=10)
    tally = mechanism.tally(mechanism.randomize_many(np.array(answers), np.random.default_rng(3)))
    decoded = Decoded(_Row(), mechanism.decode(tally), "", 0.0, Asked(), tally)  # type: ignore[arg-type]
    return EstimatePage.of(decoded, PageQuestion(**question))


class _Row:
    """As much of a collection as a page needs: its spec names no items."""

    spec = b""
    spec_digest = "digest"
    items = None


@pytest.fixture(autouse=True)
def no_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.services.estimate_pages.parsed_spec", lambda row: type("Spec", (), {"domain": None})())


def test_a_clear_leader_is_called_so_and_a_close_one_is_not() -> None:
    clear = page_of([4] * 8_000 + [2] * 2_000)
    assert clear.leader.contenders == 1
    assert words.headline(clear).startswith("“4” is the most common answer: ")
    close = page_of([4] * 3_000 + [2] * 2_950)
    assert close.leader.contenders == 2
    assert "but 1 other answer may be more common" in words.headline(close)
    noise = page_of([x for x in range(10) for _ in range(4)], epsilon="0.5")
    assert noise.above == 0
    assert words.headline(noise).startswith("Nothing stands out yet.")


def test_contenders_are_those_whose_interval_reaches_the_leaders() -> None:
    page = page_of([4] * 900 + [2] * 800 + [7] * 500, size=10)
    interval = page.decoded.estimate.interval(0.95, simultaneous=True)
    lead = page.leader.row
    assert lead.estimate == max(row.estimate for row in page.rows)
    assert page.leader.contenders == sum(high >= lead.low_simultaneous for high in interval.high)
    assert page.above == sum(row.above_noise_floor for row in page.rows)


def test_pages_divide_the_items() -> None:
    answers = [x % 10 for x in range(500)]
    seen = [row.index for number in (1, 2, 3, 4) for row in page_of(answers, page=number, size=3).rows]
    assert sorted(seen) == list(range(10))
    assert page_of(answers, page=99, size=3).page == 4
    assert [row.index for row in page_of(answers, order="index", size=10).rows] == list(range(10))
    assert page_of(answers, search="7").matches == 1
    assert page_of(answers, search="x").rows == ()


@given(st.floats(1e-6, 1e9), st.integers(2, 4))
def test_the_most_is_rounded_up(value: float, digits: int) -> None:
    said = words.at_most(value, digits)
    assert value <= float(said) <= value * (1 + 1.001 * 10 ** (1 - digits))
    assert "e" not in said.lower()


@given(st.floats(1, 3e10))
def test_what_is_at_most_so_much_is_never_said_to_be_less(odds: float) -> None:
    said = float(words.times(odds).replace(",", ""))
    assert odds <= said <= 1.1 * odds
