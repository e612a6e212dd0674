"""A task: a call of a pure function as data, and the outcome that comes back, whichever process it ran in.

Importing this imports no numerics: a process that is to run tasks first says how many threads they may use.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Outcome", "Task"]


@dataclass(frozen=True)
class Task:
    """kind: a name in `work.KINDS` · method: path of an analysis, or name of a decoder · body: its request, collections filled in ·
    longest: seconds; work that is predicted to take longer is not begun, None for any ·
    patience: seconds after which work that was begun is given up as too long, None for never; for the local pool.
    """

    kind: str
    method: str
    body: Mapping[str, Any]
    longest: float | None = None
    patience: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    done: `content` is its result, JSON of an analysis · failed: `slug`, `detail` and `extras` make a problem document ·
    cancelled · too_long: it was not begun or given up, and `predicted_seconds` is what it would take, at least.
    """

    state: Literal["done", "failed", "cancelled", "too_long"]
    content: bytes = b""
    slug: str = ""
    detail: str = ""
    extras: Mapping[str, Any] = field(default_factory=dict)
    predicted_seconds: float = 0.0

    @classmethod
    def lost(cls, how: str) -> "Outcome":
        """The process that ran it is gone."""
        return cls(
            "failed",
            slug="job-failed",
            detail=f"the process that did the work ended {how}, most likely for want of memory; ask for less, or give it more",
        )
