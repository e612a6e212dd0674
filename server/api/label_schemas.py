"""The shape of private labels."""

from typing import Annotated

from pydantic import BaseModel, Field

__all__ = ["LabelsOut"]


class LabelsOut(BaseModel):
    """The private labels of a collection's rows, and their mean with its interval."""

    collection: str
    version: int
    n: Annotated[int, Field(description="reports")]
    rows: Annotated[int, Field(description="rows that the collection asks about")]
    rows_reported: Annotated[int, Field(description="rows with exactly one report: those that are shown")]
    rows_repeated: Annotated[int, Field(description="rows left out because several reports name them")]
    epsilon: str
    likelihood_ratio: Annotated[
        str, Field(description="largest ratio of a bit's probability under two labels, exactly")
    ]
    bound: Annotated[str, Field(description="labels were clipped to -bound..bound")]
    magnitude: Annotated[float, Field(description="a bit 1 stands for this number, a bit 0 for its negative: unbiased")]
    confidence: float
    mean: Annotated[float, Field(description="unbiased for the mean label of these rows")]
    standard_error: float
    low: float
    high: float
    row_numbers: Annotated[list[int], Field(description="in order; empty with rows=false")]
    bits: Annotated[list[int], Field(description="the private bit of each of them")]
    spec_digest: str
    counts_digest: str
    window: str | None
