"""Jobs in the database: claimed once, held, released, given up, forgotten. On both engines."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from server.clock import FakeClock
from server.jobs.executor import Tell
from server.jobs.task import Outcome, Task
from server.refusals import InvalidParameters, TooManyJobs, UnknownResource
from server.services.job_runner import JobRunner, Prepared
from server.services.jobs import Jobs
from server.services.tokens import Principal, Scope
from server.storage import jobs as rows
from server.storage.database import Database
from server.storage.jobs import Claimed, Hold, JobRow, Progressed

ADA, BOB = (Principal(Scope.ANALYST, name=name, number=i) for i, name in enumerate(("Ada", "Bob"), 1))
ROOT = Principal(Scope.ADMIN)
DAY = 86_400


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    try:
        yield opened
    finally:
        opened.dispose()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1_800_000_000)


@pytest.fixture
def jobs(database: Database, clock: FakeClock) -> Jobs:
    return Jobs(database, clock, per_token=5, retention_days=7)


def submit(jobs: Jobs, owner: Principal = ADA, **request: Any) -> JobRow:
    return jobs.submit(owner, "analysis", "perturbed", request, predicted_seconds=3.5)


def claim(database: Database, holder: str, now: int, *, seconds: int = 20) -> Claimed | None:
    with database.write() as connection:
        return rows.claim_job(connection, holder, now=now, held_until=now + seconds, attempts=3)


def test_a_job_is_stored_as_it_was_asked(jobs: Jobs, database: Database) -> None:
    row = submit(jobs, k=3)
    assert (row.state, row.owner, row.method, row.predicted_seconds) == ("queued", ADA.number, "perturbed", 3.5)
    claimed = claim(database, "a", 10)
    assert claimed is not None
    assert json.loads(claimed.request) == {"k": 3}
    assert (claimed.id, claimed.kind, claimed.hold.attempts) == (row.id, "analysis", 1)
    assert jobs.get(row.id, ADA).state == "running"


def test_two_claims_never_get_the_same_job(jobs: Jobs, database: Database) -> None:
    wanted = {submit(jobs, owner=owner).id for owner in (ADA, BOB) for _ in range(5)}
    got: list[str] = []
    start = threading.Barrier(4)

    def take(holder: str) -> None:
        start.wait()
        while (claimed := claim(database, holder, 10)) is not None:
            got.append(claimed.id)

    threads = [threading.Thread(target=take, args=(f"process {i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(got) == 10
    assert set(got) == wanted


def test_jobs_are_claimed_in_order(jobs: Jobs, database: Database) -> None:
    asked = [submit(jobs).id for _ in range(3)]
    assert [one.id for one in (claim(database, "a", 10) for _ in range(3)) if one] == asked


def end(database: Database, hold: Hold, state: str = "done") -> bool:
    with database.write() as connection:
        return rows.end_job(connection, hold, state, 99, None, result=b"{}", problem=None)


def test_a_job_that_is_let_go_of_is_taken_up_and_the_first_holder_changes_nothing(
    jobs: Jobs, database: Database
) -> None:
    submit(jobs)
    first = claim(database, "a", 10)
    assert first is not None
    assert claim(database, "b", 30) is None  # held until 30, included
    second = claim(database, "b", 31)
    assert second is not None
    assert second.hold.attempts == 2
    assert not end(database, first.hold)
    with database.write() as connection:
        rows.renew_hold(connection, first.hold, 10**6, Progressed(5, 9, "steps", None, None))
        rows.release_job(connection, first.hold)
    row = jobs.get(first.id, ADA)
    assert (row.state, row.done, row.total) == ("running", 0, None)
    assert end(database, second.hold)
    assert jobs.get(first.id, ADA).state == "done"
    assert not end(database, second.hold, "failed")


def test_a_renewed_hold_lasts(jobs: Jobs, database: Database) -> None:
    row = submit(jobs)
    claimed = claim(database, "a", 10)
    assert claimed is not None
    with database.write() as connection:
        rows.renew_hold(connection, claimed.hold, 100, Progressed(5, 9, "steps", "gap", 0.5))
    assert claim(database, "b", 60) is None
    stored = jobs.get(row.id, ADA)
    assert (stored.done, stored.total, stored.unit, stored.metric, stored.metric_value) == (5, 9, "steps", "gap", 0.5)


def test_a_released_job_has_not_been_tried(jobs: Jobs, database: Database) -> None:
    submit(jobs)
    for _ in range(5):
        claimed = claim(database, "a", 10)
        assert claimed is not None
        assert claimed.hold.attempts == 1
        with database.write() as connection:
            rows.release_job(connection, claimed.hold)


def test_a_job_is_given_up_after_three_attempts(jobs: Jobs, database: Database) -> None:
    row = submit(jobs)
    for attempt in range(3):
        assert claim(database, "a", 100 * attempt) is not None
    assert claim(database, "a", 1_000) is None
    with database.write() as connection:
        assert rows.count_free(connection, 1_000, attempts=3) == (0, 1)
        assert rows.fail_abandoned(connection, attempts=3, now=1_000, problem=b"{}") == 1
    job = jobs.read(row.id, ADA)
    assert (job.row.state, job.problem, job.result) == ("failed", b"{}", None)


def test_what_a_dead_process_held_is_free_at_once(jobs: Jobs, database: Database) -> None:
    submit(jobs)
    assert claim(database, "dead", 10, seconds=10**6) is not None
    with database.write() as connection:
        assert rows.holders(connection) == {"dead"}
        rows.lose_hold(connection, "dead")
    assert claim(database, "b", 11) is not None


@pytest.mark.parametrize("running", [False, True])
def test_a_cancelled_job_is_nobodys(jobs: Jobs, database: Database, running: bool) -> None:
    row = submit(jobs)
    claimed = claim(database, "a", 10) if running else None
    cancelled, did = jobs.cancel(row.id, ADA)
    assert (cancelled.state, did) == ("cancelled", True)
    assert jobs.cancel(row.id, ADA) == (cancelled, False)
    assert claim(database, "b", 10**6) is None
    if claimed is not None:
        assert not end(database, claimed.hold)
        with database.read() as connection:
            assert rows.still_held(connection, "a", [claimed.hold.number]) == set()
    assert jobs.read(row.id, ADA).result is None


def test_a_token_has_so_many_active_jobs(jobs: Jobs, database: Database) -> None:
    asked = [submit(jobs) for _ in range(5)]
    with pytest.raises(TooManyJobs) as refused:
        submit(jobs)
    assert refused.value.extras == {"limit": 5}
    submit(jobs, owner=BOB)
    claimed = claim(database, "a", 10)
    assert claimed is not None
    assert claimed.id == asked[0].id
    with pytest.raises(TooManyJobs):
        submit(jobs)  # one that runs counts too
    end(database, claimed.hold)
    submit(jobs)


def test_jobs_of_others_do_not_exist(jobs: Jobs) -> None:
    mine = submit(jobs)
    for ask in (jobs.get, jobs.read, jobs.cancel):
        with pytest.raises(UnknownResource):
            ask(mine.id, BOB)
        ask(mine.id, ROOT)
    assert jobs.list(BOB) == []
    submit(jobs, owner=BOB)
    assert [row.owner for row in jobs.list(ROOT)] == [BOB.number, ADA.number]  # the newest first


def test_results_are_kept_for_some_days(jobs: Jobs, database: Database, clock: FakeClock) -> None:
    old, waiting = submit(jobs), submit(jobs)
    jobs.cancel(old.id, ADA)
    clock.turn(6 * DAY)
    assert jobs.purge() == 0
    clock.turn(DAY + 1)
    assert jobs.purge() == 1
    with pytest.raises(UnknownResource):
        jobs.get(old.id, ADA)
    assert jobs.get(waiting.id, ADA).state == "queued"  # however long it waits


class Canned:
    """An executor that gives the outcomes it was made with."""

    name, slots = "canned", 1

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = [*outcomes]
        self.tasks: list[Task] = []

    def execute(self, task: Task, tell: Tell, cancelled: threading.Event) -> Outcome:
        self.tasks.append(task)
        return self.outcomes.pop(0)

    def close(self) -> None:
        """Nothing runs."""


def prepared(claimed: Claimed) -> Prepared:
    if b"refuse" in claimed.request:
        raise InvalidParameters.of("window", "no such window")
    return Prepared(Task(claimed.kind, claimed.method, {}), lambda content: content + b" finished")


@pytest.fixture
def canned(database: Database, clock: FakeClock) -> Iterator[Any]:
    started: list[JobRunner] = []

    def run(*outcomes: Outcome) -> JobRunner:
        runner = JobRunner(database, clock, Canned(*outcomes), prepared, result_bytes=40)
        runner.start()
        started.append(runner)
        return runner

    yield run
    for runner in started:
        runner.close()


def ended(jobs: Jobs, job: str) -> Any:
    waiting = threading.Event()
    for _ in range(600):
        found = jobs.read(job, ADA)
        if found.ended:
            return found
        waiting.wait(0.05)
    raise AssertionError(found)


def test_outcomes_are_stored(jobs: Jobs, canned: Any) -> None:
    done, failed, large, refused = submit(jobs), submit(jobs), submit(jobs), submit(jobs, window="refuse")
    canned(
        Outcome("done", b'"small"'),
        Outcome("failed", slug="invalid-analysis", detail="no", extras={"code": "c", "field": None}),
        Outcome("done", b"x" * 100),
    )
    assert ended(jobs, done.id).result == b'"small" finished'
    problems = {row.id: json.loads(ended(jobs, row.id).problem) for row in (failed, large, refused)}
    assert problems[failed.id] == {"slug": "invalid-analysis", "detail": "no", "extras": {"code": "c", "field": None}}
    assert problems[large.id]["slug"] == "job-failed"
    assert "FANO_JOB_RESULT_BYTES" in problems[large.id]["detail"]
    assert problems[refused.id]["slug"] == "invalid-parameters"


def test_a_job_that_is_added_later_is_found_without_being_told(jobs: Jobs, canned: Any) -> None:
    canned(Outcome("done", b"1"))
    assert ended(jobs, submit(jobs).id).row.state == "done"
