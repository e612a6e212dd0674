"""The result of any analysis for people: its facts, its tables, and a figure for each series that it names."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

from server.dashboard.figures import Figure, Table

__all__ = ["Fact", "facts_of", "figures_of"]

_ROWS = 60
_LISTED = 8
_RANKED = 25
_GROUPS = ("run", "row", "level", "solver")
_BESIDE = frozenset({"se", "low", "high"})
_MOST_LINES = 60
_MOST_CELLS = 3_600


@dataclass(frozen=True)
class Fact:
    """One thing that was found. table: where a text does not hold it."""

    name: str
    text: str
    table: Table | None = None


def facts_of(values: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Everything in a result, in its order; long columns of one length stand together at the end."""
    columns = {name: value for name, value in values.items() if _is_column(value)}
    together = columns if _is_table(columns) else {}
    facts = [
        fact for name, value in values.items() if name not in together for fact in _facts(name.replace("_", " "), value)
    ]
    return (*facts, Fact("columns", "", _columns_table(together))) if together else tuple(facts)


def _is_column(value: Any) -> bool:
    return isinstance(value, list) and len(value) > _LISTED and not isinstance(value[0], list | Mapping)


def _facts(name: str, value: Any) -> Sequence[Fact]:
    if isinstance(value, Mapping):
        if _is_table(value):
            return [Fact(name, "", _columns_table(value))]
        return [fact for key, inner in value.items() for fact in _facts(f"{name}: {key.replace('_', ' ')}", inner)]
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        columns = list(dict.fromkeys(key for row in value for key in row))
        return [Fact(name, "", _columns_table({key: [row.get(key) for row in value] for key in columns}))]
    if isinstance(value, list) and value and isinstance(value[0], list):
        return [Fact(name, f"{len(value)} rows of {len(value[0])}")]
    if isinstance(value, list):
        shown = ", ".join(_text(one) for one in value[:_LISTED])
        return [
            Fact(name, shown + (f", … ({len(value):,} in all)" if len(value) > _LISTED else "") if value else "none")
        ]
    return [Fact(name, _text(value))]


def _is_table(value: Mapping[str, Any]) -> bool:
    """Columns of one length?"""
    lengths = {len(column) if isinstance(column, list) else -1 for column in value.values()}
    return len(value) > 1 and len(lengths) == 1 and lengths != {-1}


def _columns_table(columns: Mapping[str, Sequence[Any]]) -> Table:
    rows = list(zip(*columns.values(), strict=True))[:_ROWS]
    numeric = frozenset(place for place, column in enumerate(columns.values()) if all(map(_is_number, column[:_ROWS])))
    return Table(
        tuple(name.replace("_", " ") for name in columns),
        tuple(tuple(_text(cell) for cell in row) for row in rows),
        numeric,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _text(value: Any) -> str:
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}".replace("-", "−")
    if isinstance(value, list | Mapping):
        return f"{len(value)} values"
    return str(value).replace("_", " ")


def figures_of(series: Mapping[str, Mapping[str, Any]], items: Sequence[str]) -> tuple[Figure, ...]:
    """A figure for each series. items: the names of items that columns called `item` number, empty when there are none."""
    return tuple(_figure(name, one, items) for name, one in series.items() if any(one["columns"].values()))


def _figure(name: str, series: Mapping[str, Any], items: Sequence[str]) -> Figure:
    columns = {key: list(column) for key, column in series["columns"].items()}
    if "item" in columns and items:
        columns["item"] = [items[index] for index in columns["item"]]
    table = _columns_table(columns)
    title = name.replace("_", " ")
    if {"rank_low", "rank_high", "item"} <= columns.keys():
        return _ranks(name, columns, table)
    if {"low", "high"} <= columns.keys():
        return _intervals(name, series, columns, table)
    grid = _grid(columns)
    if grid is not None:
        return _matrix(name, columns, grid, table)
    lines = _lines(series, columns)
    if all(len(line["x"]) < 2 for line in lines):
        return Figure("none", name, f"{title}: {series['y_label']} by {series['x_label']}.", {}, table)
    return Figure(
        kind="columns",
        name=name,
        caption=f"{title.capitalize()}: {series['y_label']} against {series['x_label']}.",
        data={
            "lines": lines,
            "xLabel": series["x_label"],
            "yLabel": series["y_label"],
            "logX": series["log_x"],
            "logY": series["log_y"],
        },
        table=table,
    )


