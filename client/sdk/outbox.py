"""Messages that wait until the service has acknowledged them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from client.sdk.errors import ServiceRefusal, ServiceUnavailable, SettingsError
from client.sdk.store import DeviceStore, Outgoing
from client.sdk.transport import Transport, checked_secret
from client.sdk.upload import upload

__all__ = ["Delivery", "FlushResult", "Outbox", "Outcome"]

_FINAL = frozenset({410, 422})
"""Refusals that are about the message itself: the collection is closed, or never takes it. Others (a wrong key, a wrong
address) can be put right, so the message stays."""


class Outcome(Enum):
    """What became of a report."""

    ACKNOWLEDGED = "acknowledged"
    PENDING = "pending"
    REFUSED = "refused"
    ALREADY_ANSWERED = "already answered"


@dataclass(frozen=True)
class Delivery:
    """What became of one batch. explanation: why it was not acknowledged."""

    outcome: Outcome
    replayed: bool = False
    explanation: str = ""
    reached: bool = True


@dataclass(frozen=True)
class FlushResult:
    """How many batches were acknowledged, still wait, and were refused for good; with the distinct reasons."""

    acknowledged: int
    pending: int
    refused: int
    explanations: tuple[str, ...] = ()


class Outbox:
    """The waiting messages of one device for one service.

    write_keys: of each collection, or one key for whatever is asked.
    """

    def __init__(self, store: DeviceStore, transport: Transport, write_keys: str | Mapping[str, str]) -> None:
        self._store = store
        self._transport = transport
        self._write_keys = write_keys

    def write_key(self, collection: str) -> str:
        """The key of a collection. Raises SettingsError when none was given, or something that cannot be one."""
        key = self._write_keys if isinstance(self._write_keys, str) else self._write_keys.get(collection)
        if not key:
            raise SettingsError(f"no write key for collection {collection}; pass it to Client as write_key")
        return checked_secret(key)

    def send(self, outgoing: Outgoing) -> Delivery:
        """Send one stored batch; forget it when it is acknowledged or refused for good."""
        try:
            done = upload(
                self._transport, outgoing.collection, self.write_key(outgoing.collection), outgoing.body, reports=1
            )
        except ServiceUnavailable as error:
            return Delivery(Outcome.PENDING, explanation=str(error), reached=error.reached)
        except SettingsError as error:
            return Delivery(Outcome.PENDING, explanation=str(error))
        except ServiceRefusal as error:
            if error.problem.status not in _FINAL:
                return Delivery(Outcome.PENDING, explanation=str(error))
            self._store.forget(outgoing.batch_key)
            return Delivery(Outcome.REFUSED, explanation=str(error))
        self._store.forget(outgoing.batch_key)
        return Delivery(Outcome.ACKNOWLEDGED, replayed=done.replayed)

    def flush(self) -> FlushResult:
        """Send everything that waits, oldest first; stop at the first sign that the service is out of reach."""
        waiting = self._store.pending(self._transport.url)
        deliveries = []
        for outgoing in waiting:
            deliveries.append(self.send(outgoing))
            if not deliveries[-1].reached:
                break
        outcomes = [delivery.outcome for delivery in deliveries]
        acknowledged, refused = outcomes.count(Outcome.ACKNOWLEDGED), outcomes.count(Outcome.REFUSED)
        return FlushResult(
            acknowledged=acknowledged,
            pending=len(waiting) - acknowledged - refused,
            refused=refused,
            explanations=tuple(dict.fromkeys(d.explanation for d in deliveries if d.explanation)),
        )
