"""Windows: in which one an upload counts, and how one or several are asked for.

The index of a window is the number of whole windows between 1970 and its start.
"""

import re
from datetime import UTC, datetime, timedelta

from server.refusals import InvalidParameters
from server.services.specs import cohort_names
from server.storage.tallies import Selection

__all__ = ["counting_window", "selection_of", "window_start"]

_WINDOWS = re.compile(r"(?P<first>\d{1,10})(?:\.\.(?P<last>\d{1,10}))?", re.ASCII)


def counting_window(named: int | None, *, now: float, window_seconds: int, grace_seconds: float) -> int:
    """The window in which an upload that arrives `now` (seconds since 1970) counts: that of its arrival.

    One that names the window before that counts there instead for `grace_seconds`; later what was published of it stays.
    """
    current = int(now) // window_seconds
    if named == current - 1 and now - current * window_seconds < grace_seconds:
        return named
    return current


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
