"""The picture of an interval."""

from hypothesis import given
from hypothesis import strategies as st

from client.cli.histogram import interval_picture, picture_scale, shown_percent

ends = st.lists(st.floats(-0.2, 1.2), min_size=3, max_size=3).map(sorted)


@given(ends, st.none() | st.floats(-0.5, 1.5), st.integers(10, 60))
def test_a_picture_keeps_its_width_and_its_order(ends: list[float], truth: float | None, width: int) -> None:
    low, middle, high = ends
    item = {"low": low, "high": high}
    line = interval_picture(low, middle, high, scale=picture_scale([item]), width=width, truth=truth)
    assert len(line) == width
    if truth is None:
        assert line.count("●") == 1
        assert line.rfind("├") <= line.index("●") <= (line.find("┤") if "┤" in line else width)
    else:
        assert ("◉" in line) != ("×" in line)


def test_a_picture_to_look_at() -> None:
    scale = (0.0, 0.31)
    assert interval_picture(0.1, 0.2, 0.3, scale=scale, truth=0.15) == "│         ├────×────●─────────┤ "
    assert interval_picture(0.1, 0.2, 0.3, scale=scale, truth=0.2, unicode=False) == "|         [---------@---------] "


def test_negative_estimates_are_shown_as_they_are() -> None:
    assert shown_percent(-0.00123) == "-0.12 %"
