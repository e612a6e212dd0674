"""Windows: in which one an upload counts, and how one or several are asked for.

The index of a window is the number of whole windows between 1970 and its start.
"""

from typing import NamedTuple

from server.refusals import Refusal, WindowClosed, WindowTooEarly

__all__ = ["Placement", "place_upload"]


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
