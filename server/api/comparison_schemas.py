"""Two windows or cohorts against each other."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt

__all__ = [
    "CompareOut",
    "CompareRequest",
    "ComparedGroupOut",
    "ComparedItemOut",
    "ComparedOut",
    "GroupIn",
    "SideIn",
    "SideOut",
]


class SideIn(BaseModel):
    """One side of a comparison: some windows, one cohort, or both."""

    model_config = ConfigDict(extra="forbid")

    window: Annotated[str | None, Field(description='"20000" or "20000..20006"; left out: all')] = None
    cohort: Annotated[str | None, Field(description="a declared name; left out: all together")] = None


class GroupIn(BaseModel):
    """Items whose shares are added up."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    items: Annotated[list[str], Field(min_length=1, max_length=1_000)]


class CompareRequest(BaseModel):
    """Two sets of reports that share none."""

    model_config = ConfigDict(extra="forbid")

    first: SideIn
    second: SideIn
    confidence: Annotated[
        float, Field(gt=0, lt=1, description="of every interval; 1 - confidence is the level of tests")
    ] = 0.95
    top: Annotated[StrictInt | None, Field(ge=1, description="only the largest |z|, in falling order; else all")] = None
    groups: Annotated[list[GroupIn], Field(max_length=100)] = []
    decoder: str | None = None
    version: Annotated[
        StrictInt | None, Field(ge=1, le=(1 << 31) - 1, description="the current one, when left out; they never mix")
    ] = None


class SideOut(SideIn):
    """One side, with what it was made of."""

    n: int
    counts_digest: str


class ComparedOut(BaseModel):
    """Second minus first. The error counts who happened to report as chance, besides the randomizers."""

    first: float
    second: float
    difference: float
    standard_error: float
    z: float
    p: Annotated[float, Field(description="two-sided, of this comparison by itself")]
    p_bonferroni: float
    p_holm: float
    low: float
    high: float
    low_simultaneous: float
    high_simultaneous: float
    significant: Annotated[bool, Field(description="p_holm < 1 - confidence")]


class ComparedItemOut(ComparedOut):
    """One item."""

    item: str
    index: int


class ComparedGroupOut(ComparedOut):
    """One group; corrected for the number of groups."""

    name: str
    standard_error_is_bound: Annotated[
        bool, Field(description="the tally does not tell how items vary together, so the error is an upper bound")
    ]


class CompareOut(BaseModel):
    """A difference test for every item, and for groups of items."""

    collection: str
    version: int
    spec_digest: str
    epsilon: str
    decoder: str
    confidence: float
    first: SideOut
    second: SideOut
    comparisons: Annotated[int, Field(description="items that were tested, also those not shown")]
    significant: Annotated[int, Field(description="of them those that differ, by Holm")]
    items: list[ComparedItemOut]
    groups: list[ComparedGroupOut]
