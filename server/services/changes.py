"""What administrators do to a collection that exists. Every act is in the audit log if and only if it happened."""

import secrets
import string
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from ldp_core.labels import RowLabels
from ldp_core.privacy.epsilon import format_epsilon
from server.clock import Clock
from server.refusals import IllegalTransition, InvalidParameters, StaleEtag, UnknownResource
from server.services.collections import Collections, Proposal, check_schedule, revision
from server.services.lifecycle import TRANSITIONS, effective_state, unknown_collection
from server.services.repeats import Once
from server.services.specs import intake_terms, parsed_spec
from server.storage import changes as rows
from server.storage.audit import record_act
from server.storage.changes import OperationRow
from server.storage.collections import CollectionRow, find_collection, insert_version
from server.storage.database import Connection, Database
from server.storage.tokens import end_tokens_of

__all__ = ["DELETE", "SCHEDULE", "Changes", "NewVersion"]

DELETE = "delete-collection"
"""The kind of operation that a deletion is."""

SCHEDULE = "schedule"
"""Who opens and closes collections when it is due, in the audit log."""

_ID_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class NewVersion:
    """What differs in the next version; None is as before. epsilon: exact text."""

    question: str | None = None
    epsilon: str | None = None
    items: Sequence[str] | None = None
    domain_size: int | None = None
    mechanism: str | None = None
    parameters: Mapping[str, int] | None = None
    window: str | None = None


class Changes:
    """Moves, patches, versions and deletions.

    announce: called after a change that the background work should look at.
    """

    def __init__(
        self, database: Database, collections: Collections, clock: Clock, announce: Callable[[], None] = lambda: None
    ) -> None:
        self._database = database
        self._collections = collections
        self._clock = clock
        self._announce = announce

    def move(self, collection_id: str, verb: str, *, actor: str, once: Once | None = None) -> str:
        """Open, pause or close. Returns the new state. Raises UnknownCollection, or IllegalTransition with the present one."""
        sources, target = TRANSITIONS[verb]
        once = once or Once()
        with self._changing(collection_id) as (connection, row, now):
            once.claim(connection, now)
            if row.state not in sources:
                raise IllegalTransition(
                    f"a collection that is {row.state} cannot {verb}; only one that is {' or '.join(sources)} can",
                    state=row.state,
                )
            if row.closes is not None and row.closes <= now and target == "open":
                raise IllegalTransition(
                    "its moment to close has come; give it a later closes_at first", state=row.state
                )
            moment = {"closes": int(now)} if target == "closed" else {}
            rows.change_collection(connection, row.number, state=target, **moment)
            self._record(connection, actor, f"collection.{verb}", collection_id)
            once.settle(connection, target)
        return target

    def patch(
        self, collection_id: str, changes: Mapping[str, Any], *, actor: str, expected: Collection[str] | None = None
    ) -> CollectionRow:
        """Change what may change: see `server.api.lifecycle_schemas.PatchCollection`. All or nothing.

        expected: revisions of which the collection must have one, any when None. Raises StaleEtag when it has another, UnknownCollection, IllegalTransition when it is too late, InvalidParameters for what can only move one way.
        """
        with self._changing(collection_id) as (connection, row, now):
            if expected is not None and revision(row) not in expected:
                raise StaleEtag(
                    "the collection was changed since this ETag was given; look at it again, then decide",
                    etag=f'"{revision(row)}"',
                )
            values = {name: self._checked(row, name, value) for name, value in changes.items()}
            if {"opens", "closes"} & values.keys():
                opens = values.get("opens", row.opens) if row.state == "draft" else None
                # a draft that opens by itself must not meet an end that was set before
                check_schedule(opens, values.get("closes", None if opens is None else row.closes), now)
            if values.get("successor") is not None:
                _check_successor(connection, row, values["successor"])
            if "question" in values:
                spec = replace(parsed_spec(row), question=values["question"])
                rows.replace_spec(connection, row.version_number, spec.canonical, spec.digest)
            if values:
                rows.change_collection(connection, row.number, **values)
                self._record(connection, actor, "collection.patch", collection_id, " ".join(sorted(values)))
        self._announce()
        return self._collections.get(collection_id)

    def _checked(self, row: CollectionRow, name: str, value: Any) -> Any:
        """The value to store. Raises what `patch` raises."""
        if name in ("question", "opens") and row.state != "draft":
            raise IllegalTransition(f"{name} changes only while the collection is a draft", state=row.state)
        if name == "closes" and row.state == "closed":
            raise IllegalTransition("it is closed, and closing is final", state=row.state)
        if name == "min_reports" and value < row.min_reports:
            raise InvalidParameters.of(name, f"this is {row.min_reports} and can only be raised; got {value}")
        if name == "retention":
            value = self._collections.retention(value)
            if value > row.retention:
                raise InvalidParameters.of(
                    name, "this can only be shortened: what was forgotten already cannot be recognised again"
                )
        return value

    def add_version(
        self, collection_id: str, wanted: NewVersion, *, actor: str, once: Once | None = None
    ) -> CollectionRow:
        """Make the next version; it alone takes reports from now on. Reports of the earlier ones stay with them.

        Raises UnknownCollection, IllegalTransition for a closed collection, InvalidParameters.
        """
        made = self._collections.get(collection_id)  # the costly part, a mechanism, is built before anything is locked
        spec = self._collections.spec(_proposal(made, wanted), collection_id, made.version + 1)
        once = once or Once()
        with self._changing(collection_id) as (connection, row, now):
            once.claim(connection, now)
            if row.state == "closed":
                raise IllegalTransition("a closed collection has no further version; create a new one", state=row.state)
            if row.version_number != made.version_number:
                raise IllegalTransition("another version was made at the same time; look at it first", state=row.state)
            domain = spec.domain
            items, digest = (None, None) if domain is None else (domain.canonical, domain.digest)
            insert_version(connection, row.number, spec.version, spec.canonical, spec.digest, items, digest)
            rows.change_collection(connection, row.number, question=spec.question)
            self._record(connection, actor, "version.create", collection_id, f"version {spec.version}")
            once.settle(connection, str(spec.version))
        return self._collections.get(collection_id)

    def delete(self, collection_id: str, *, actor: str) -> OperationRow:
        """Make a collection unknown to everybody at once, and begin to remove what is stored of it. Raises UnknownCollection."""
        operation_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(12))
        with self._changing(collection_id) as (connection, row, now):
            rows.change_collection(
                connection, row.number, deleted=1, state="closed", name="", question="", opens=None, successor=None
            )
            end_tokens_of(connection, row.number, int(now))
            rows.insert_operation(connection, operation_id, DELETE, row.number)
            self._record(connection, actor, "collection.delete", collection_id)
        self._announce()
        return self.operation(operation_id)

    def operation(self, operation_id: str) -> OperationRow:
        """How far an operation is. Raises UnknownResource."""
        with self._database.read() as connection:
            row = rows.find_operation(connection, operation_id)
        if row is None:
            raise UnknownResource("no such operation here; check its id")
        return row

    def write_down_due(self) -> int:
        """Store the changes that the time has brought. Returns how many collections changed."""
        changed = 0
        with self._database.read() as connection:
            due = rows.due_collections(connection, self._clock.now())
        for collection_id in due:
            with self._database.write() as connection:
                row = rows.lock_collection(connection, collection_id)
                if row is None:
                    continue
                changed += self._write_down(connection, row, self._clock.now()) != row.state
        return changed

    def seconds_to_next(self) -> float | None:
        """How long until a collection opens or closes by itself; None when none does."""
        with self._database.read() as connection:
            moment = rows.next_due(connection)
        return None if moment is None else max(0.0, moment - self._clock.now())

    @contextmanager
    def _changing(self, collection_id: str) -> Iterator[tuple[Connection, CollectionRow, float]]:
        """A transaction with the collection locked and as it is now. Raises UnknownCollection."""
        with self._database.write() as connection:
            row = rows.lock_collection(connection, collection_id)
            if row is None:
                raise unknown_collection()
            now = self._clock.now()
            yield connection, replace(row, state=self._write_down(connection, row, now)), now

    def _write_down(self, connection: Connection, row: CollectionRow, now: float) -> str:
        state = effective_state(row.state, row.opens, row.closes, now)
        if state != row.state:
            rows.change_collection(connection, row.number, state=state)
            act = "collection.close" if state == "closed" else "collection.open"
            self._record(connection, SCHEDULE, act, row.id)
        return state

    def _record(self, connection: Connection, actor: str, act: str, subject: str, detail: str = "") -> None:
        record_act(connection, now=self._clock.now(), actor=actor, act=act, subject=subject, detail=detail)


