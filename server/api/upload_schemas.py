"""Uploads, and what became of them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["IntakeOut", "IntakeTotals", "IntakeWindow", "ReceiptOut", "ReportsIn"]


class ReportsIn(BaseModel):
    """A batch of reports. There is no further field, and one that is sent is refused."""

    model_config = ConfigDict(extra="forbid")

    spec_digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="the spec under which they were made")]
    batch_key: Annotated[
        str, Field(pattern="^[0-9a-fA-F]{32}$", description="16 random bytes; the same on every retry")
    ]
    messages: Annotated[list[Annotated[int, Field(ge=0, lt=1 << 32)]], Field(min_length=1)]
    window: Annotated[
        int | None,
        Field(ge=0, lt=1 << 40, description="the window in which they were made: seconds since 1970 // its length"),
    ] = None
    cohort: Annotated[
        int | None, Field(ge=0, lt=1 << 16, description="index of one of the spec's cohorts, if it declares any")
    ] = None


class ReceiptOut(BaseModel):
    """The batch is stored durably and counts once."""

    accepted: int
    replayed: Annotated[bool, Field(description="it had been stored before; this was a retry")]
    rejected: Annotated[list[int], Field(description="always empty: a batch is taken whole or not at all")]


class IntakeTotals(BaseModel):
    """Uploads by what became of them. Best effort: counted apart from the reports, on each machine by itself."""

    accepted: int
    replayed: Annotated[int, Field(description="sent again and recognised")]
    reports: Annotated[int, Field(description="in the accepted uploads")]
    rejected: Annotated[dict[str, int], Field(description="by problem slug")]


class IntakeWindow(IntakeTotals):
    """The same for one window. start: in UTC."""

    window: Annotated[int, Field(description="whole windows since 1970")]
    start: str


class IntakeOut(BaseModel):
    """Whether phones get through. n: the reports that are stored, exactly."""

    collection: str
    n: int
    totals: IntakeTotals
    windows: Annotated[list[IntakeWindow], Field(description="the newest first")]
