"""What a device remembers: its ledger, the messages not yet acknowledged, and the specs it has seen. Never an answer."""

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from client.sdk.ledger import LedgerEntry

__all__ = ["DeviceStore", "KeptSpec", "Ledger", "MemoryStore", "Outgoing"]


@dataclass(frozen=True)
class Outgoing:
    """A batch on its way: the exact bytes that are sent, and sent again, until they are acknowledged.

    batch_key: 32 hex digits, random · body: the request body, which holds the randomized message and no answer.
    """

    batch_key: str
    service: str
    collection: str
    body: bytes


@dataclass(frozen=True)
class KeptSpec:
    """The bytes of a spec that passed every check, with those of its items when they are not inline."""

    digest: str
    body: bytes
    items: bytes | None


class Ledger(Protocol):
    """The ledger inside one transaction."""

    def answered(self, service: str, collection: str, version: int) -> LedgerEntry | None:
        """The entry of this version, if the device answered it."""
        ...

    def spent(self) -> Fraction:
        """The sum of all epsilons, over all services."""
        ...

    def record(self, entry: LedgerEntry, outgoing: Outgoing) -> None:
        """Enter the answer and put its message into the outbox: both or neither."""
        ...


class DeviceStore(Protocol):
    """Durable memory of one device. Methods raise StoreError when it fails."""

    def transaction(self) -> AbstractContextManager[Ledger]:
        """The ledger, alone: committed to disk at the end, undone when the block raises."""
        ...

    def pending(self, service: str) -> list[Outgoing]:
        """The batches for a service that are not acknowledged yet, oldest first."""
        ...

    def forget(self, batch_key: str) -> None:
        """Remove a batch from the outbox."""
        ...

    def kept_spec(self, service: str, collection: str) -> KeptSpec | None:
        """The spec last seen."""
        ...

    def keep_spec(self, service: str, collection: str, spec: KeptSpec) -> None:
        """Remember a spec in place of the one before."""
        ...


class MemoryStore:
    """A device that forgets everything when the process ends: for simulated phones, not for real ones.

    specs: a dictionary to share between simulated phones, as a network cache would.
    """

    def __init__(self, specs: dict[tuple[str, str], KeptSpec] | None = None) -> None:
        self._entries: dict[tuple[str, str, int], LedgerEntry] = {}
        self._outbox: dict[str, Outgoing] = {}
        self._specs = specs if specs is not None else {}
        self._lock = threading.RLock()

    @contextmanager
    def transaction(self) -> Iterator[Ledger]:
        """The ledger, alone. `record` is one step, so there is nothing to undo."""
        with self._lock:
            yield self

    def answered(self, service: str, collection: str, version: int) -> LedgerEntry | None:
        """The entry of this version, if the device answered it."""
        return self._entries.get((service, collection, version))

    def spent(self) -> Fraction:
        """The sum of all epsilons."""
        return sum((entry.epsilon for entry in self._entries.values()), Fraction(0))

    def record(self, entry: LedgerEntry, outgoing: Outgoing) -> None:
        """Enter the answer and put its message into the outbox."""
        self._entries[entry.service, entry.collection, entry.version] = entry
        self._outbox[outgoing.batch_key] = outgoing

    def pending(self, service: str) -> list[Outgoing]:
        """The batches for a service that are not acknowledged yet, oldest first."""
        with self._lock:
            return [outgoing for outgoing in self._outbox.values() if outgoing.service == service]

    def forget(self, batch_key: str) -> None:
        """Remove a batch from the outbox."""
        with self._lock:
            self._outbox.pop(batch_key, None)

    def kept_spec(self, service: str, collection: str) -> KeptSpec | None:
        """The spec last seen."""
        return self._specs.get((service, collection))

    def keep_spec(self, service: str, collection: str, spec: KeptSpec) -> None:
        """Remember a spec."""
        self._specs[service, collection] = spec
