"""Moments and periods as the API writes them, from and to seconds."""

from datetime import UTC, datetime, timedelta
from typing import overload

__all__ = ["instant", "period", "seconds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR, _DAY = 3_600, 86_400


@overload
def instant(since_1970: int) -> datetime: ...
@overload
def instant(since_1970: None) -> None: ...
@overload
def instant(since_1970: int | None) -> datetime | None: ...


def instant(since_1970: int | None) -> datetime | None:
    """Seconds since 1970 as a moment in UTC."""
    return None if since_1970 is None else _EPOCH + timedelta(seconds=since_1970)


def seconds(moment: datetime | None) -> int | None:
    """A moment as whole seconds since 1970, rounded up: nothing happens before its time."""
    return None if moment is None else -((_EPOCH - moment) // timedelta(seconds=1))


def period(length: int) -> str:
    """Seconds, a whole number of hours, as an ISO 8601 period."""
    return f"P{length // _DAY}D" if length % _DAY == 0 else f"PT{length // _HOUR}H"