def _grid(columns: Mapping[str, list[Any]]) -> tuple[str, str, str] | None:
    """The names of column, row and value where three columns are a matrix cell by cell, else None."""
    if len(columns) != 3:
        return None
    first, second, value = columns
    if not all(_is_number(place) for name in (first, second) for place in columns[name]):
        return None
    if not all(cell is None or _is_number(cell) for cell in columns[value]):
        return None
    sides = [len(set(columns[name])) for name in (first, second)]
    if min(sides) < 2 or sides[0] * sides[1] != len(columns[value]) or len(columns[value]) > _MOST_CELLS:
        return None
    return (second, first, value) if first == "row" else (first, second, value)


def _matrix(
    name: str,
    columns: Mapping[str, list[Any]],
    grid: tuple[str, str, str],
    table: Table,
) -> Figure:
    across, down, value = grid
    cells = [
        {"column": x, "row": y, "value": cell, "text": f"{across} {_text(x)}, {down} {_text(y)}: {_text(cell)}"}
        for x, y, cell in zip(columns[across], columns[down], columns[value], strict=True)
        if cell is not None
    ]
    return Figure(
        kind="matrix",
        name=name,
        caption=(
            f"{name.replace('_', ' ').capitalize()}: {value.replace('_', ' ')} by {across} and {down}, blue above zero and orange below; "
            "the fuller, the further from it."
        ),
        data={"cells": cells, "xLabel": across, "yLabel": down},
        table=table,
    )


def _ranks(name: str, columns: Mapping[str, list[Any]], table: Table) -> Figure:
    shown = sorted(zip(columns["place"], columns["item"], columns["rank_low"], columns["rank_high"], strict=True))
    return Figure(
        kind="ranks",
        name=name,
        caption=(
            f"Possible ranks of the {min(_RANKED, len(shown))} largest of {len(shown):,} items: the dot is the place by estimate, the bar every rank "
            "that cannot be excluded. All bars hold together."
        ),
        data={
            "rows": [
                {"item": str(item), "place": place, "low": low, "high": high}
                for place, item, low, high in shown[:_RANKED]
            ]
        },
        table=table,
    )


def _intervals(name: str, series: Mapping[str, Any], columns: Mapping[str, list[Any]], table: Table) -> Figure:
    value = next(
        key
        for key, column in columns.items()
        if key != series["x"] and key not in _BESIDE and all(map(_is_number, column))
    )
    marks = columns.get("truth", [None] * len(columns[value]))
    rows = sorted(
        zip(columns[series["x"]], columns[value], columns["low"], columns["high"], marks, strict=True),
        key=lambda row: -row[1],
    )[:_RANKED]
    diamond = " The diamond is the truth." if "truth" in columns else ""
    return Figure(
        kind="intervals",
        name=name,
        caption=f"{series['y_label'].capitalize()} of the {len(rows)} largest of {len(columns[value]):,}, each with its interval.{diamond}",
        data={
            "plain": True,
            "floor": None,
            "rows": [
                {
                    "item": str(at),
                    "estimate": middle,
                    "low": low,
                    "high": high,
                    "lowInner": None,
                    "highInner": None,
                    "post": mark,
                    "clear": True,
                    "label": _text(middle),
                    "text": f"{at}: {_text(middle)} ({_text(low)} to {_text(high)})",
                }
                for at, middle, low, high, mark in rows
            ],
        },
        table=table,
    )


def _lines(series: Mapping[str, Any], columns: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """The lines to draw: one for each column that the axis speaks of, or for each group of rows. None where x is no number."""
    x = columns[series["x"]]
    if not all(map(_is_number, x)):
        return []
    numeric = [
        key
        for key, column in columns.items()
        if key not in {series["x"], *_BESIDE, *_GROUPS} and all(value is None or _is_number(value) for value in column)
    ]
    spoken = _spoken_of(numeric, series["y_label"])
    group = next((name for name in _GROUPS if name in columns), None)
    if group is None:
        return [{"name": key.replace("_", " "), "x": x, "y": columns[key]} for key in spoken]
    return _grouped(group, columns[group], x, columns[spoken[0]])


def _spoken_of(columns: Sequence[str], label: str) -> Sequence[str]:
    """The columns that an axis is labelled after: named in brackets, else in words; all when it names none."""
    if "y" in columns:
        return ["y"]
    bracketed = [column for column in columns if f"({column})" in label]
    said = label.replace("_", " ").lower()
    in_words = [column for column in columns if re.search(rf"\b{re.escape(column.replace('_', ' ').lower())}\b", said)]
    return bracketed or in_words or columns


def _grouped(name: str, groups: Sequence[Any], x: Sequence[Any], y: Sequence[Any]) -> list[dict[str, Any]]:
    lines: dict[Any, dict[str, Any]] = {}
    for group, at, value in zip(groups, x, y, strict=True):
        line = lines.setdefault(group, {"name": f"{name} {_text(group)}", "x": [], "y": []})
        line["x"].append(at)
        line["y"].append(value)
    return list(lines.values())[:_MOST_LINES]
