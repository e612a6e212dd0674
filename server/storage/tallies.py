"""Checkpointed counts and the segments that they have not taken in yet.

A cell is one version, window and cohort. Its checkpoint says how many reports it holds and the id of the last segment that went
into it; the segments of the cell that are still stored come after that one. Reading both needs one snapshot.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, Table, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from server.storage.tables import collections, segments, tallies, versions

__all__ = [
    "ALL_REPORTS",
    "Cell",
    "Checkpoint",
    "Pending",
    "Selection",
    "find_checkpoint",
    "is_there",
    "keep_version",
    "last_folded",
    "pending_cells",
    "read_checkpoints",
    "read_segments",
    "retire_segments",
    "segments_of",
    "store_checkpoint",
    "windows_with_reports",
]

_ROWS_AT_ONCE = 256


class Cell(NamedTuple):
    """What is counted apart. cohort: 0 where none are declared."""

    version: int
    window_index: int
    cohort: int


class Pending(NamedTuple):
    """A cell with segments that no checkpoint holds. spec: of its version."""

    cell: Cell
    segments: int
    reports: int
    spec: bytes


class Checkpoint(NamedTuple):
    """reports: n · last_segment: id of the last segment that went in · counts: as `count_vectors` packs them."""

    reports: int
    last_segment: int
    counts: bytes


@dataclass(frozen=True)
class Selection:
    """Some cells of a version: windows first..last, both included, and one cohort; None leaves it open."""

    first: int | None = None
    last: int | None = None
    cohort: int | None = None


ALL_REPORTS = Selection()


def _chosen(table: Table, version: int, selection: Selection) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [table.c.version == version]
    if selection.first is not None:
        conditions.append(table.c.window_index >= selection.first)
    if selection.last is not None:
        conditions.append(table.c.window_index <= selection.last)
    if selection.cohort is not None:
        conditions.append(table.c.cohort == selection.cohort)
    return conditions


def _is(table: Table, cell: Cell) -> list[ColumnElement[bool]]:
    return _chosen(table, cell.version, Selection(cell.window_index, cell.window_index, cell.cohort))


def last_folded(connection: Connection, version: int, selection: Selection) -> int:
    """The highest segment id that went into any of these checkpoints, 0 when there is none."""
    found = connection.scalar(select(func.max(tallies.c.last_segment)).where(*_chosen(tallies, version, selection)))
    return int(found or 0)


def read_checkpoints(connection: Connection, version: int, selection: Selection) -> Iterator[Checkpoint]:
    """The checkpoints of these cells."""
    rows = connection.execution_options(yield_per=8).execute(
        select(tallies.c.reports, tallies.c.last_segment, tallies.c.counts).where(*_chosen(tallies, version, selection))
    )
    with rows:
        for row in rows:
            yield Checkpoint(*row)


def read_segments(
    connection: Connection, version: int, selection: Selection, after: int = 0
) -> Generator[tuple[int, bytes], None, None]:
    """Id and messages of each stored segment of these cells that came after `after`, in order."""
    rows = connection.execution_options(yield_per=_ROWS_AT_ONCE).execute(
        select(segments.c.id, segments.c.messages)
        .where(*_chosen(segments, version, selection), segments.c.id > after)
        .order_by(segments.c.id)
    )
    with rows:
        for row in rows:
            yield row.id, row.messages


def windows_with_reports(connection: Connection, version: int, selection: Selection) -> list[tuple[int, int]]:
    """The windows that hold reports, each with their number, in order."""
    stored = [
        select(table.c.window_index, table.c.reports).where(*_chosen(table, version, selection))
        for table in (segments, tallies)
    ]
    both = stored[0].union_all(stored[1]).subquery("stored")
    rows = connection.execute(
        select(both.c.window_index, func.sum(both.c.reports))
        .group_by(both.c.window_index)
        .order_by(both.c.window_index)
    )
    return [(int(window), int(reports)) for window, reports in rows]


def pending_cells(connection: Connection) -> Sequence[Pending]:
    """Every cell that has segments, with how many; deleted collections have none."""
    grouped = (
        select(
            segments.c.version,
            segments.c.window_index,
            segments.c.cohort,
            func.count().label("segments"),
            func.sum(segments.c.reports).label("reports"),
        )
        .group_by(segments.c.version, segments.c.window_index, segments.c.cohort)
        .subquery("grouped")
    )
    rows = connection.execute(
        select(grouped, versions.c.spec)
        .join(versions, versions.c.number == grouped.c.version)
        .join(collections, collections.c.number == versions.c.collection)
        .where(collections.c.deleted == 0)
        .order_by(grouped.c.version, grouped.c.window_index, grouped.c.cohort)
    )
    return [
        Pending(Cell(version, window, cohort), int(number), int(reports), spec)
        for version, window, cohort, number, reports, spec in rows
    ]


def keep_version(connection: Connection, version: int) -> bool:
    """Let nobody remove anything of a version until the transaction ends; uploads go on. False when it is being deleted."""
    query = _version_there(version).with_for_update(read=True, key_share=True, of=versions)
    return connection.scalar(query) is not None


def is_there(connection: Connection, version: int) -> bool:
    """Does a version belong to a collection that is not deleted? What is left of a deleted one shrinks row by row."""
    return connection.scalar(_version_there(version)) is not None


def _version_there(version: int) -> Select[tuple[int]]:
    return (
        select(versions.c.number)
        .join(collections, collections.c.number == versions.c.collection)
        .where(versions.c.number == version, collections.c.deleted == 0)
    )


def find_checkpoint(connection: Connection, cell: Cell) -> Checkpoint | None:
    """The checkpoint of a cell, or None."""
    row = connection.execute(
        select(tallies.c.reports, tallies.c.last_segment, tallies.c.counts).where(*_is(tallies, cell))
    ).one_or_none()
    return None if row is None else Checkpoint(*row)


def segments_of(connection: Connection, cell: Cell, most_reports: int) -> tuple[list[int], list[bytes]]:
    """Ids and messages of the oldest segments of a cell: at least one if there is any, and about `most_reports` reports."""
    ids: list[int] = []
    messages: list[bytes] = []
    size = 0
    selection = Selection(cell.window_index, cell.window_index, cell.cohort)
    with closing(read_segments(connection, cell.version, selection)) as found:
        for segment_id, packed in found:
            ids.append(segment_id)
            messages.append(packed)
            size += len(packed) // 4
            if size >= most_reports:
                break
    return ids, messages


def store_checkpoint(connection: Connection, cell: Cell, new: Checkpoint, previous: int | None) -> bool:
    """Store the checkpoint of a cell in place of the one that ended at segment `previous` (None: there was none).

    False when that is not the one that is stored: somebody else has folded in the meantime.
    """
    if previous is None:
        dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
        added = connection.execute(
            dialect.insert(tallies)
            .values(**cell._asdict(), **new._asdict())
            .on_conflict_do_nothing(index_elements=[tallies.c.version, tallies.c.window_index, tallies.c.cohort])
            .returning(tallies.c.last_segment)
        )
        return added.first() is not None
    changed = connection.execute(
        update(tallies).where(*_is(tallies, cell), tallies.c.last_segment == previous).values(**new._asdict())
    )
    return changed.rowcount == 1


def retire_segments(connection: Connection, cell: Cell, last_id: int) -> int:
    """Delete the segments of a cell up to an id. Returns how many there were."""
    return connection.execute(delete(segments).where(*_is(segments, cell), segments.c.id <= last_id)).rowcount
