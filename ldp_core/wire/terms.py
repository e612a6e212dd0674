"""What a spec says about time and size."""

import re
from dataclasses import dataclass

from ldp_core.errors import ParameterError

__all__ = ["Limits", "Window"]

_PERIOD = re.compile(r"P(?:(?P<weeks>\d{1,3})W|(?P<days>\d{1,3})D|T(?P<hours>\d{1,3})H)", re.ASCII)
_SECONDS = {"weeks": 7 * 86_400, "days": 86_400, "hours": 3_600}


@dataclass(frozen=True)
class Window:
    """How finely the time of a report is remembered: an ISO 8601 period of whole hours, days or weeks.

    Raises ParameterError for any other period.

    >>> Window("P1D").seconds
    86400
    """

    period: str = "P1D"

    def __post_init__(self) -> None:
        if self.seconds < 3_600:
            raise ParameterError(f"a window lasts at least one hour (PT1H), got {self.period!r}")

    @property
    def seconds(self) -> int:
        """The length of the window."""
        match = _PERIOD.fullmatch(self.period)
        if match is None:
            raise ParameterError(f'a window is a period such as "PT1H", "P1D" or "P1W", got {self.period!r}')
        return sum(int(amount) * _SECONDS[unit] for unit, amount in match.groupdict().items() if amount)


@dataclass(frozen=True)
class Limits:
    """The most that one upload may carry."""

    reports_per_batch: int = 10_000
    body_bytes: int = 1 << 20
