"""A real Dask cluster: the same answers as the local pool, progress, cancellation, and a worker that is killed."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ldp_core.analysis.progress import Step
from ldp_core.analysis.registry import ENTRY_POINTS
from ldp_core.mechanisms import Tally, create
from server.jobs.distributed import DaskExecutor
from server.jobs.executor import Executor
from server.jobs.local import LocalExecutor
from server.jobs.task import Outcome, Task
from server.services.cluster_decoding import ClusterDecoder
from tests.server.jobs.cluster import Cluster, cluster
from tests.server.jobs.tasks import KindedTask
from tests.services.in_process import ADMIN, InProcess, settings

pytestmark = pytest.mark.service

DYNAMICS = {"d": 50, "steps": 12_000, "runs": 20, "log_points": 2}


@pytest.fixture(scope="module")
def dask(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with cluster(tmp_path_factory.mktemp("dask")) as running:
        yield running


@pytest.fixture(scope="module")
def executor(dask: Cluster) -> Iterator[DaskExecutor]:
    one = DaskExecutor(dask.address, 2)
    try:
        yield one
    finally:
        one.close()


class Running(threading.Thread):
    """A task that is being carried out."""

    def __init__(self, executor: Executor, task: Task) -> None:
        super().__init__(daemon=True)
        self._executor, self._task = executor, task
        self.cancelled = threading.Event()
        self.steps: list[Step] = []
        self.outcome: Outcome | None = None
        self.start()

    def run(self) -> None:
        self.outcome = self._executor.execute(self._task, self.steps.append, self.cancelled)

    def began(self) -> None:
        deadline = time.monotonic() + 90
        while not self.steps and self.is_alive() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert self.steps, self.outcome

    def ended(self) -> Outcome:
        self.join(180)
        assert self.outcome is not None
        return self.outcome


def document(outcome: Outcome) -> dict[str, Any]:
    assert outcome.state == "done", outcome
    found: dict[str, Any] = json.loads(outcome.content)
    del found["wall_seconds"]
    return found


def test_answers_are_those_of_the_local_pool(executor: DaskExecutor) -> None:
    local = LocalExecutor(1)
    try:
        for path in ("perturbed", "top-k", "single-location/dynamics", "fleet-simulation"):
            task = Task("analysis", path, ENTRY_POINTS[path].method.EXAMPLE)
            assert document(Running(executor, task).ended()) == document(Running(local, task).ended())
    finally:
        local.close()


def test_refusals_come_back(executor: DaskExecutor) -> None:
    outcome = Running(executor, Task("analysis", "perturbed", {})).ended()
    assert (outcome.slug, outcome.extras) == ("invalid-analysis", {"code": "missing_field", "field": "solver"})


def test_progress_comes_and_a_cancelled_task_stops(executor: DaskExecutor) -> None:
    task = KindedTask("sleep", "none", {"steps": 10**6})
    running = Running(executor, task)
    running.began()
    running.cancelled.set()
    assert running.ended().state == "cancelled"
    told = len(running.steps)
    after = Running(executor, KindedTask("sleep", "none", {"steps": 200}))
    both = Running(executor, KindedTask("sleep", "none", {"steps": 200}))
    assert after.ended().state == both.ended().state == "done"  # both workers are free: the first task has stopped
    assert len(running.steps) == told


def test_a_cancelled_call_that_never_looks_up_ends_with_its_process(executor: DaskExecutor) -> None:
    stubborn = [Running(executor, KindedTask("stubborn", "none", {"count": 10**12})) for _ in range(2)]
    time.sleep(1.0)
    for one in stubborn:
        one.cancelled.set()
    assert [one.ended().state for one in stubborn] == ["cancelled"] * 2
    both = [Running(executor, KindedTask("sleep", "none", {"steps": 20})) for _ in range(2)]
    assert [one.ended().state for one in both] == ["done"] * 2  # both workers are free; hours without the cancellation


def test_a_worker_below_a_nanny_stops_between_steps(tmp_path: Path) -> None:
    with cluster(tmp_path, workers=1, nanny=True) as dask:
        executor = DaskExecutor(dask.address, 1)
        try:
            running = Running(executor, KindedTask("sleep", "none", {"steps": 10**6}))
            running.began()
            running.cancelled.set()
            assert running.ended().state == "cancelled"
            assert Running(executor, KindedTask("sleep", "none", {"steps": 20})).ended().state == "done"
        finally:
            executor.close()


def test_the_service_hands_its_jobs_to_the_cluster(dask: Cluster, sqlite_url: str, tmp_path: Path) -> None:
    body = {**DYNAMICS, "steps": 16_000, "runs": 30}
    with InProcess(settings(sqlite_url, data_dir=tmp_path, dask_scheduler=dask.address)) as service:
        accepted = service.post("/v1/analysis/single-location/dynamics", json=body, headers=ADMIN)
        assert accepted.status_code == 202, accepted.text
        deadline, job = time.monotonic() + 150, {"status": "queued"}
        while job["status"] not in ("done", "failed", "cancelled") and time.monotonic() < deadline:
            time.sleep(0.2)
            job = service.get(accepted.json()["status_url"], headers=ADMIN).json()
        assert job["status"] == "done", job
        assert job["progress"]["done"] == body["steps"]


def test_a_worker_that_is_killed_in_the_middle_loses_no_task(dask: Cluster, executor: DaskExecutor) -> None:
    task = Task("analysis", "single-location/dynamics", DYNAMICS)
    tasks = [Running(executor, task), Running(executor, task)]
    for one in tasks:
        one.began()
    dask.kill(next(iter(dask.workers)))
    method = ENTRY_POINTS["single-location/dynamics"].method
    alone = json.loads(json.dumps(method.run(method.from_json(DYNAMICS)).to_json()))
    for one in tasks:
        found = document(one.ended())
        del found["library_versions"]
        assert found == alone


def test_no_scheduler_is_an_error_that_is_tried_again() -> None:
    with pytest.raises(OSError, match="Timed out"):
        DaskExecutor("tcp://127.0.0.1:9", 1).execute(
            Task("analysis", "perturbed", {}), lambda _: None, threading.Event()
        )


def test_a_decode_on_the_cluster_is_the_one_that_would_be_made_here(executor: DaskExecutor) -> None:
    mechanism = create("projective_geometry", epsilon="1", domain_size=150, q=5, t=4)
    tally = Tally(np.random.default_rng(1).integers(0, 1000, mechanism.report_space))
    there = ClusterDecoder(executor, least_cost=0)(mechanism, tally, "singer")
    here = mechanism.decode(tally, "dynamic_programming")
    assert there is not None
    assert (there.support_counts == here.support_counts).all()
    assert (there.frequencies == here.frequencies).all()
    assert ClusterDecoder(executor)(mechanism, tally, "singer") is None  # too small to send
