"""The service against a model of it, in any order of what administrators, phones, time and the background work may do.

Each batch holds one message that no other batch holds, so a message that is stored twice proves a double count, and one that
is missing although it was acknowledged proves a loss.
"""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from sqlalchemy import select

from server.api.moments import instant
from server.clock import FakeClock
from server.services.retention import Retention
from server.storage.tables import collections, segments, versions
from tests.server.assertions import assert_problem
from tests.server.machines import ServiceMachine, run_on_postgresql, run_on_sqlite
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess
from tests.services.in_process import settings as service_settings
from tests.services.postgresql import PostgresqlCluster

pytestmark = pytest.mark.thorough

HOUR, DAY = 3_600, 86_400
START = 20_000 * DAY
HORIZON = 1 * DAY
SIZE = 120  # messages that a phone may send, and so batches in one run


@dataclass
class Version:
    digest: str
    seconds: int
    counted: set[int] = field(default_factory=set)
    window_of_key: dict[int, int | None] = field(default_factory=dict)  # message: named window, while the key is known


@dataclass
class Model:
    made: TestCollection
    state: str
    opens: int | None
    closes: int | None
    retention: int
    versions: list[Version]
    mark: int = 0
    deleted: bool = False

    def now(self, moment: float) -> str:
        if self.state == "draft" and self.opens is not None and moment >= self.opens:
            self.state = "open"
        if self.state in ("open", "paused") and self.closes is not None and moment >= self.closes:
            self.state = "closed"
        return self.state


@dataclass(frozen=True)
class Batch:
    collection: int
    version: int
    message: int
    body: dict[str, Any]


