"""Requests of analyses that name collections: each name is replaced by the counts and the mechanism that it stands for.

Wherever an object of a request holds `collection_id` (or `histogram_id`), with `version`, `window` and `cohort` beside it if only
some reports are meant, these members make way for `mechanism`, `counts` and, where the counts do not say it, `n`. An analysis
therefore never learns more of a collection than what it counted, and is the same pure function wherever it runs. Where it takes no counts,
the mechanism alone is filled in.

`label_collection_id` makes way for `label_epsilon`: the service keeps no report beside the row that it belongs to, so the private
outcomes themselves come with the request, and the collection says how they were made.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ldp_core.analysis.histogram import CollectionHistogram, describe_mechanism
from ldp_core.privacy.epsilon import format_epsilon
from server.refusals import CollectionNotOpen, InvalidAnalysis
from server.services.collections import Collections
from server.services.estimates import Asked, Estimates
from server.services.specs import mechanism_of, parsed_spec
from server.services.tallies import counts_digest
from server.storage.collections import CollectionRow

__all__ = ["Binding", "Bound"]

_NAMES = ("collection_id", "histogram_id", "pair_histogram_id")
_WHICH = ("version", "window", "cohort")
_LABELS = "label_collection_id"
_MOST = 2_000


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

    def __init__(self, collections: Collections, estimates: Estimates) -> None:
        self._collections = collections
        self._estimates = estimates

    def fill(self, body: Mapping[str, Any], only: int | None = None, *, counts: bool = True) -> Bound:
        """The request as the analysis takes it.

        only: the number of the one collection that the caller may see · counts: are its counts wanted, or its mechanism alone?

        Raises UnknownCollection, CollectionNotOpen for a draft, NotEnoughReports, InvalidParameters for a version, window or
        cohort that there is not, InvalidAnalysis for a reference that cannot be read.
        """
        if sum(1 for _ in _references(body)) == 0 and _LABELS not in body:
            return Bound(body)
        reading = _Reading(self._collections, self._estimates, only, counts=counts)
        return reading.bound({name: reading.member(value) for name, value in reading.filled(body).items()})


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
            made["label_epsilon"] = self._label_epsilon(made.pop(_LABELS))
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
        row = self._visible(collection_id, field)
        version = _version(which["version"])
        for name in ("window", "cohort"):
            if which[name] is not None and not isinstance(which[name], str):
                raise _invalid("wrong_type", name, f"{name} is a text")
        if row.state == "draft":
            raise CollectionNotOpen("this collection is a draft and has no reports; open it first", state=row.state)
        asked = Asked(window=which["window"], cohort=which["cohort"])
        row, tally = self._estimates.tally(row.id, asked, version).result()
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
        return CollectionHistogram(mechanism_of(row.spec), tally).to_fields()

    def _label_epsilon(self, collection_id: object) -> str:
        row = self._visible(collection_id, _LABELS)
        mechanism = mechanism_of(row.spec)
        if mechanism.domain_size != 2:
            raise _invalid(
                "wrong_shape",
                _LABELS,
                f"private outcomes are bits, and this collection has {mechanism.domain_size} items",
            )
        self._rows.append(row)
        return format_epsilon(mechanism.epsilon)

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
