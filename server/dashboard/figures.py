"""Figures: what is drawn, the sentence that says what it shows, and the same numbers as a table.

A figure carries numbers only; the page's script draws them and computes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Figure", "Table"]


@dataclass(frozen=True)
class Table:
    """The numbers of a figure, as texts for reading. numeric: columns to set right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Figure:
    """kind: which drawing of the script · caption: the finding · data: what it draws · name: for its file when it is saved."""

    kind: str
    name: str
    caption: str
    data: Mapping[str, Any]
    table: Table | None = None
    more: Sequence[str] = field(default_factory=tuple)