class Machine(ServiceMachine):
    """Administrators, phones, time and the background work, as rules."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock(START)
        self.models: list[Model] = []
        self.batches: list[Batch] = []
        self.numbers = count()
        # nobody asks for a job here, and the threads that would run one are a third of what a start costs
        self.chosen = service_settings(self.url, data_dir=self.folder, retry_horizon_days=HORIZON // DAY, job_workers=0)
        self.start()

    def start(self) -> None:
        self.service = InProcess(self.chosen, self.clock)
        services = self.service.app.state.services
        services.housekeeping.close()  # before it could begin: its rounds are a rule here
        self.service.__enter__()
        self.retention = Retention(services.database, self.clock, retry_horizon=HORIZON, rows=2)

    def teardown(self) -> None:
        self.service.__exit__()

    # administrators

    @initialize()
    def begin(self) -> None:
        self.create(retention=2, opens=None, opened=True)

    @precondition(lambda self: len(self.models) < 4)
    @rule(retention=st.integers(1, 3), opens=st.none() | st.integers(-1, 20), opened=st.booleans())
    def create(self, retention: int, opens: int | None, opened: bool) -> None:
        opens_at = None if opens is None else int(self.clock.now()) + opens * HOUR
        made = create(
            self.service.post, opened=False, items=None, domain_size=SIZE, window="PT1H",
            retention=f"P{retention}D", opens_at=_moment(opens_at),
        )  # fmt: skip
        first = Version(made.created["spec_digest"], HOUR)
        self.models.append(Model(made, "draft", opens_at, None, retention * DAY, [first]))
        if opened:
            self.move(len(self.models) - 1, "open")

    @rule(which=st.integers(0, 3), verb=st.sampled_from(["open", "pause", "close", "open"]))
    def move(self, which: int, verb: str) -> None:
        model = self.model(which)
        answer = self.service.post(f"/v1/collections/{model.made.id}/{verb}", headers=ADMIN)
        if model.deleted:
            return assert_problem(answer, 404, "unknown-collection")
        state = model.now(self.clock.now())
        legal = {"open": ("draft", "paused"), "pause": ("open",), "close": ("open", "paused")}[verb]
        late = verb == "open" and model.closes is not None and model.closes <= self.clock.now()
        if state not in legal or late:
            return assert_problem(answer, 409, "illegal-transition", state=state)
        model.state = {"open": "open", "pause": "paused", "close": "closed"}[verb]
        assert answer.json() == {"id": model.made.id, "state": model.state}
        if verb == "close":
            model.closes = int(self.clock.now())
        return None

    @rule(which=st.integers(0, 3), hours=st.integers(1, 30))
    def schedule_the_end(self, which: int, hours: int) -> None:
        model, closes = self.model(which), int(self.clock.now()) + hours * HOUR
        answer = self.patch(model, closes_at=_moment(closes))
        if model.deleted:
            assert_problem(answer, 404, "unknown-collection")
        elif model.now(self.clock.now()) == "closed":
            assert_problem(answer, 409, "illegal-transition", state="closed")
        elif model.state == "draft" and model.opens is not None and closes <= model.opens:
            assert_problem(answer, 422, "invalid-parameters")
        else:
            assert answer.status_code == 200
            model.closes = closes

    @rule(which=st.integers(0, 3), hours=st.none() | st.integers(-1, 30))
    def schedule_the_beginning(self, which: int, hours: int | None) -> None:
        model, now = self.model(which), self.clock.now()
        opens = None if hours is None else int(now) + hours * HOUR
        answer = self.patch(model, opens_at=_moment(opens))
        if model.deleted:
            return assert_problem(answer, 404, "unknown-collection")
        if model.now(now) != "draft":
            return assert_problem(answer, 409, "illegal-transition", state=model.state)
        if opens is not None and model.closes is not None and model.closes <= max(opens, now):
            return assert_problem(answer, 422, "invalid-parameters")
        assert answer.status_code == 200
        model.opens = opens
        return None

    @rule(which=st.integers(0, 3), days=st.integers(1, 3))
    def change_the_retention(self, which: int, days: int) -> None:
        model = self.model(which)
        answer = self.patch(model, retention=f"P{days}D")
        if model.deleted:
            assert_problem(answer, 404, "unknown-collection")
        elif days * DAY > model.retention:
            assert_problem(answer, 422, "invalid-parameters")
        else:
            assert answer.status_code == 200
            model.retention = days * DAY

    @rule(which=st.integers(0, 3), window=st.sampled_from([("PT1H", HOUR), ("P1D", DAY)]))
    def add_version(self, which: int, window: tuple[str, int]) -> None:
        model = self.model(which)
        path = f"/v1/collections/{model.made.id}/versions"
        answer = self.service.post(path, json={"window": window[0]}, headers=ADMIN)
        if model.deleted:
            return assert_problem(answer, 404, "unknown-collection")
        if model.now(self.clock.now()) == "closed":
            return assert_problem(answer, 409, "illegal-transition", state="closed")
        assert answer.json()["version"] == len(model.versions) + 1
        model.versions.append(Version(answer.json()["spec_digest"], window[1]))
        assert len({version.digest for version in model.versions}) == len(model.versions)
        return None

    @precondition(lambda self: len(self.models) > 1)
    @rule(which=st.integers(1, 3))
    def delete(self, which: int) -> None:
        model = self.model(which)
        answer = self.service.request("DELETE", f"/v1/collections/{model.made.id}", headers=ADMIN)
        assert answer.status_code == (404 if model.deleted else 202)
        model.deleted = True

    # phones

    @precondition(lambda self: len(self.batches) < SIZE)
    @rule(which=st.integers(0, 3), version=st.integers(0, 2), age=st.none() | st.integers(-1, 60))
    def report(self, which: int, version: int, age: int | None) -> None:
        """A phone makes a batch, perhaps under an old spec, perhaps some windows ago, and sends it."""
        model = self.model(which)
        place = max(0, len(model.versions) - 1 - version)
        chosen = model.versions[place]
        message = next(self.numbers)
        body = {**model.made.batch([message]), "spec_digest": chosen.digest}
        if age is not None:
            body["window"] = int(self.clock.now()) // chosen.seconds - age
        self.batches.append(Batch(self.models.index(model), place, message, body))
        self.send(self.batches[-1])

    @precondition(lambda self: self.batches)
    @rule(which=st.integers(0, SIZE))
    def send_again(self, which: int) -> None:
        self.send(self.batches[which % len(self.batches)])

    @precondition(lambda self: self.batches)
    @rule(which=st.integers(0, SIZE))
    def send_twice_at_once(self, which: int) -> None:
        """Two attempts in flight: at most one of them is the first."""
        batch = self.batches[which % len(self.batches)]
        model = self.models[batch.collection]

        async def both() -> list[Any]:
            post, headers = self.service.client.post, model.made.write_headers
            return await asyncio.gather(
                *(post(model.made.reports_path, json=batch.body, headers=headers) for _ in range(2))
            )

        one, two = self.service.run(both())
        assert one.status_code == two.status_code
        if one.status_code == 200:
            known = batch.message in model.versions[batch.version].window_of_key
            assert sorted([one.json()["replayed"], two.json()["replayed"]]) == [known, True]
            self.count(batch)

    def send(self, batch: Batch) -> None:
        model = self.models[batch.collection]
        version, now = model.versions[batch.version], self.clock.now()
        answer = self.service.post(model.made.reports_path, json=batch.body, headers=model.made.write_headers)
        state, window = model.now(now), batch.body.get("window")
        if model.deleted:
            assert_problem(answer, 404, "unknown-collection")
        elif batch.message in version.window_of_key:
            assert answer.json() == {"accepted": 1, "replayed": True, "rejected": []}
        elif state == "draft":
            assert_problem(answer, 409, "collection-not-open", state=state)
        elif state == "paused":
            assert_problem(answer, 409, "collection-paused", state=state)
        elif state == "closed":
            assert_problem(answer, 410, "collection-closed", state=state)
        elif window is not None and (window + 1) * version.seconds <= max(model.mark, now - model.retention):
            assert_problem(answer, 422, "window-closed", window=window)
        elif version is not model.versions[-1]:
            assert_problem(answer, 422, "spec-mismatch", spec_digest=model.versions[-1].digest)
        else:
            assert answer.json() == {"accepted": 1, "replayed": False, "rejected": []}
            self.count(batch)

    def count(self, batch: Batch) -> None:
        version = self.models[batch.collection].versions[batch.version]
        version.counted.add(batch.message)
        version.window_of_key[batch.message] = batch.body.get("window")

    # time and the background work

    @rule(seconds=st.sampled_from([1, HOUR, 7 * HOUR, DAY, 3 * DAY, 5 * DAY]))
    def turn_the_clock(self, seconds: int) -> None:
        self.clock.turn(seconds)

    @rule()
    def housekeeping(self) -> None:
        self.service.app.state.services.changes.write_down_due()
        self.retention.purge()
        now = self.clock.now()
        for model in self.models:
            over = model.now(now) == "closed" and (model.closes or 0) + model.retention + HORIZON <= now
            ends = [int(now - model.retention - HORIZON) // v.seconds * v.seconds for v in model.versions]
            model.mark = max(model.mark, *ends)
            for version in model.versions:
                version.window_of_key = {
                    message: window
                    for message, window in version.window_of_key.items()
                    if not over and (window is None or (window + 1) * version.seconds > model.mark)
                }

    @rule()
    def restart(self) -> None:
        self.service.__exit__()
        self.start()

    # what must hold

    @invariant()
    def every_version_holds_what_was_acknowledged_once(self) -> None:
        stored: dict[tuple[str, str], Counter[int]] = {}
        query = (
            select(collections.c.id, versions.c.spec_digest, segments.c.messages)
            .join(versions, versions.c.collection == collections.c.number)
            .join(segments, segments.c.version == versions.c.number)
            .where(collections.c.deleted == 0)
        )
        with self.service.app.state.services.database.read() as connection:
            for collection, digest, messages in connection.execute(query):
                stored.setdefault((collection, digest), Counter()).update(np.frombuffer(messages, "<u4").tolist())
        assert stored == {
            (model.made.id, version.digest): Counter(dict.fromkeys(version.counted, 1))
            for model in self.models
            if not model.deleted
            for version in model.versions
            if version.counted
        }

    @rule(which=st.integers(0, 3), version=st.integers(0, 2))
    def estimate(self, which: int, version: int) -> None:
        model = self.model(which)
        place = version % len(model.versions)
        path = f"/v1/collections/{model.made.id}/estimates"
        answer = self.service.get(path, params={"version": place + 1, "top": 1}, headers=ADMIN)
        n = len(model.versions[place].counted)
        if model.deleted:
            assert_problem(answer, 404, "unknown-collection")
        elif n == 0:
            assert_problem(answer, 422, "not-enough-reports", have=0, need=1)
        else:
            assert (answer.json()["n"], answer.json()["spec_digest"]) == (n, model.versions[place].digest)

    @rule(which=st.integers(0, 3))
    def look(self, which: int) -> None:
        model = self.model(which)
        shown = self.service.get(f"/v1/collections/{model.made.id}", headers=ADMIN)
        spec = self.service.get(f"/c/{model.made.id}/spec")
        if model.deleted:
            assert (shown.status_code, spec.status_code) == (404, 404)
            return
        state = model.now(self.clock.now())
        assert (shown.json()["state"], shown.json()["version"]) == (state, len(model.versions))
        assert spec.status_code == {"draft": 404, "open": 200, "paused": 200, "closed": 410}[state]

    def model(self, which: int) -> Model:
        return self.models[which % len(self.models)]

    def patch(self, model: Model, **changes: Any) -> Any:
        return self.service.request("PATCH", f"/v1/collections/{model.made.id}", json=changes, headers=ADMIN)


def _moment(seconds: int | None) -> str | None:
    moment = instant(seconds)
    return None if moment is None else moment.isoformat()


def test_the_service_does_what_its_model_does(sqlite_template: Path) -> None:
    run_on_sqlite(Machine, sqlite_template, examples=12, steps=25)


@pytest.mark.slow
def test_the_service_does_what_its_model_does_at_length(sqlite_template: Path) -> None:
    run_on_sqlite(Machine, sqlite_template, examples=1_000, steps=60)


@pytest.mark.slow
@pytest.mark.postgres
def test_the_service_on_postgresql_does_what_its_model_does(postgresql: PostgresqlCluster, tmp_path: Path) -> None:
    run_on_postgresql(Machine, postgresql, tmp_path, examples=100, steps=50)
