"""The shapes of what happens to a collection after its creation."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from server.api.collection_schemas import CollectionOut
from server.api.fields import ExactEpsilon, Moment, printable

__all__ = ["CollectionVersion", "CreateVersion", "Deleted", "OperationOut", "PatchCollection", "VersionList"]


class PatchCollection(BaseModel):
    """What may change. A member that is left out stays as it is; the times and the successor may be null."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200), printable] = ""
    question: Annotated[str, Field(min_length=1, max_length=2_000, description="of a draft only"), printable] = ""
    min_reports: Annotated[StrictInt, Field(ge=0, le=1 << 53, description="can only be raised")] = 0
    retention: Annotated[str, Field(description="can only be shortened", examples=["P14D"])] = ""
    opens_at: Annotated[Moment | None, Field(description="of a draft only")] = None
    closes_at: Annotated[Moment | None, Field(description="until it is closed")] = None
    successor: Annotated[str | None, Field(max_length=16, description="where devices go after the end")] = None


class CreateVersion(BaseModel):
    """The next version: what is left out is as in the present one."""

    model_config = ConfigDict(extra="forbid")

    question: Annotated[Annotated[str, printable] | None, Field(min_length=1, max_length=2_000)] = None
    epsilon: ExactEpsilon | None = None
    items: list[str] | None = None
    domain_size: StrictInt | None = None
    mechanism: str | None = None
    parameters: Annotated[
        dict[str, StrictInt] | None, Field(description="left out: as before if they fit, else the best are chosen")
    ] = None
    window: str | None = None

    @model_validator(mode="after")
    def _one_domain(self) -> "CreateVersion":
        if self.items is not None and self.domain_size is not None:
            raise ValueError("give items or domain_size or neither, not both")
        return self


class CollectionVersion(CollectionOut):
    """A version of a collection with the number of its own reports."""

    n: int
    current: Annotated[bool, Field(description="is it the one that takes reports?")]


class VersionList(BaseModel):
    """All versions, the first one first."""

    versions: list[CollectionVersion]


class OperationOut(BaseModel):
    """Something that goes on by itself, also over a restart."""

    id: str
    kind: Literal["delete-collection"]
    collection: str
    state: Literal["running", "done"]
    done: Annotated[int, Field(description="rows removed so far")]
    total: Annotated[int | None, Field(description="rows to remove; null before it began")]


class Deleted(BaseModel):
    """The collection is unknown from now on; what is stored of it is being removed."""

    operation: OperationOut
