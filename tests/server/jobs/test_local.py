"""The local pool: its workers answer, stop when told to, and may die without taking more than their task along."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ldp_core.analysis.progress import Step
from ldp_core.analysis.registry import ENTRY_POINTS
from server.jobs.local import LocalExecutor
from server.jobs.task import Outcome, Task
from tests.server.jobs.tasks import KindedTask

pytestmark = pytest.mark.thorough

LONG = {"count": 10**12}  # hours of adding up


@pytest.fixture(scope="module")
def pool() -> Iterator[LocalExecutor]:
    executor = LocalExecutor(2)
    try:
        yield executor
    finally:
        executor.close()


def execute(
    pool: LocalExecutor, kind: str, body: dict[str, Any], cancelled: threading.Event | None = None
) -> tuple[Outcome, list[Step]]:
    steps: list[Step] = []
    task = KindedTask(kind, "none", body)
    return pool.execute(task, steps.append, cancelled or threading.Event()), steps


def analyse(pool: LocalExecutor, path: str, body: Any, longest: float | None = None) -> Outcome:
    return pool.execute(Task("analysis", path, body, longest), lambda _: None, threading.Event())


@pytest.mark.parametrize("path", ["perturbed", "fleet-simulation"])
def test_an_analysis_answers_as_it_would_here(pool: LocalExecutor, path: str) -> None:
    method = ENTRY_POINTS[path].method
    outcome = analyse(pool, path, method.EXAMPLE)
    assert outcome.state == "done"
    document = json.loads(outcome.content)
    assert document.pop("wall_seconds") > 0
    assert set(document.pop("library_versions")) == {"fanoplane", "python", "numpy", "scipy"}
    assert document == method.run(method.from_json(method.EXAMPLE)).to_json()


def test_what_is_predicted_to_take_long_is_not_begun(pool: LocalExecutor) -> None:
    body = {"d": 50, "steps": 100_000, "runs": 30}
    outcome = analyse(pool, "single-location/dynamics", body, longest=2.0)
    assert outcome.state == "too_long"
    assert outcome.predicted_seconds > 2


@pytest.mark.parametrize(
    ("path", "body", "slug", "code", "field"),
    [
        ("perturbed", {}, "invalid-analysis", "missing_field", "solver"),
        ("single-location/dynamics", {"steps": 500_000, "runs": 200}, "analysis-too-large", "too_large", "steps"),
        ("max-margin", [], "invalid-analysis", "wrong_type", None),
    ],
)
def test_a_refusal_says_what_and_where(
    pool: LocalExecutor, path: str, body: Any, slug: str, code: str, field: str | None
) -> None:
    outcome = analyse(pool, path, body)
    assert (outcome.state, outcome.slug) == ("failed", slug)
    assert outcome.extras == {"code": code, "field": field}


def test_an_unknown_analysis_is_no_resource(pool: LocalExecutor) -> None:
    assert analyse(pool, "astrology", {}).slug == "unknown-resource"


def test_workers_use_one_thread_each_and_stay(pool: LocalExecutor) -> None:
    seen = [json.loads(execute(pool, "environment", {})[0].content) for _ in range(3)]
    assert seen[0] == seen[1] == seen[2]
    assert seen[0].pop("pid") != os.getpid()
    assert {seen[0][f"{name}_NUM_THREADS"] for name in ("OPENBLAS", "OMP", "MKL", "NUMBA")} == {"1"}


PROGRAM = """
import threading

import numpy as np

from server.jobs.local import LocalExecutor
from tests.server.jobs.tasks import KindedTask

if __name__ == "__main__":
    pool = LocalExecutor(1)
    outcome = pool.execute(KindedTask("threads", "none", {}), print, threading.Event())
    pool.close()
    print(outcome.content.decode())
