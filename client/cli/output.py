"""Data to stdout, talk to stderr, colours and progress only on a terminal."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

__all__ = ["print_json", "print_table", "progress_bar", "say", "speaks_unicode", "step_bar"]

_PIPE_WIDTH = 160


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(document, ensure_ascii=not speaks_unicode(), indent=2))


def say(text: str = "") -> None:
    """A sentence for people, on stderr."""
    click.echo(text, err=True)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """A plain table on stdout. right: columns of numbers."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console = Console(file=sys.stdout, highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    console.print(table)


@contextmanager
def progress_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr that is told how much is done; where stderr is no terminal, nothing."""
    console = Console(stderr=True)
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda done: progress.update(task, completed=done)


@contextmanager
def step_bar() -> Iterator[Callable[[int, int, str, str | None, float | None], None]]:
    """A bar on stderr that is told done, total, unit, and a metric with its value; where stderr is no terminal, nothing."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.fields[unit]}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[metric]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task("", total=None, unit="starting", metric="")

        def tell(done: int, total: int, unit: str, metric: str | None, value: float | None) -> None:
            shown = "" if metric is None or value is None else f"{metric} {value:.4g}"
            progress.update(task, completed=done, total=total, unit=unit, metric=shown)

        yield tell


def speaks_unicode() -> bool:
    """Can stdout carry any character?"""
    return (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
