"""A fleet of simulated phones that answer once, over HTTP, to a real service."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

import httpx
import numpy as np

from client.sdk.retrying import RetryPolicy
from client.sdk.spec_source import SpecSource
from client.sdk.store import MemoryStore
from client.sdk.transport import Transport, checked_url, open_http
from client.simulation.faults import Faults, FaultyNetwork
from client.simulation.people import People
from client.simulation.sending import BatchSender, OneByOneSender, Sender, Sent
from ldp_core.errors import ParameterError
from ldp_core.types import IntArray
from ldp_core.wire import CollectionSpec

__all__ = ["Fleet", "FleetResult"]

_FLEET_RETRY = RetryPolicy(attempts=8, base_seconds=0.05, cap_seconds=2.0, patience_seconds=10.0)


@dataclass(frozen=True, eq=False)
class FleetResult:
    """What became of the phones.

    accepted + failed = phones · replayed: acknowledged only when asked again · retried: further tries, in requests ·
    duplicates: uploads that the network doubled, counted_twice: of them those that the service did not recognise ·
    true_counts: (k,) how many acknowledged phones hold each item, or belong to each row · problems: the distinct reasons of failures.
    """

    phones: int
    accepted: int
    replayed: int
    failed: int
    retried: int
    duplicates: int
    counted_twice: int
    seconds: float
    true_counts: IntArray
    problems: tuple[str, ...] = ()


@dataclass
class _Course:
    """The run so far. `stop` is shared with the threads, the rest belongs to the main one."""

    true_counts: IntArray
    accepted: int = 0
    replayed: int = 0
    groups: int = 0
    problems: dict[str, None] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def add(self, sent: Sent) -> None:
        self.groups += 1
        if sent.problem:
            self.problems[sent.problem] = None
            self.stop.set()
            return
        self.accepted += len(sent.values)
        self.replayed += len(sent.values) * sent.replayed
        np.add.at(self.true_counts, sent.values, 1)


class _UploadCounter:
    """Counts the uploads that leave a pool of connections, further tries included."""

    def __init__(self, http: httpx.Client) -> None:
        self.count = 0
        self._lock = threading.Lock()
        http.event_hooks["request"].append(self._see)

    def _see(self, request: httpx.Request) -> None:
        if request.method == "POST":
            with self._lock:
                self.count += 1


@dataclass(frozen=True, eq=False)
class Fleet:
    """Simulated phones.

    url, write_key: of the service and the collection · population: who is asked, by answer or by row · phones: how many ·
    seed: of answers, messages and faults; drawn anew when None. Batch keys never come from it, so two runs are two
    fleets · one_by_one: every phone is a `client.sdk.Client` of its own, with the system's generator ·
    batch_size: reports in one upload otherwise · as_json: uploads in JSON instead of packed bytes · cohort: of all phones, if the collection declares
    cohorts · connections: uploads at the same time · faults: of the network.
    """

    url: str
    write_key: str
    population: People
    phones: int
    seed: int | None = None
    one_by_one: bool = False
    batch_size: int = 1_000
    connections: int = 4
    as_json: bool = False
    cohort: str | None = None
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        checked_url(self.url)
        if self.phones < 1 or self.batch_size < 1 or self.connections < 1:
            raise ParameterError(
                f"phones, batch_size and connections must be at least 1, got {self.phones}, {self.batch_size} and {self.connections}"
            )

    def run(self, collection: str, *, progress: Callable[[int], object] | None = None) -> FleetResult:
        """Let every phone answer the collection once. progress: is told how many phones are done.

        Stops at the first upload that fails for good. Raises SpecRefused, ServiceRefusal or ServiceUnavailable when there is no spec
        to answer, DomainError when the population does not fit. KeyboardInterrupt stops all uploads, then leaves.
        """
        rng = np.random.default_rng(self.seed)
        with self._network(rng) as (http, network):
            spec = SpecSource(Transport(self.url, http=http, retry=_FLEET_RETRY), MemoryStore()).fetch(collection)
            people = self.population.fitting(spec)
            values = people.sample(self.phones, rng)
            course = _Course(np.zeros(len(people), dtype=np.int64))
            uploads = _UploadCounter(http)
            sender = self._sender(people, spec, http, course)
            begin = time.perf_counter()
            self._send_all(sender, self._groups(people, spec, values, rng), course, progress)
            if network is not None:
                network.deliver_late()
            return self._result(course, uploads, network, time.perf_counter() - begin)

    @contextmanager
    def _network(self, rng: np.random.Generator) -> Iterator[tuple[httpx.Client, FaultyNetwork | None]]:
        """The shared connections, with the bad network between where faults are wanted."""
        network = None
        if self.faults.any:
            inner = httpx.HTTPTransport(limits=httpx.Limits(max_connections=self.connections))
            network = FaultyNetwork(self.faults, np.random.default_rng(rng.integers(1 << 62)), inner)
        with open_http(self.url, connections=self.connections, timeout_seconds=60, wire=network) as http:
            yield http, network

    def _sender(self, people: People, spec: CollectionSpec, http: httpx.Client, course: _Course) -> Sender:
        if self.one_by_one:
            return OneByOneSender(self.url, self.write_key, people, spec, http, _FLEET_RETRY, self.cohort)
        transport = Transport(self.url, http=http, retry=_FLEET_RETRY, sleep=course.stop.wait)
        return BatchSender(transport, self.write_key, spec, packed=not self.as_json, cohort=self.cohort)

    def _groups(
        self, people: People, spec: CollectionSpec, values: IntArray, rng: np.random.Generator
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Answers with their messages, a batch at a time; one phone at a time when one_by_one, which draws its own."""
        size = 1 if self.one_by_one else min(self.batch_size, spec.limits.reports_per_batch)
        messages = values if self.one_by_one else people.messages(spec, values, rng)
        starts = np.arange(0, len(values), size)
        if self.faults.reordered:
            starts = rng.permutation(starts)
        for start in starts:
            yield values[start : start + size], messages[start : start + size]

    def _send_all(
        self,
        sender: Sender,
        groups: Iterator[tuple[IntArray, IntArray]],
        course: _Course,
        progress: Callable[[int], object] | None,
    ) -> None:
        """Keep `connections` uploads going until the groups end or an upload fails for good."""
        pool = ThreadPoolExecutor(self.connections, thread_name_prefix="phone")
        under_way: set[Future[Sent]] = set()
        try:
            while not course.stop.is_set():
                free = 2 * self.connections - len(under_way)
                under_way |= {pool.submit(sender.send, values, messages) for values, messages in islice(groups, free)}
                if not under_way:
                    break
                self._collect(under_way, course, progress)
        finally:
            course.stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
        for future in under_way:
            if not future.cancelled():
                course.add(future.result())

    @staticmethod
    def _collect(under_way: set[Future[Sent]], course: _Course, progress: Callable[[int], object] | None) -> None:
        done, _ = wait(under_way, return_when=FIRST_COMPLETED)
        under_way -= done
        for future in done:
            course.add(future.result())
        if progress is not None:
            progress(course.accepted)

    def _result(
        self, course: _Course, uploads: _UploadCounter, network: FaultyNetwork | None, seconds: float
    ) -> FleetResult:
        return FleetResult(
            phones=self.phones,
            accepted=course.accepted,
            replayed=course.replayed,
            failed=self.phones - course.accepted,
            retried=uploads.count - course.groups,
            duplicates=network.duplicated if network else 0,
            counted_twice=network.duplicates_not_replayed if network else 0,
            seconds=seconds,
            true_counts=course.true_counts,
            problems=tuple(course.problems),
        )
