"""The shapes of administration beyond collections: tokens, write keys, the audit log."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from server.api.fields import Moment, printable

__all__ = [
    "AuditEntryOut",
    "AuditLogOut",
    "CreateKey",
    "CreateToken",
    "CreatedKey",
    "CreatedToken",
    "KeyList",
    "KeyOut",
    "TokenList",
    "TokenOut",
    "Until",
]

Name = Annotated[
    str, Field(min_length=1, max_length=60, description="never given again, not even after its end"), printable
]
Until = Annotated[Moment, Field(description="RFC 3339 with its offset", examples=["2027-01-31T00:00:00Z"])]


class CreateToken(BaseModel):
    """A token for a person or a program that administers or reads."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    kind: Annotated[Literal["admin", "analyst"], Field(description="an analyst reads, an admin does everything")]
    collection: Annotated[
        str | None, Field(max_length=16, description="an analyst's only collection; all, when left out")
    ] = None


class TokenOut(BaseModel):
    """A token without its secret."""

    id: int
    name: str
    kind: Literal["admin", "analyst"]
    collection: Annotated[str | None, Field(description="its only collection, null for all")]
    last_used: Annotated[date | None, Field(description="day of its last use, UTC")]
    ends: Annotated[datetime | None, Field(description="when it was revoked; null while it is not")]
    usable: bool


class CreatedToken(TokenOut):
    """A new token with its secret, which is shown only here."""

    token: str


class TokenList(BaseModel):
    """All tokens, revoked ones too, the oldest first."""

    tokens: list[TokenOut]


class CreateKey(BaseModel):
    """A further write key of a collection."""

    model_config = ConfigDict(extra="forbid")

    name: Name


class KeyOut(BaseModel):
    """A write key without its secret."""

    id: int
    name: str
    last_used: Annotated[date | None, Field(description="day of its last use, no finer than the collection's window")]
    ends: Annotated[datetime | None, Field(description="from then on it opens nothing; null while it is not revoked")]
    usable: bool


class CreatedKey(KeyOut):
    """A new write key with its secret, which is shown only here."""

    write_key: str


class KeyList(BaseModel):
    """All write keys of a collection, revoked ones too, the oldest first."""

    keys: list[KeyOut]


class AuditEntryOut(BaseModel):
    """One act of administration. It names a token, never an address."""

    number: int
    hour: Annotated[datetime, Field(description="the start of the hour in which it happened, UTC")]
    actor: Annotated[str, Field(description="the name of the token; `schedule` for what happened when it was due")]
    act: str
    subject: Annotated[str, Field(description="a collection's id or a token's name")]
    detail: str


class AuditLogOut(BaseModel):
    """Entries in order. Ask again with `after` = the last number for those that follow."""

    entries: list[AuditEntryOut]
