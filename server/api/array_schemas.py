"""The shapes of stored arrays."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field

__all__ = ["ArrayList", "ArrayOut"]


class ArrayOut(BaseModel):
    """An array that analyses may be asked about: `{"array": id}` stands for its numbers."""

    id: str
    name: Annotated[str, Field(description="in a .npz file; empty for a .npy file")]
    dtype: Annotated[str, Field(description="<f4 or <f8, as it is stored")]
    shape: list[int]
    bytes: int
    expires_at: Annotated[datetime, Field(description="it is forgotten some time after this moment")]


class ArrayList(BaseModel):
    """Arrays, the newest first; of a file in its own order."""

    arrays: list[ArrayOut]
