"""Arrays in the form of an analysis: stored from a file, chosen in place of typed numbers, forgotten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from starlette.concurrency import run_in_threadpool

from server.api.problems import PROBLEMS
from server.dashboard import words
from server.dashboard.analysis_form import array_members
from server.dashboard.guard import Form
from server.dashboard.visits import Visit
from server.refusals import InvalidParameters, TooLarge, TooManyArrays, UnknownResource
from server.services.arrays import StoredArray

__all__ = ["ArrayLine", "ArraysModel", "Change", "array_lines", "change_arrays"]

_PLACE, _FORGET = "place", "forget"


@dataclass(frozen=True)
class ArrayLine:
    """A stored array for people. shape: such as 100 × 3 · until: the moment after which it is forgotten."""

    id: str
    name: str
    shape: str
    dtype: str
    bytes: int
    until: str


@dataclass(frozen=True)
class ArraysModel:
    """places: names and titles of the members that an array may stand for · most_bytes: of a file · told: what was just done · error: why not."""

    places: tuple[tuple[str, str], ...]
    place: str
    stored: tuple[ArrayLine, ...]
    most_bytes: int
    told: str
    error: str


@dataclass(frozen=True)
class Change:
    """What became of the stored arrays. chosen: the ids that members have now."""

    told: str = ""
    error: str = ""
    status: int = 200
    chosen: Mapping[str, str] = field(default_factory=dict)


def array_lines(visit: Visit) -> tuple[ArrayLine, ...]:
    """The stored arrays that this person may use, the newest first."""
    return tuple(map(_line, visit.services.arrays.list(visit.session.principal)))


async def change_arrays(visit: Visit, method: Mapping[str, Any], form: Form) -> Change:
    """Forget the array whose button was pressed; else store those of the file, and choose them for members."""
    try:
        if form.text(_FORGET):
            await run_in_threadpool(visit.services.arrays.delete, form.text(_FORGET), visit.session.principal)
            return Change("The array is forgotten.")
        if form.file is None:
            raise InvalidParameters.of("file", "choose a .npy or .npz file first")
        return await run_in_threadpool(_store, visit, method, form, form.file)
    except (InvalidParameters, TooLarge, TooManyArrays, UnknownResource) as refused:
        messages = [entry["message"] for entry in refused.extras.get("errors", ())]
        text = words.sentence("; ".join(messages) or refused.detail)
        return Change(error=text, status=PROBLEMS[refused.slug].status)


def _store(visit: Visit, method: Mapping[str, Any], form: Form, file: BinaryIO) -> Change:
    stored = visit.services.arrays.store(visit.session.principal, file)
    titles = dict(array_members(method))
    chosen = _chosen(stored, titles, form.text(_PLACE))
    member = {array_id: titles[name] for name, array_id in chosen.items()}
    told = " ".join(_sentence(_line(one), member.get(one.id)) for one in stored)
    return Change(told, status=201, chosen=chosen)


def _chosen(stored: Sequence[StoredArray], titles: Mapping[str, str], place: str) -> dict[str, str]:
    """Each array for the member that it is named after; one alone for the place that was chosen."""
    named = {one.name: one.id for one in stored if one.name in titles}
    if named or len(stored) > 1 or place not in titles:
        return named
    return {place: stored[0].id}


def _sentence(line: ArrayLine, title: str | None) -> str:
    name = f" {line.name}" if line.name else ""
    use = f"It now stands for {title}." if title else "Choose it above where it is to stand for numbers."
    return (
        f"Stored{name} as {line.id}: {line.shape} numbers, {line.dtype}, {words.count(line.bytes)} bytes, "
        f"until {line.until}. {use}"
    )


def _line(one: StoredArray) -> ArrayLine:
    return ArrayLine(
        id=one.id,
        name=one.name,
        shape=" × ".join(map(words.count, one.shape)) or "1",
        dtype=np.dtype(one.dtype).name,
        bytes=one.bytes,
        until=f"{words.moment(one.expires, 1)} UTC",
    )
