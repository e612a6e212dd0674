"""How simulated phones send: many in one upload, or each as a device of its own."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import httpx
import numpy as np

from client.sdk.client import Client
from client.sdk.errors import ServiceError, ServiceRefusal
from client.sdk.outbox import Outcome
from client.sdk.reporter import cohort_index
from client.sdk.retrying import RetryPolicy
from client.sdk.store import KeptSpec, MemoryStore
from client.sdk.transport import Transport, checked_secret
from client.sdk.upload import Acknowledgement, batch_body, current_window, upload
from client.simulation.people import People
from ldp_core.types import IntArray
from ldp_core.wire import PACKED_MEDIA_TYPE, CollectionSpec, ReportBatch

__all__ = ["BatchSender", "OneByOneSender", "Sender", "Sent"]


@dataclass(frozen=True, eq=False)
class Sent:
    """What became of some phones. values: their true answers · problem: why they failed, empty when they did not."""

    values: IntArray
    replayed: bool = False
    problem: str = ""


class Sender(Protocol):
    """Sends the reports of some phones. Threads share it."""

    def send(self, values: IntArray, messages: IntArray) -> Sent:
        """values: true answers, for the record · messages: what the phones send.  (m,), (m,)"""
        ...


class BatchSender:
    """Many phones in one upload under one random batch key, as a relay would send them.

    packed: as packed bytes; JSON when the service does not read those · cohort: of all, if the spec declares any · clock: seconds since 1970.
    """

    def __init__(
        self,
        transport: Transport,
        write_key: str,
        spec: CollectionSpec,
        *,
        packed: bool = True,
        cohort: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._transport, self._write_key, self._spec = transport, checked_secret(write_key), spec
        self._packed, self._clock = packed, clock
        self._cohort = cohort_index(spec, cohort)

    def send(self, values: IntArray, messages: IntArray) -> Sent:
        """One upload, tried again with the same bytes until it is acknowledged."""
        try:
            done = self._send_packed(messages) if self._packed else self._send_json(messages)
        except ServiceError as error:
            return Sent(values, problem=str(error))
        return Sent(values, replayed=done.replayed)

    def _send_json(self, messages: IntArray) -> Acknowledgement:
        body = batch_body(
            self._spec.digest, os.urandom(16).hex(), messages.tolist(), self._window(), cohort=self._cohort
        )
        return self._upload(body, messages, "application/json")

    def _send_packed(self, messages: IntArray) -> Acknowledgement:
        window = self._window()
        if window is None:  # packed batches always state one
            return self._send_json(messages)
        prefix = bytes.fromhex(self._spec.digest[:16])
        batch = ReportBatch(prefix, window, os.urandom(16), messages.astype(np.uint32), self._cohort)
        try:
            return self._upload(batch.pack(), messages, PACKED_MEDIA_TYPE)
        except ServiceRefusal as refusal:
            if refusal.problem.slug != "unsupported-media-type":
                raise
        self._packed = False
        return self._send_json(messages)

    def _window(self) -> int | None:
        return current_window(self._spec, self._clock())

    def _upload(self, body: bytes, messages: IntArray, media_type: str) -> Acknowledgement:
        collection = self._spec.collection
        return upload(self._transport, collection, self._write_key, body, reports=len(messages), media_type=media_type)


class OneByOneSender:
    """Every phone is a real SDK client with a memory of its own: it fetches, checks, randomizes and sends by itself.

    Only the connections and the downloaded spec are shared, as phones share a network cache.
    """

    def __init__(
        self,
        url: str,
        write_key: str,
        people: People,
        spec: CollectionSpec,
        http: httpx.Client,
        retry: RetryPolicy,
        cohort: str | None = None,
    ) -> None:
        self._cohort, self._people = cohort, people
        self._url, self._write_key, self._spec, self._http, self._retry = url, write_key, spec, http, retry
        self._specs: dict[tuple[str, str], KeptSpec] = {}

    def send(self, values: IntArray, messages: IntArray) -> Sent:  # noqa: ARG002 - a real phone draws its own message
        """Let one phone report its answer.  (1,)"""
        phone = Client(
            self._url,
            write_key=self._write_key,
            max_epsilon=self._spec.epsilon,
            lifetime_epsilon=self._spec.epsilon,
            store=MemoryStore(self._specs),
            retry=self._retry,
            http=self._http,
        )
        try:
            receipt = self._people.report(phone, self._spec, int(values[0]), self._cohort)
        except ServiceError as error:
            return Sent(values, problem=str(error))
        if receipt.outcome is Outcome.ACKNOWLEDGED:
            return Sent(values, replayed=receipt.replayed)
        return Sent(values, problem=receipt.explanation)
