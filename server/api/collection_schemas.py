"""Collections in requests and answers."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from ldp_core.labels import MOST_ROWS
from server.api.fields import ExactEpsilon, Moment, State, printable

__all__ = [
    "CollectionList",
    "CollectionOut",
    "CountedCollection",
    "CreateCollection",
    "CreatedCollection",
    "PlanOut",
    "RowLabelsIn",
    "RowLabelsOut",
    "StateOut",
]


class RowLabelsIn(BaseModel):
    """Rows that the service knows, with one private label each."""

    model_config = ConfigDict(extra="forbid")

    rows: Annotated[StrictInt, Field(ge=1, le=MOST_ROWS, description="how many; a report names one of 0..rows-1")]
    bound: Annotated[
        str, Field(description="labels are clipped to -bound..bound, plain digits", examples=["2"], max_length=40)
    ]


class RowLabelsOut(BaseModel):
    """Rows with one private label each. The number of the row is not private."""

    rows: int
    bound: str


class CreateCollection(BaseModel):
    """A new collection: what is asked, about which items, how privately."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200, description="for people who administer it"), printable]
    question: Annotated[str, Field(min_length=1, max_length=2_000, description="what phones are asked"), printable]
    epsilon: ExactEpsilon
    items: Annotated[list[str] | None, Field(description="the answers, 2 or more; or give domain_size")] = None
    domain_size: Annotated[StrictInt | None, Field(description="number of answers, when phones send bare indices")] = (
        None
    )
    mechanism: Annotated[str, Field(description="a name that `fano mechanisms` lists")] = "projective_geometry"
    parameters: Annotated[
        dict[str, StrictInt], Field(description="such as q and t; left out, the best are chosen")
    ] = {}
    window: Annotated[str, Field(description="how finely time is kept: PT1H, P1D, P1W", examples=["P1D"])] = "P1D"
    min_reports: Annotated[StrictInt, Field(ge=0, le=1 << 53, description="no estimate below this")] = 0
    opens_at: Annotated[Moment | None, Field(description="when it opens by itself")] = None
    closes_at: Annotated[Moment | None, Field(description="when it closes by itself")] = None
    retention: Annotated[
        str | None, Field(description="how long after its window a batch is still taken", examples=["P28D"])
    ] = None
    cohorts: Annotated[
        list[str], Field(description="names of which every report states one, such as versions of an app; not private")
    ] = []

    labels: Annotated[
        RowLabelsIn | None,
        Field(
            description="one private number for each of many known rows, in place of items; only the number is private"
        ),
    ] = None

    @model_validator(mode="after")
    def _one_domain(self) -> "CreateCollection":
        if self.labels is not None:
            given = {"items", "domain_size", "mechanism", "parameters", "cohorts"} & self.model_fields_set
            if given:
                raise ValueError(f"labels stand in place of {sorted(given)[0]}; give one of them")
            return self
        if (self.items is None) == (self.domain_size is None):
            raise ValueError("give either items or domain_size, or labels; not both and not neither")
        return self


class PlanOut(BaseModel):
    """How good the numbers will be."""

    total_error_over_optimum: Annotated[
        float, Field(description="summed variance over the least possible, 1 is perfect")
    ]
    standard_error_at_10000_reports: float
    report_bits: int


class CollectionOut(BaseModel):
    """A collection."""

    id: str
    name: str
    question: str
    state: State
    version: int
    spec_digest: Annotated[str, Field(description="SHA-256 of the spec's canonical bytes, 64 hex digits")]
    mechanism: str
    parameters: dict[str, int]
    epsilon: str
    likelihood_ratio: Annotated[
        str, Field(description="largest ratio of a message's probability under two items, exactly")
    ]
    threshold: Annotated[str, Field(description="the coin's threshold of 2^64, decimal")]
    domain_size: int
    report_space: int
    window: str
    cohorts: list[str]
    labels: Annotated[RowLabelsOut | None, Field(description="what each report is the label of; null for a histogram")]
    min_reports: int
    opens_at: Annotated[datetime | None, Field(description="when a draft opens by itself")]
    closes_at: Annotated[datetime | None, Field(description="when it closes by itself, or closed")]
    retention: Annotated[str, Field(description="how long after the end of its window a batch is still taken")]
    successor: Annotated[str | None, Field(description="the collection that devices are led to after the end")]
    plan: PlanOut


class CreatedCollection(CollectionOut):
    """A new collection with its write key, which is shown only here."""

    write_key: str


class CountedCollection(CollectionOut):
    """A collection with the number of its reports."""

    n: int


class CollectionList(BaseModel):
    """All collections."""

    collections: list[CountedCollection]


class StateOut(BaseModel):
    """What a collection is now."""

    id: str
    state: State
