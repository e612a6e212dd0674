"""A histogram for a terminal: each estimate with its interval, in numbers and as a picture."""

from collections.abc import Sequence
from typing import Any

__all__ = ["interval_picture", "picture_scale", "shown_percent"]

_UNICODE = {"axis": "│", "line": "─", "low": "├", "high": "┤", "estimate": "●", "truth": "×", "both": "◉"}
_ASCII = {"axis": "|", "line": "-", "low": "[", "high": "]", "estimate": "o", "truth": "x", "both": "@"}


def shown_percent(share: float) -> str:
    """A share as percent with two decimals.

    A negative estimate is shown as it is: it is noise around zero, and clipping it would hide that.
    """
    return f"{100 * share:.2f} %"


def picture_scale(items: Sequence[dict[str, Any]]) -> tuple[float, float]:
    """The smallest and largest share that the pictures of these items must hold; zero is always inside."""
    return min(0.0, *(item["low"] for item in items)), max(1e-9, *(item["high"] for item in items))


def interval_picture(
    low: float,
    estimate: float,
    high: float,
    *,
    scale: tuple[float, float],
    width: int = 32,
    truth: float | None = None,
    unicode: bool = True,
) -> str:
    """One line: the interval, the estimate on it, the zero line, and the truth where it is known.

    scale: shares at both ends of the line; what lies outside is drawn at the end.
    """
    marks = _UNICODE if unicode else _ASCII
    start, end = scale

    def place(share: float) -> int:
        return round((min(max(share, start), end) - start) / (end - start) * (width - 1))

    line = [" "] * width
    line[place(0.0)] = marks["axis"]
    for position in range(place(low), place(high) + 1):
        line[position] = marks["line"]
    line[place(low)], line[place(high)] = marks["low"], marks["high"]
    line[place(estimate)] = marks["estimate"]
    if truth is not None:
        line[place(truth)] = marks["both"] if place(truth) == place(estimate) else marks["truth"]
    return "".join(line)
