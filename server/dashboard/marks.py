"""An item as the script draws it: dot, two intervals, label."""

from typing import Any

from server.dashboard import words
from server.services.estimate_pages import ItemRow

__all__ = ["mark_of"]


def mark_of(row: ItemRow) -> dict[str, Any]:
    """The numbers of a row, and the text that a pointer over it shows: the same as in the table."""
    return {
        "item": row.item,
        "estimate": row.estimate,
        "low": row.low,
        "high": row.high,
        "lowInner": row.low_inner,
        "highInner": row.high_inner,
        "post": row.post,
        "text": f"{row.item}: {words.share_text(row)} ({words.interval_text(row)})",
        "label": words.share_text(row),
        "clear": row.above_noise_floor,
    }
