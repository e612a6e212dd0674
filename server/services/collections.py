"""Collections: made as drafts with a frozen spec, then opened, paused and closed.

draft -> open <-> paused;  open | paused -> closed
"""

import secrets
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ldp_core.errors import DomainError, EpsilonError, FanoError, SpecError
from ldp_core.mechanisms import Mechanism, create
from ldp_core.wire import CollectionSpec, Domain, Limits, Window
from server.refusals import CollectionClosed, IllegalTransition, InvalidParameters, UnknownCollection
from server.services.tokens import Scope, new_token, token_sha256
from server.settings import Settings
from server.storage import collections as rows
from server.storage import tokens as token_rows
from server.storage.collections import CollectionRow
from server.storage.database import Database

__all__ = ["TRANSITIONS", "Collections", "Proposal"]

TRANSITIONS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "open": (("draft", "paused"), "open"),
    "pause": (("open",), "paused"),
    "close": (("open", "paused"), "closed"),
}
"""Verb: the states it starts from, and the one it leads to."""

_ID_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH = 12  # 71 random bits
_LONGEST_T = 32  # a message is an integer of 32 bits, so no geometry of more coordinates can be used


@dataclass(frozen=True)
class Proposal:
    """What an administrator asks for. Either `items` or `domain_size`; epsilon is exact text."""

    name: str
    question: str
    epsilon: str
    items: Sequence[str] | None = None
    domain_size: int | None = None
    mechanism: str = "projective_geometry"
    parameters: Mapping[str, int] | None = None
    window: str = "P1D"
    min_reports: int = 0
    cohorts: Sequence[str] = ()


class Collections:
    """All collections of this service."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def create(self, proposal: Proposal) -> tuple[CollectionRow, str]:
        """Store a draft. Returns it with its write key, which cannot be read again. Raises InvalidParameters."""
        spec = self._spec(proposal)
        domain, write_key = spec.domain, new_token(Scope.INGEST)
        new = rows.NewCollection(
            id=spec.collection,
            name=proposal.name,
            question=proposal.question,
            min_reports=proposal.min_reports,
            spec=spec.canonical,
            spec_digest=spec.digest,
            items=None if domain is None else domain.canonical,
            items_digest=None if domain is None else domain.digest,
        )
        with self._database.write() as connection:
            number = rows.insert_collection(connection, new)
            token_rows.add_token(
                connection,
                name=f"write key of {new.id}",
                scope=Scope.INGEST,
                sha256=token_sha256(write_key),
                collection=number,
            )
        return self.get(new.id), write_key

    def get(self, collection_id: str) -> CollectionRow:
        """One collection. Raises UnknownCollection."""
        with self._database.read() as connection:
            row = rows.find_collection(connection, collection_id)
        if row is None:
            raise unknown_collection()
        return row

    def get_counted(self, collection_id: str) -> tuple[CollectionRow, int]:
        """One collection with its number of reports."""
        row = self.get(collection_id)
        with self._database.read() as connection:
            return row, rows.count_reports(connection, [row.version_number])[row.version_number]

    def list_counted(self) -> list[tuple[CollectionRow, int]]:
        """All collections, each with its number of reports."""
        with self._database.read() as connection:
            found = rows.list_collections(connection)
            counted = rows.count_reports(connection, [row.version_number for row in found])
        return [(row, counted[row.version_number]) for row in found]

    def published(self, collection_id: str) -> CollectionRow:
        """A collection as devices may see it: a draft is unknown, a closed one is gone."""
        row = self.get(collection_id)
        if row.state == "draft":
            raise unknown_collection()
        if row.state == "closed":
            raise CollectionClosed("this collection is closed; stop reporting to it", state=row.state)
        return row

    def move(self, collection_id: str, verb: str) -> str:
        """Open, pause or close. Returns the new state. Raises IllegalTransition with the present one."""
        sources, target = TRANSITIONS[verb]
        with self._database.write() as connection:
            moved = rows.move_collection(connection, collection_id, sources=sources, target=target)
        if moved:
            return target
        state = self.get(collection_id).state
        raise IllegalTransition(
            f"a collection that is {state} cannot {verb}; only one that is {' or '.join(sources)} can", state=state
        )

    def _spec(self, proposal: Proposal) -> CollectionSpec:
        collection_id = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
        limits = Limits(self._settings.reports_per_batch, self._settings.body_bytes)
        with _Field("window"):
            window = Window(proposal.window)
        with _Field("items"):
            domain = None if proposal.items is None else Domain(proposal.items)
            if domain is not None:
                domain.digest  # noqa: B018 - refuses text that UTF-8 cannot carry
        mechanism = self._mechanism(proposal, domain)
        with _Field("cohorts" if proposal.cohorts else "question"):
            spec = CollectionSpec(
                collection_id,
                1,
                proposal.question,
                mechanism,
                domain=domain,
                window=window,
                limits=limits,
                cohorts=tuple(proposal.cohorts),
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
        limit = self._settings.report_space_limit
        if mechanism.tally_size > limit:
            raise InvalidParameters.of(
                "parameters",
                f"these parameters need {mechanism.tally_size:,} counters and this service decodes at most {limit:,}; "
                "choose smaller ones, or none",
            )
        return mechanism


def unknown_collection() -> UnknownCollection:
    """The same refusal whether it never existed or may not be seen."""
    return UnknownCollection("no such collection here; check its id")


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