"""


def test_a_program_that_imports_numpy_first_has_workers_of_one_thread_too(tmp_path: Path) -> None:
    """A spawned process imports the program again, numpy included, before it knows what it is for."""
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, str(file)], env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) <= 2  # the one that works, and the one that listens


def test_progress_comes_a_few_times_a_second_and_in_order(pool: LocalExecutor) -> None:
    outcome, steps = execute(pool, "sleep", {"steps": 100})
    assert outcome.state == "done"
    assert 2 <= len(steps) <= 10  # a second or more of work; the machine may be busy, never faster than the sleeps
    assert [step.done for step in steps] == sorted(step.done for step in steps)
    assert steps[0] == Step(0, 100, "steps", "root", 0.0)


def cancel_soon(pool: LocalExecutor, kind: str, body: dict[str, Any]) -> tuple[Outcome, float, list[Step]]:
    cancelled = threading.Event()
    moment: list[float] = []

    def set_it() -> None:
        moment.append(time.monotonic())
        cancelled.set()

    timer = threading.Timer(0.5, set_it)
    timer.start()
    outcome, steps = execute(pool, kind, body, cancelled)
    timer.join()
    return outcome, time.monotonic() - moment[0], steps


@pytest.mark.parametrize(("kind", "body"), [("sleep", {"steps": 10**6}), ("stubborn", LONG)])
def test_a_cancelled_task_stops(pool: LocalExecutor, kind: str, body: dict[str, Any]) -> None:
    """Work that looks up ends by itself, work that does not is killed; its worker is replaced once there is something to do."""
    before = all_running(pool)
    outcome, seconds, _ = cancel_soon(pool, kind, body)
    assert outcome.state == "cancelled"
    assert seconds < 30  # about 0.1 s and 0.5 s; hours without the cancellation
    kept = processes(pool)
    assert kept < before if kind == "stubborn" else kept <= before
    assert execute(pool, "environment", {})[0].state == "done"


def all_running(pool: LocalExecutor) -> set[int]:
    """Two tasks at once, since a worker is started by its first: whichever test comes first finds the same pool."""
    tasks = [threading.Thread(target=execute, args=(pool, "sleep", {"steps": 30})) for _ in range(2)]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join(60)
    assert len(processes(pool)) == 2
    return processes(pool)


def processes(pool: LocalExecutor) -> set[int]:
    found = (worker._process for worker in pool._workers)
    return {one.pid for one in found if one is not None and one.pid is not None}


@pytest.mark.parametrize("how", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_worker_that_dies_fails_its_task_and_no_other(pool: LocalExecutor, how: str) -> None:
    other: list[Outcome] = []
    beside = threading.Thread(target=lambda: other.append(execute(pool, "sleep", {"steps": 150})[0]))
    beside.start()
    outcome, _ = execute(pool, "die", {"signal": how})
    assert (outcome.state, outcome.slug) == ("failed", "job-failed")
    assert "by signal" in outcome.detail
    assert execute(pool, "environment", {})[0].state == "done"
    beside.join(60)
    assert [one.state for one in other] == ["done"]


def test_an_unexpected_error_stays_where_it_happened(pool: LocalExecutor) -> None:
    outcome, _ = execute(pool, "fail", {"secret": "what was sent"})
    assert (outcome.state, outcome.slug) == ("failed", "job-failed")
    assert "sent" not in repr(outcome)


def test_a_closed_pool_stops_its_work_and_takes_no_more() -> None:
    executor = LocalExecutor(1)
    outcomes: list[Outcome] = []
    waiting = threading.Thread(target=lambda: outcomes.append(execute(executor, "stubborn", LONG)[0]))
    waiting.start()
    deadline = time.monotonic() + 30
    while not processes(executor) and time.monotonic() < deadline:
        time.sleep(0.01)
    (process,) = processes(executor)
    executor.close()
    waiting.join(30)
    assert [one.state for one in outcomes] == ["cancelled"]
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert execute(executor, "sleep", {"steps": 1})[0].state == "cancelled"