def _check_successor(connection: Connection, row: CollectionRow, successor: str) -> None:
    if successor == row.id or find_collection(connection, successor) is None:
        raise InvalidParameters.of("successor", "no other collection has this id; create it first")


def _proposal(row: CollectionRow, wanted: NewVersion) -> Proposal:
    """The present version with what differs. Parameters are kept only while they mean the same."""
    spec, mechanism = parsed_spec(row), parsed_spec(row).mechanism
    if spec.labels is not None:
        return _labels_proposal(row, spec.labels, wanted)
    same_domain = wanted.items is None and wanted.domain_size is None
    keep = same_domain and wanted.epsilon is None and wanted.mechanism in (None, mechanism.name)
    items = spec.domain.items if spec.domain is not None and same_domain else wanted.items
    size = mechanism.domain_size if spec.domain is None and same_domain else wanted.domain_size
    return Proposal(
        name=row.name,
        question=wanted.question or spec.question,
        epsilon=wanted.epsilon or str(mechanism.epsilon),
        items=items,
        domain_size=size,
        mechanism=wanted.mechanism or mechanism.name,
        parameters=mechanism.parameters if keep and wanted.parameters is None else wanted.parameters,
        window=wanted.window or intake_terms(row.spec).window_period,
        cohorts=spec.cohorts,
    )


def _labels_proposal(row: CollectionRow, labels: RowLabels, wanted: NewVersion) -> Proposal:
    """The present version of a collection of labels with what differs. Raises InvalidParameters for what labels do not have."""
    for name in ("items", "domain_size", "mechanism", "parameters"):
        if getattr(wanted, name) is not None:
            raise InvalidParameters.of(name, f"a collection of labels has no {name} to choose; leave it out")
    return Proposal(
        name=row.name,
        question=wanted.question or row.question,
        epsilon=wanted.epsilon or format_epsilon(labels.mechanism.epsilon),
        window=wanted.window or intake_terms(row.spec).window_period,
        labels=(labels.rows, labels.ends[1]),
    )
