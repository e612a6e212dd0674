"""Collections: made as drafts, and read. What happens to them later is in `changes`."""

import hashlib
import secrets
import string
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ldp_core.errors import DomainError, EpsilonError, FanoError, SpecError
from ldp_core.labels import OneBitOutcome, RowLabels
from ldp_core.mechanisms import Mechanism, create
from ldp_core.wire import CollectionSpec, Domain, Limits, Window
from server.clock import Clock, SystemClock
from server.refusals import CollectionClosed, InvalidParameters
from server.services.lifecycle import effective_state, unknown_collection
from server.services.repeats import Once
from server.services.tokens import Scope, token_sha256
from server.settings import Settings
from server.storage import collections as rows
from server.storage import tokens as token_rows
from server.storage.audit import record_act
from server.storage.collections import CollectionRow
from server.storage.database import Database

__all__ = ["FIRST_KEY", "Collections", "Proposal", "check_schedule", "revision"]

FIRST_KEY = "write key"
"""What the key that a collection is created with is called; it is stored with " of " and the id behind."""

_ID_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 12  # 71 random bits
_LONGEST_T = 32  # a message is an integer of 32 bits, so no geometry of more coordinates can be used


@dataclass(frozen=True)
class Proposal:
    """What an administrator asks for. Either `items` or `domain_size`; epsilon is exact text.

    opens, closes: seconds since 1970 · retention: a period, the service's own when None · labels: rows and bound, in place of items, mechanism
    and its parameters, where each report is the private label of one row.
    """

    name: str
    question: str
    epsilon: str
    items: Sequence[str] | None = None
    domain_size: int | None = None
    mechanism: str = "projective_geometry"
    parameters: Mapping[str, int] | None = None
    window: str = "P1D"
    min_reports: int = 0
    opens: int | None = None
    closes: int | None = None
    retention: str | None = None
    cohorts: Sequence[str] = ()
    labels: tuple[int, str] | None = None


