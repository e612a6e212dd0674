"""When a collection is what, and when a window is over. Pure functions of what is stored and of the time.

draft -> open <-> paused;  open | paused -> closed;  anything -> deleted

Nobody has to write down a change that a time brings: whatever reads a collection applies it, so it happens exactly when
it is due, whether or not a process was awake. The housekeeping writes it down soon after.
"""

from collections.abc import Mapping

from server.refusals import UnknownCollection
from server.storage.reports import NO_WINDOW

__all__ = [
    "TRANSITIONS",
    "closed_until",
    "effective_state",
    "unknown_collection",
    "window_is_closed",
]

TRANSITIONS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "open": (("draft", "paused"), "open"),
    "pause": (("open",), "paused"),
    "close": (("open", "paused"), "closed"),
}
"""Verb: the states it starts from, and the one it leads to."""


def effective_state(state: str, opens: int | None, closes: int | None, now: float) -> str:
    """The state at this moment.

    opens: seconds since 1970 when a draft opens · closes: when an open or paused collection closes; a draft that never
    opened does not close. If the clock steps back before the change was written down, so does the state; nothing is ever
    forgotten by a state that is not written down.
    """
    if state == "draft" and opens is not None and opens <= now:
        state = "open"
    if state in ("open", "paused") and closes is not None and closes <= now:
        return "closed"
    return state


def window_is_closed(window: int, window_seconds: int, retention: int, closed_before: int, now: float) -> bool:
    """Is a window over for good, so that a batch that names it is no longer counted?

    It is when it ended `retention` seconds ago, or by the mark `closed_before`, below which keys may have been forgotten.
    The mark only grows and does not depend on the clock: what makes a late replay count nothing is the mark alone.
    """
    if window == NO_WINDOW:
        return False
    return (window + 1) * window_seconds <= max(closed_before, now - retention)


def closed_until(window_seconds: int, retention: int, retry_horizon: int, now: float) -> int:
    """The end of the last window whose keys may be forgotten: it ended `retention` + `retry_horizon` seconds ago or earlier."""
    return max(0, int(now - retention - retry_horizon) // window_seconds * window_seconds)


def unknown_collection() -> UnknownCollection:
    """The same refusal whether it never existed, was deleted or may not be seen."""
    return UnknownCollection("no such collection here; check its id")
