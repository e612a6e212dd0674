"""Windows: in which one an upload counts, and how one or several are asked for.

The index of a window is the number of whole windows between 1970 and its start.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from server.refusals import InvalidParameters, Refusal, WindowClosed, WindowTooEarly
from server.services.specs import cohort_names
from server.storage.tallies import Selection

__all__ = ["Placement", "place_upload", "selection_of", "window_start"]

_WINDOWS = re.compile(r"(?P<first>\d{1,10})(?:\.\.(?P<last>\d{1,10}))?")


class Placement(NamedTuple):
    """The window of an upload, and why a new upload is not counted there, or None."""

    window: int
    refusal: Refusal | None


def place_upload(stated: int | None, *, now: float, window_seconds: int, grace_seconds: float) -> Placement:
    """Where an upload that arrives `now` (seconds since 1970) counts.

    One that states no window counts where it arrives. One that states the previous window counts there for `grace_seconds`.
    """
    current = int(now) // window_seconds
    if stated is None or stated == current:
        return Placement(current, None)
    if stated > current:
        return Placement(
            stated,
            WindowTooEarly(
                f"this batch states window {stated} and the current one is {current}; check the clock that made it",
                window=stated,
                current=current,
            ),
        )
    if stated == current - 1 and now - current * window_seconds < grace_seconds:
        return Placement(stated, None)
    return Placement(
        stated,
        WindowClosed(
            f"window {stated} takes no reports any more, the current one is {current}; the batch was not counted. "
            "Send its reports under a new key, stating the current window or none",
            window=stated,
            current=current,
        ),
    )


def selection_of(spec: bytes, *, window: str | None = None, cohort: str | None = None, prefix: str = "") -> Selection:
    """The reports that are asked for.

    window: "20000" or, both included, "20000..20006"; None for all · cohort: a declared name; None for all together ·
    prefix: of the names of fields in errors. Raises InvalidParameters.
    """
    first, last = _window_range(window, f"{prefix}window")
    names = cohort_names(spec)
    if cohort is not None and cohort not in names:
        known = f"it declares {', '.join(names)}" if names else "it declares none"
        raise InvalidParameters.of(f"{prefix}cohort", f"{cohort!r} is no cohort of this collection; {known}")
    return Selection(first, last, None if cohort is None else names.index(cohort))


def _window_range(text: str | None, field: str) -> tuple[int | None, int | None]:
    if text is None:
        return None, None
    match = _WINDOWS.fullmatch(text)
    if match is None:
        raise InvalidParameters.of(field, f'give a window as "20000" or several as "20000..20006", got {text[:40]!r}')
    first = int(match["first"])
    last = int(match["last"] or first)
    if last < first:
        raise InvalidParameters.of(field, f"the first window comes first, got {text}")
    return first, last


def window_start(window: int, window_seconds: int) -> str | None:
    """When a window begins, as ISO 8601 in UTC; None beyond the year 9999."""
    try:
        start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=window * window_seconds)
    except OverflowError:
        return None
    return start.isoformat().replace("+00:00", "Z")
