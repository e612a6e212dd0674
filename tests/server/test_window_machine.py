"""The rule of windows against a model of it, whatever the clock and the purge do, and in whatever order."""

import secrets
from collections import Counter
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from server.clock import FakeClock
from tests.server.assertions import assert_problem
from tests.server.machines import ServiceMachine, run_on_postgresql, run_on_sqlite
from tests.server.timed import ENCODINGS, HOUR, START, Batch, Timed, counted
from tests.services.collection import create
from tests.services.in_process import ADMIN
from tests.services.postgresql import PostgresqlCluster

pytestmark = pytest.mark.thorough

SIZE = 150
HORIZON = 2 * HOUR
MACHINE_GRACE = 1_200


@dataclass
class Version:
    number: int
    digest: str
    seconds: int


@dataclass
class Sent:
    batch: Batch
    version: Version
    known: bool | None = False  # None: a purge that was stopped may have forgotten its key, or not


class Machine(ServiceMachine):
    """Each batch holds a message of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(START)
        self.start()
        self.sent: list[Sent] = []
        self.versions: list[Version] = []
        self.counted: dict[tuple[int, int], Counter[int]] = {}
        self.mark, self.retention_seconds = 0, 6 * HOUR
        self.numbers = count()

    def start(self) -> None:
        self.timed = Timed(self.url, self.folder, horizon=HORIZON, clock=self.clock, window_grace_seconds=MACHINE_GRACE)

    def teardown(self) -> None:
        self.timed.close()

    @initialize()
    def begin(self) -> None:
        self.collection = create(self.timed.service.post, items=None, domain_size=SIZE, window="PT1H", retention="PT6H")
        self.note_version(HOUR)

    def note_version(self, seconds: int) -> None:
        row = self.timed.services.collections.get(self.collection.id)
        self.versions.append(Version(row.version_number, row.spec_digest, seconds))

    @precondition(lambda self: len(self.versions) < 3)
    @rule(window=st.sampled_from([("PT1H", HOUR), ("PT3H", 3 * HOUR)]))
    def add_version(self, window: tuple[str, int]) -> None:
        path = f"/v1/collections/{self.collection.id}/versions"
        assert self.timed.service.post(path, json={"window": window[0]}, headers=ADMIN).status_code == 201
        self.note_version(window[1])

    @rule(hours=st.integers(1, 6))
    def shorten(self, hours: int) -> None:
        if hours * HOUR <= self.retention_seconds:
            path = f"/v1/collections/{self.collection.id}"
            answer = self.timed.service.request("PATCH", path, json={"retention": f"PT{hours}H"}, headers=ADMIN)
            assert answer.status_code == 200
            self.retention_seconds = hours * HOUR

    @rule(
        seconds=st.sampled_from([-9 * HOUR, -HOUR, -1, 1, MACHINE_GRACE - 1, MACHINE_GRACE, HOUR, 5 * HOUR, 9 * HOUR])
    )
    def turn(self, seconds: int) -> None:
        self.clock.turn(seconds)

    @precondition(lambda self: len(self.sent) < SIZE)
    @rule(version=st.integers(0, 2), age=st.none() | st.integers(-2, 14), encoding=st.sampled_from(ENCODINGS))
    def report(self, version: int, age: int | None, encoding: str) -> None:
        chosen = self.versions[-1 - version % len(self.versions)] if version < 2 else self.versions[-1]
        window = None if age is None else int(self.clock.now()) // chosen.seconds - age
        batch = Batch(chosen.digest, next(self.numbers), window, secrets.token_bytes(16))
        self.sent.append(Sent(batch, chosen))
        self.send(self.sent[-1], encoding)

    @precondition(lambda self: self.sent)
    @rule(which=st.integers(0, SIZE), encoding=st.sampled_from(ENCODINGS))
    def send_again(self, which: int, encoding: str) -> None:
        self.send(self.sent[which % len(self.sent)], encoding)

    def send(self, sent: Sent, encoding: str) -> None:
        version, window, now = sent.version, sent.batch.window, self.clock.now()
        closed = window is not None and (window + 1) * version.seconds <= max(self.mark, now - self.retention_seconds)
        answer = sent.batch.send(self.timed.service, self.collection, encoding)
        if sent.known or (sent.known is None and answer.status_code == 200):
            assert answer.json() == {"accepted": 1, "replayed": True, "rejected": []}
        elif closed:
            assert_problem(answer, 422, "window-closed", window=window)
        elif version is not self.versions[-1]:
            assert_problem(answer, 422, "spec-mismatch", spec_digest=self.versions[-1].digest)
        else:
            assert answer.json() == {"accepted": 1, "replayed": False, "rejected": []}
            assert sent.known is False
            sent.known = True
            arrival = int(now // version.seconds)
            into = now - arrival * version.seconds
            place = arrival - 1 if window == arrival - 1 and into < MACHINE_GRACE else arrival
            self.counted.setdefault((version.number, place), Counter())[sent.batch.message] += 1

    @rule(looks=st.integers(0, 4))
    def purge(self, looks: int) -> None:
        """looks: transactions until it is told to stop; 0: it is not."""
        left = iter(range(looks))
        self.timed.retention._stopping = (lambda: next(left, None) is None) if looks else (lambda: False)
        self.timed.retention.purge()
        until = self.clock.now() - self.retention_seconds - HORIZON
        wanted = max(int(until // version.seconds) * version.seconds for version in self.versions)
        self.mark = max(self.mark, wanted)
        for sent in self.sent:
            window = sent.batch.window
            end = None if window is None else (window + 1) * sent.version.seconds
            if end is not None and end <= wanted and not looks:
                sent.known = False
            elif end is not None and end <= self.mark and sent.known:
                sent.known = None

    @rule()
    def fold(self) -> None:
        self.timed.services.folder.fold_all()

    @rule()
    def restart(self) -> None:
        self.timed.close()
        self.start()

    @invariant()
    def every_batch_counts_once_where_the_rule_says(self) -> None:
        cells = int(self.collection.created["report_space"])
        assert counted(self.timed.services.database, cells) == self.counted


def test_the_service_keeps_the_rule(sqlite_template: Path) -> None:
    run_on_sqlite(Machine, sqlite_template, examples=12, steps=25)


@pytest.mark.slow
def test_the_service_keeps_the_rule_at_length(sqlite_template: Path) -> None:
    run_on_sqlite(Machine, sqlite_template, examples=800, steps=60)


@pytest.mark.slow
@pytest.mark.postgres
def test_the_service_on_postgresql_keeps_the_rule(postgresql: PostgresqlCluster, tmp_path: Path) -> None:
    run_on_postgresql(Machine, postgresql, tmp_path, examples=60, steps=40)
