"""The shapes of what happens to a collection after its creation."""

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictInt, field_validator, model_validator

from server.api.schemas import CollectionOut, ExactEpsilon

__all__ = ["CollectionVersion", "CreateVersion", "Deleted", "OperationOut", "PatchCollection", "VersionList"]


class _Texts(BaseModel):
    @field_validator("name", "question", check_fields=False)
    @classmethod
    def _printable(cls, text: str | None) -> str | None:
        if text is not None and any(ord(character) < 32 or 0xD800 <= ord(character) < 0xE000 for character in text):
            raise ValueError("no control characters, please")
        return text


class PatchCollection(_Texts):
    """What may change. A member that is left out stays as it is; the times and the successor may be null."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)] = ""
    question: Annotated[str, Field(min_length=1, max_length=2_000, description="of a draft only")] = ""
    min_reports: Annotated[StrictInt, Field(ge=0, le=1 << 53, description="can only be raised")] = 0
    retention: Annotated[str, Field(description="can only be shortened", examples=["P14D"])] = ""
    opens_at: Annotated[AwareDatetime | None, Field(description="of a draft only")] = None
    closes_at: Annotated[AwareDatetime | None, Field(description="until it is closed")] = None
    successor: Annotated[str | None, Field(max_length=16, description="where devices go after the end")] = None


class CreateVersion(_Texts):
    """The next version: what is left out is as in the present one."""

    model_config = ConfigDict(extra="forbid")

    question: Annotated[str | None, Field(min_length=1, max_length=2_000)] = None
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
