"""Items over windows."""

from typing import Annotated

from pydantic import BaseModel, Field

__all__ = ["SeriesItemOut", "SeriesOut", "SeriesWindowOut"]


class SeriesItemOut(BaseModel):
    """One item in one window. simultaneous: all intervals of the answer hold together."""

    item: str
    index: int
    estimate: float
    standard_error: float
    low: float
    high: float
    low_simultaneous: float
    high_simultaneous: float


class SeriesWindowOut(BaseModel):
    """One window that holds reports."""

    window: int
    start: Annotated[str | None, Field(description="when it began, ISO 8601 in UTC")]
    n: int
    withheld: Annotated[bool, Field(description="n is below min_reports, so no item is shown")]
    items: list[SeriesItemOut]


class SeriesOut(BaseModel):
    """Items window by window, the oldest first; windows without any report are left out."""

    collection: str
    version: int
    spec_digest: str
    epsilon: str
    decoder: str
    confidence: float
    cohort: str | None
    window_seconds: int
    min_reports: int
    windows: list[SeriesWindowOut]
