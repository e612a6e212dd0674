"""Requests of analyses that name collections: each name is replaced by the counts and the mechanism that it stands for.

Wherever an object of a request holds `collection_id` (or `histogram_id`), with `version`, `window` and `cohort` beside it if only
some reports are meant, these members make way for `mechanism`, `counts` and, where the counts do not say it, `n`. An analysis
therefore never learns more of a collection than what it counted, and is the same pure function wherever it runs. Where it takes no counts,
the mechanism alone is filled in.

`label_collection_id`, with `window` and `version` beside it, makes way for `y`, the private bit of each row that was reported once and
null for the others, and for `label_epsilon` and `label_bound`, which say how the bits were made.

`{"array": id}` as a member makes way for the numbers of that array.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from ldp_core.analysis.histogram import CollectionHistogram, describe_mechanism
from ldp_core.mechanisms import Tally
from ldp_core.privacy.epsilon import format_epsilon
from server.refusals import CollectionNotOpen, InvalidAnalysis
from server.services.arrays import Arrays
from server.services.collections import Collections
from server.services.estimates import Asked, Estimates
from server.services.label_views import label_estimate
from server.services.specs import labels_of, mechanism_of, parsed_spec
from server.services.tallies import counts_digest
from server.services.tokens import Principal
from server.storage.collections import CollectionRow

__all__ = ["Binding", "Bound"]

_NAMES = ("collection_id", "histogram_id", "pair_histogram_id")
_WHICH = ("version", "window", "cohort")
_LABELS = "label_collection_id"
_ARRAY = "array"
_MOST = 2_000

_Read = Callable[[str, Asked, "int | None"], "Future[tuple[CollectionRow, Tally]]"]


@dataclass(frozen=True, eq=False)
class Bound:
    """A request with collections filled in.

    collections: their numbers in the database · inputs: which reports went in, for the answer · items: the names of the items where
    one collection went in and it has names.
    """

    body: Mapping[str, Any]
    collections: tuple[int, ...] = ()
    inputs: tuple[Mapping[str, Any], ...] = ()
    items: tuple[str, ...] | None = None


class Binding:
    """Fills collections in. It waits for the thread that counts, so it is to be called from a thread of its own."""

    def __init__(self, collections: Collections, estimates: Estimates, arrays: Arrays) -> None:
        self._collections = collections
        self._estimates = estimates
        self._arrays = arrays

    def fill(self, body: Mapping[str, Any], principal: Principal | None = None, *, counts: bool = True) -> Bound:
        """The request as the analysis takes it.

        principal: who asks, and may see no more than that; None for a job, whose owner was asked before · counts: are the collection's
        counts wanted, or its mechanism alone?

        Raises UnknownCollection, CollectionNotOpen for a draft, NotEnoughReports, InvalidParameters for a version, window or
        cohort that there is not, UnknownResource for an array that there is not, InvalidAnalysis for a reference that cannot be read.
        """
        body = {name: self._numbers(name, value, principal) for name, value in body.items()}
        if sum(1 for _ in _references(body)) == 0 and _LABELS not in body:
            return Bound(body)
        only = None if principal is None else principal.collection
        reading = _Reading(self._collections, self._estimates, only, counts=counts)
        return reading.bound({name: reading.member(value) for name, value in reading.filled(body).items()})

    def _numbers(self, name: str, value: Any, principal: Principal | None) -> Any:
        """A member of the request, the numbers of an array in place of a reference to it."""
        if not isinstance(value, Mapping) or value.keys() != {_ARRAY}:
            return value
        if not isinstance(value[_ARRAY], str):
            raise _invalid("wrong_type", name, f"{name}.{_ARRAY} is the id of an array")
        return self._arrays.load(value[_ARRAY], principal)


def _references(body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The objects that name a collection: the request itself, its members, and the objects in its lists."""
    candidates: list[Any] = [body]
    for value in body.values():
        candidates += value if isinstance(value, list) and value and isinstance(value[0], Mapping) else [value]
    for one in candidates:
        if isinstance(one, Mapping) and any(name in one for name in _NAMES):
            yield one


