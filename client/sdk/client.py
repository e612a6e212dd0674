"""The device's client: ask for the spec, check it, randomize, remember, send."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from client.sdk.errors import SpecRefused
from client.sdk.ledger import Budget, LedgerEntry
from client.sdk.outbox import FlushResult, Outbox, Outcome
from client.sdk.reporter import Answer, RowAnswer, batch_of, cohort_index
from client.sdk.retrying import RetryPolicy
from client.sdk.spec_source import SpecSource
from client.sdk.sqlite_store import SqliteStore
from client.sdk.store import DeviceStore, Ledger, MemoryStore, Outgoing
from client.sdk.transport import Transport
from ldp_core.privacy import EpsilonLike, parse_epsilon
from ldp_core.wire import CollectionSpec

if TYPE_CHECKING:
    import httpx

__all__ = ["Client", "Receipt"]


@dataclass(frozen=True)
class Receipt:
    """What became of one report. It never says what was answered.

    epsilon: what the report cost, exactly · explanation: why it is not acknowledged, empty when it is.
    """

    collection: str
    version: int
    spec_digest: str
    epsilon: Fraction
    outcome: Outcome
    replayed: bool = False
    explanation: str = ""


class Client:
    """One device at one service.

    url: of the service · write_key: the collection's write key, or one for each collection id ·
    max_epsilon: the most that one report may cost, lifetime_epsilon: the most that all together may, exactly ·
    store: the file of this device's memory. None keeps it in the process: right for a simulated phone, wrong for
    a real one, which would answer again after a restart.

        with Client("https://fano.example.org", write_key=key, max_epsilon="2", lifetime_epsilon="10", store=path) as client:
            client.flush()
            client.report("favourite-emoji", "🙂")

    Raises SettingsError, StoreError or EpsilonError when it cannot work as told. It may be shared by threads.
    """

    def __init__(
        self,
        url: str,
        *,
        write_key: str | Mapping[str, str],
        max_epsilon: EpsilonLike,
        lifetime_epsilon: EpsilonLike,
        store: Path | str | DeviceStore | None,
        retry: RetryPolicy | None = None,
        http: "httpx.Client | None" = None,
    ) -> None:
        self._transport = Transport(url, http=http, retry=retry)
        self._budget = Budget(parse_epsilon(max_epsilon), parse_epsilon(lifetime_epsilon))
        self._store = _opened(store)
        self._specs = SpecSource(self._transport, self._store)
        self._outbox = Outbox(self._store, self._transport, write_key)

    def __repr__(self) -> str:
        return f"<Client of {self._transport.url}>"

    def report(
        self, collection: str, answer: str | int, *, cohort: str | None = None, spec_digest: str | None = None
    ) -> Receipt:
        """Answer a collection once: randomize, store the message durably, send it.

        answer: one of the items, or an index where the collection has none · cohort: one of those that the spec declares, if it declares any; it is
        sent as it is · spec_digest: pins the version that may ask.
        A version that was answered before is not answered again: no new message is drawn. When the service
        cannot be reached the message waits for `flush`. Raises a DeviceRefusal, or a ServiceError when no spec can be had.
        """
        return self._report(collection, Answer(answer), cohort, spec_digest)

    def report_label(self, collection: str, row: int, label: float, *, spec_digest: str | None = None) -> Receipt:
        """Report the label of one row that the service knows, once: a number that is clipped to the collection's bound and sent as one private bit.

        row: 0..rows-1, sent as it is, so that only the label is private · spec_digest: pins the version that may ask. Otherwise as `report`.
        """
        return self._report(collection, RowAnswer(row, label), None, spec_digest)

    def _report(
        self, collection: str, answer: Answer | RowAnswer, cohort: str | None, spec_digest: str | None
    ) -> Receipt:
        spec = self._specs.fetch(collection, pinned=spec_digest)
        self._budget.check_collection(spec.epsilon)
        self._outbox.write_key(collection)
        place = cohort_index(spec, cohort)
        entry = LedgerEntry(self._transport.url, collection, spec.version, spec.digest, spec.epsilon)
        with self._store.transaction() as ledger:
            outgoing = self._answer_once(ledger, spec, entry, answer, place)
        del answer
        if outgoing is None:
            return Receipt(collection, spec.version, spec.digest, spec.epsilon, Outcome.ALREADY_ANSWERED)
        sent = self._outbox.send(outgoing)
        return Receipt(
            collection, spec.version, spec.digest, spec.epsilon, sent.outcome, sent.replayed, sent.explanation
        )

    def _answer_once(
        self, ledger: Ledger, spec: CollectionSpec, entry: LedgerEntry, answer: Answer | RowAnswer, cohort: int | None
    ) -> Outgoing | None:
        """Draw and record, unless this version was answered before; then None."""
        earlier = ledger.answered(entry.service, entry.collection, entry.version)
        if earlier is not None:
            if earlier.spec_digest != entry.spec_digest:
                raise SpecRefused(
                    f"version {entry.version} of collection {entry.collection} was another spec when this device answered it; "
                    "a version never changes, so this one is refused"
                )
            return None
        self._budget.check_lifetime(entry.epsilon, ledger.spent())
        outgoing = batch_of(spec, entry, answer.message(spec), cohort)
        ledger.record(entry, outgoing)
        return outgoing

    def flush(self) -> FlushResult:
        """Send every message that waits; those not acknowledged keep waiting. Call it when the app starts."""
        return self._outbox.flush()

    @property
    def spent_epsilon(self) -> Fraction:
        """What this device has given away so far, over all collections."""
        with self._store.transaction() as ledger:
            return ledger.spent()

    @property
    def remaining_epsilon(self) -> Fraction:
        """What the lifetime budget still holds."""
        return self._budget.lifetime_epsilon - self.spent_epsilon

    def close(self) -> None:
        """Close the connections. Waiting messages stay in the store."""
        self._transport.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _opened(store: Path | str | DeviceStore | None) -> DeviceStore:
    if store is None:
        return MemoryStore()
    if isinstance(store, str | Path):
        return SqliteStore(Path(store))
    return store
