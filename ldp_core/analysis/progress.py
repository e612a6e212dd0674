"""How long work tells how far it is, and how it is stopped."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from ldp_core.errors import FanoError

__all__ = ["Cancelled", "Progress", "Step", "silent"]


class Cancelled(FanoError):  # noqa: N818 - reads as what happened
    """The caller no longer wants the result. Raised by a `Progress` and passed on untouched."""


@dataclass(frozen=True)
class Step:
    """How far the work is: `done` of `total` units, and the current value of what is being improved, if anything."""

    done: int
    total: int
    unit: str
    metric: str | None = None
    metric_value: float | None = None


Progress: TypeAlias = Callable[[Step], None]
"""Called about once an iteration. May raise `Cancelled`."""


def silent(step: Step) -> None:
    """A progress that nobody watches."""