class _Reading:
    """The collections of one request, as they are come upon."""

    def __init__(self, collections: Collections, estimates: Estimates, only: int | None, *, counts: bool) -> None:
        self._collections, self._estimates, self._only, self._counts = collections, estimates, only, counts
        self._rows: list[CollectionRow] = []
        self._inputs: list[Mapping[str, Any]] = []

    def bound(self, body: Mapping[str, Any]) -> Bound:
        """What was read, together."""
        numbers = tuple(sorted({row.number for row in self._rows}))
        domain = parsed_spec(self._rows[0]).domain if len(self._inputs) == 1 else None
        return Bound(body, numbers, tuple(self._inputs), None if domain is None else tuple(domain.items))

    def member(self, value: Any) -> Any:
        """A member of the request, with references in it or in the objects of its list filled in."""
        if isinstance(value, Mapping):
            return self.filled(value)
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            return [self.filled(one) if isinstance(one, Mapping) else one for one in value]
        return value

    def filled(self, holder: Mapping[str, Any]) -> dict[str, Any]:
        """An object without its reference and with what that stands for."""
        made = dict(holder)
        if _LABELS in made:
            made |= self._labels(made)
            for name in (_LABELS, *_WHICH):
                made.pop(name, None)
        named = [name for name in _NAMES if name in made]
        if not named:
            return made
        if len(named) > 1 or "counts" in made or "mechanism" in made:
            other = next(name for name in (*named[1:], "counts", "mechanism") if name in made)
            raise _invalid("unknown_field", other, f"{named[0]} stands for {other}; give one of them")
        if len(self._inputs) >= _MOST:
            raise _invalid("out_of_range", named[0], f"one request names at most {_MOST} histograms")
        if not self._counts:
            return made | self._mechanism(made.pop(named[0]), named[0], made.pop("version", None))
        which = {name: made.pop(name, None) for name in _WHICH}
        return made | self._histogram(made.pop(named[0]), named[0], which)

    def _mechanism(self, collection_id: object, field: str, version: object) -> dict[str, Any]:
        """The mechanism alone, that of a draft as well: no report is looked at."""
        row = self._collections.get(self._visible(collection_id, field).id, _version(version))
        self._rows.append(row)
        self._inputs.append({"collection": row.id, "version": row.version, "spec_digest": row.spec_digest})
        return {"mechanism": describe_mechanism(mechanism_of(row.spec))}

    def _histogram(self, collection_id: object, field: str, which: Mapping[str, Any]) -> dict[str, Any]:
        row, tally = self._read(collection_id, field, which, self._estimates.tally)
        return CollectionHistogram(mechanism_of(row.spec), tally).to_fields()

    def _read(
        self, collection_id: object, field: str, which: Mapping[str, Any], read: _Read
    ) -> tuple[CollectionRow, Tally]:
        """The tally of the reports that are meant, written down as an input."""
        row = self._visible(collection_id, field)
        version = _version(which.get("version"))
        for name in ("window", "cohort"):
            if which.get(name) is not None and not isinstance(which[name], str):
                raise _invalid("wrong_type", name, f"{name} is a text")
        if row.state == "draft":
            raise CollectionNotOpen("this collection is a draft and has no reports; open it first", state=row.state)
        asked = Asked(window=which.get("window"), cohort=which.get("cohort"))
        row, tally = read(row.id, asked, version).result()
        self._rows.append(row)
        self._inputs.append(
            {
                "collection": row.id,
                "version": row.version,
                "window": asked.window,
                "cohort": asked.cohort,
                "n": tally.n,
                "spec_digest": row.spec_digest,
                "counts_digest": counts_digest(tally),
            }
        )
        return row, tally

    def _labels(self, made: Mapping[str, Any]) -> dict[str, Any]:
        for name in ("y", "label_epsilon", "label_bound"):
            if made.get(name) is not None:
                raise _invalid("unknown_field", name, f"{_LABELS} stands for {name}; give one of them")
        row, tally = self._read(made[_LABELS], _LABELS, made, self._estimates.as_counted)
        labels = labels_of(row.spec)
        if labels is None:
            raise _invalid("wrong_shape", _LABELS, "this collection gathers a histogram and no labels of rows")
        estimate = label_estimate(labels, tally)
        y: list[int | None] = [None] * labels.rows
        for number, bit in zip(estimate.row_numbers.tolist(), estimate.bits.tolist(), strict=True):
            y[number] = bit
        epsilon = format_epsilon(labels.mechanism.epsilon)
        return {"y": y, "label_epsilon": epsilon, "label_bound": labels.outcome.limit}

    def _visible(self, collection_id: object, field: str) -> CollectionRow:
        if not isinstance(collection_id, str):
            raise _invalid("wrong_type", field, f"{field} is the id of a collection")
        if self._only is not None:
            self._collections.require_visible(collection_id, self._only)
        return self._collections.get(collection_id)


def _version(given: object) -> int | None:
    """The version that was asked for, None for the current one."""
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int) or not 0 < given < 1 << 31:
        raise _invalid("wrong_type", "version", "version is a whole number from 1")
    return given


def _invalid(code: str, field: str, detail: str) -> InvalidAnalysis:
    return InvalidAnalysis(detail, code=code, field=field)