class Collections:
    """All collections of this service."""

    def __init__(self, database: Database, settings: Settings, clock: Clock | None = None) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock or SystemClock()

    def create(self, proposal: Proposal, *, actor: str, once: Once | None = None) -> tuple[CollectionRow, str]:
        """Store a draft. Returns it with its write key, which cannot be read again. Raises InvalidParameters."""
        check_schedule(proposal.opens, proposal.closes, self._clock.now())
        collection_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
        spec = self.spec(proposal, collection_id, 1)
        once = once or Once()
        domain, write_key = spec.domain, once.secret(Scope.INGEST)
        new = rows.NewCollection(
            id=spec.collection,
            name=proposal.name,
            question=proposal.question,
            min_reports=proposal.min_reports,
            spec=spec.canonical,
            spec_digest=spec.digest,
            items=None if domain is None else domain.canonical,
            items_digest=None if domain is None else domain.digest,
            opens=proposal.opens,
            closes=proposal.closes,
            retention=self.retention(proposal.retention),
        )
        with self._database.write() as connection:
            once.claim(connection, self._clock.now())
            number = rows.insert_collection(connection, new)
            token_rows.add_token(
                connection,
                name=f"{FIRST_KEY} of {new.id}",
                scope=Scope.INGEST,
                sha256=token_sha256(write_key),
                collection=number,
            )
            record_act(connection, now=self._clock.now(), actor=actor, act="collection.create", subject=new.id)
            once.settle(connection, new.id)
        return self.get(new.id), write_key

    def get(self, collection_id: str, version: int | None = None) -> CollectionRow:
        """One collection with its current version, or another one. Raises UnknownCollection, or InvalidParameters for no such version."""
        with self._database.read() as connection:
            row = rows.find_collection(connection, collection_id, version)
            if row is None and version is not None and rows.find_collection(connection, collection_id) is not None:
                raise InvalidParameters.of(
                    "version", f"this collection has no version {version}; GET …/versions lists those it has"
                )
        if row is None:
            raise unknown_collection()
        return self._as_of_now(row)

    def versions(self, collection_id: str) -> list[tuple[CollectionRow, int]]:
        """A collection once for each of its versions, each with its own number of reports. Raises UnknownCollection."""
        with self._database.read() as connection:
            found = [self._as_of_now(row) for row in rows.list_versions(connection, collection_id)]
            counted = rows.count_reports(connection, [row.version_number for row in found])
        if not found:
            raise unknown_collection()
        return [(row, counted[row.version_number]) for row in found]

    def _as_of_now(self, row: CollectionRow) -> CollectionRow:
        return replace(row, state=effective_state(row.state, row.opens, row.closes, self._clock.now()))

    def get_counted(self, collection_id: str, version: int | None = None) -> tuple[CollectionRow, int]:
        """What `get` gives, with its number of reports."""
        row = self.get(collection_id, version)
        with self._database.read() as connection:
            return row, rows.count_reports(connection, [row.version_number])[row.version_number]

    def require_visible(self, collection_id: str, only: int) -> None:
        """Raises UnknownCollection unless the id belongs to the collection of this number, or to none at all."""
        if self.get(collection_id).number != only:
            raise unknown_collection()

    def list_counted(self, only: int | None = None) -> list[tuple[CollectionRow, int]]:
        """All collections, or the one of this number, each with its number of reports."""
        with self._database.read() as connection:
            found = [self._as_of_now(row) for row in rows.list_collections(connection) if only in (None, row.number)]
            counted = rows.count_reports(connection, [row.version_number for row in found])
        return [(row, counted[row.version_number]) for row in found]

    def deleted(self, ids: Collection[str]) -> set[str]:
        """Which of these ids are those of collections that were deleted."""
        with self._database.read() as connection:
            return rows.deleted_collections(connection, ids)

    def published(self, collection_id: str) -> CollectionRow:
        """A collection as devices may see it: a draft is unknown, a closed one is gone."""
        row = self.get(collection_id)
        if row.state == "draft":
            raise unknown_collection()
        if row.state == "closed":
            closed = CollectionClosed("this collection is closed; stop reporting to it", state=row.state)
            if row.successor is not None and self._is_published(row.successor):
                closed.headers = {"Link": f'</c/{row.successor}/spec>; rel="successor-version"'}
            raise closed
        return row

    def _is_published(self, collection_id: str) -> bool:
        with self._database.read() as connection:
            row = rows.find_collection(connection, collection_id)
        return row is not None and self._as_of_now(row).state in ("open", "paused")

    def retention(self, period: str | None) -> int:
        """A period in seconds, the service's own for None. Raises InvalidParameters."""
        if period is None:
            return self._settings.retention_days * 86_400
        with _Field("retention"):
            return Window(period).seconds

    def spec(self, proposal: Proposal, collection_id: str, version: int) -> CollectionSpec:
        """The spec that a proposal makes. Raises InvalidParameters."""
        limits = Limits(self._settings.reports_per_batch, self._settings.body_bytes)
        with _Field("window"):
            window = Window(proposal.window)
        if proposal.labels is not None:
            return self._labels_spec(proposal, proposal.labels, collection_id, version, window=window, limits=limits)
        with _Field("items"):
            domain = None if proposal.items is None else Domain(proposal.items)
            if domain is not None:
                domain.digest  # noqa: B018 - refuses text that UTF-8 cannot carry
        mechanism = self._mechanism(proposal, domain)
        with _Field("cohorts" if proposal.cohorts else "question"):
            spec = CollectionSpec(
                collection_id,
                version,
                proposal.question,
                mechanism,
                domain=domain,
                window=window,
                limits=limits,
                cohorts=tuple(proposal.cohorts),
            )
            spec.canonical  # noqa: B018 - refuses text that UTF-8 cannot carry
        return spec

    def _labels_spec(
        self,
        proposal: Proposal,
        wanted: tuple[int, str],
        collection_id: str,
        version: int,
        *,
        window: Window,
        limits: Limits,
    ) -> CollectionSpec:
        with _Field("labels"):
            labels = RowLabels(wanted[0], OneBitOutcome(proposal.epsilon, wanted[1]))
        self._check_size("labels", labels.tally_size, "ask about fewer rows")
        with _Field("question"):
            spec = CollectionSpec.of_labels(
                collection_id, version, proposal.question, labels, window=window, limits=limits
            )
            spec.canonical  # noqa: B018 - refuses text that UTF-8 cannot carry
        return spec

    def _mechanism(self, proposal: Proposal, domain: Domain | None) -> Mechanism:
        size = len(domain) if domain is not None else proposal.domain_size
        if size is None:
            raise InvalidParameters.of("items", "give the items, or domain_size when phones send bare indices")
        parameters = dict(proposal.parameters or {})
        if parameters.get("t", 0) > _LONGEST_T:
            raise InvalidParameters.of("parameters", f"t must be at most {_LONGEST_T}: a message has 32 bits")
        with _Field("parameters"):
            mechanism = create(proposal.mechanism, epsilon=proposal.epsilon, domain_size=size, **parameters)
        self._check_size("parameters", mechanism.tally_size, "choose smaller ones, or none")
        return mechanism

    def _check_size(self, field: str, cells: int, advice: str) -> None:
        limit = self._settings.report_space_limit
        if cells > limit:
            raise InvalidParameters.of(
                field, f"these {field} need {cells:,} counters and this service decodes at most {limit:,}; {advice}"
            )


def revision(row: CollectionRow) -> str:
    """Names the state and the settings of a collection: another one after every change."""
    shown = (row.id, row.name, row.state, row.min_reports, row.opens, row.closes, row.retention, row.successor)
    return hashlib.sha256(repr((*shown, row.version, row.spec_digest)).encode("utf-8", "surrogatepass")).hexdigest()


def check_schedule(opens: int | None, closes: int | None, now: float) -> None:
    """Raises InvalidParameters for a time to close that is past, or not after the time to open: closing is final."""
    if closes is not None and closes <= now:
        raise InvalidParameters.of("closes_at", "this moment is past, and closing is final; choose a later one")
    if closes is not None and opens is not None and closes <= opens:
        raise InvalidParameters.of(
            "closes_at", "a collection closes after it opens; choose a later moment, or an earlier opens_at"
        )


class _Field:
    """Turns what the mathematics refuses into InvalidParameters, naming the field at fault."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, EpsilonError):
            raise InvalidParameters.of("epsilon", str(error)) from error
        if isinstance(error, DomainError) and self._name == "parameters":
            raise InvalidParameters.of("domain_size", str(error)) from error
        if isinstance(error, FanoError | SpecError):
            raise InvalidParameters.of(self._name, str(error)) from error
