"""The service itself, and its errors."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Health", "ProblemOut", "Readiness", "VersionOut"]


class Health(BaseModel):
    """The process runs."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Whether reports can be taken and kept now; each check says "ok" or what is wrong."""

    status: Literal["ok", "unavailable"]
    checks: dict[str, str]


class VersionOut(BaseModel):
    """What runs here. schema: the revision that the database must have."""

    version: str
    schema_revision: Annotated[str, Field(serialization_alias="schema")]
    python: str


class ProblemOut(BaseModel):
    """An error (RFC 9457). Further members depend on the type, see docs/problems.md."""

    model_config = ConfigDict(extra="allow")

    type: Annotated[str, Field(examples=["urn:fanoplane:problem:unknown-collection"])]
    title: str
    status: int
    detail: str
