"""Fields that several requests and answers share."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

__all__ = ["ExactEpsilon", "Moment", "State", "printable"]

State = Literal["draft", "open", "paused", "closed"]

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]", re.ASCII)
_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(microsecond=0, tzinfo=UTC)  # a later fraction would be rounded up into the year 10000


def _exact_text(value: Any) -> Any:
    """Epsilon as text. A JSON float means its shortest decimal, so 0.1 is one tenth."""
    if isinstance(value, bool):
        raise ValueError('a positive number such as 1, "0.5" or "1/3"')
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return str(value) if isinstance(value, int) else value


ExactEpsilon = Annotated[
    str,
    BeforeValidator(_exact_text, json_schema_input_type=str | int | float),
    Field(description='privacy loss of one report, kept exactly: "0.5", "1/3" or a number', examples=["1"]),
]


def _written_out(value: Any) -> Any:
    """The library would read a bare number as seconds since 1970."""
    if not (isinstance(value, str) and _RFC_3339.match(value)):
        raise ValueError("a moment as RFC 3339 writes it, with its offset, such as 2027-01-31T00:00:00Z")
    return value


def _in_utc(moment: datetime) -> datetime:
    """An offset can move the first and the last day of the calendar out of it, and then nobody can be told the moment."""
    if not _FIRST <= moment <= _LAST:
        raise ValueError("a moment of the years 1 to 9999 in UTC; leave it out, or give null, for never")
    return moment


Moment = Annotated[
    AwareDatetime, BeforeValidator(_written_out, json_schema_input_type=AwareDatetime), AfterValidator(_in_utc)
]


def _printable(text: str) -> str:
    if any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in text):
        raise ValueError("no control characters, please")
    return text


printable = AfterValidator(_printable)
"""Of a text that people read."""
