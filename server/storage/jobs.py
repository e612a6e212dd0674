"""Jobs: claimed by one process at a time, for as long as it keeps renewing its hold.

A job that is running belongs to the `holder` that claimed it, in its n-th attempt, until `held_until`. Whoever stores progress or an
outcome names both, so that a process which lost its hold, or whose job was cancelled, changes nothing any more.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, update

from server.storage.tables import collections, job_collections, jobs

__all__ = [
    "ACTIVE",
    "ENDED",
    "Claimed",
    "Hold",
    "JobRow",
    "NewJob",
    "Progressed",
    "add_job",
    "cancel_job",
    "claim_job",
    "count_active",
    "count_free",
    "end_job",
    "fail_abandoned",
    "find_job",
    "forget_jobs",
    "holders",
    "list_jobs",
    "lose_hold",
    "read_request",
    "read_result",
    "release_job",
    "renew_hold",
    "still_held",
]

ACTIVE = ("queued", "running")
ENDED = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class NewJob:
    """request: JSON · collections: the numbers of those that it reads · asked: seconds since 1970."""

    id: str
    kind: str
    method: str
    owner: int
    request: bytes
    collections: tuple[int, ...]
    predicted_seconds: float
    asked: int


@dataclass(frozen=True)
class JobRow:
    """A job as it stands, without what was asked and answered. See `tables`."""

    number: int
    id: str
    kind: str
    method: str
    owner: int
    state: str
    predicted_seconds: float
    asked: int
    started: int | None
    finished: int | None
    done: int
    total: int | None
    unit: str | None
    metric: str | None
    metric_value: float | None


class Hold(NamedTuple):
    """Who runs a job, and in which attempt."""

    number: int
    holder: str
    attempts: int


class Claimed(NamedTuple):
    """A job that this process runs now."""

    hold: Hold
    id: str
    kind: str
    method: str
    request: bytes


class Progressed(NamedTuple):
    """How far it is."""

    done: int
    total: int
    unit: str
    metric: str | None
    metric_value: float | None


_ROW = [jobs.c[name] for name in JobRow.__dataclass_fields__]


_OF_DELETED = select(job_collections.c.job).join(collections).where(collections.c.deleted == 1)
"""The jobs that read a collection which was deleted: unknown at once, as it is, and forgotten soon."""


def _held(hold: Hold) -> ColumnElement[bool]:
    return and_(
        jobs.c.number == hold.number,
        jobs.c.state == "running",
        jobs.c.holder == hold.holder,
        jobs.c.attempts == hold.attempts,
    )


def _free(now: int) -> ColumnElement[bool]:
    return or_(jobs.c.state == "queued", and_(jobs.c.state == "running", jobs.c.held_until < now))


def count_free(connection: Connection, now: int, *, attempts: int) -> tuple[int, int]:
    """How many jobs may be claimed, and how many of them were let go of in so many attempts."""
    given_up = and_(jobs.c.state == "running", jobs.c.attempts >= attempts)
    query = select(func.count(), func.count().filter(given_up)).select_from(jobs).where(_free(now))
    free, abandoned = connection.execute(query).one()
    return int(free) - int(abandoned), int(abandoned)


def count_active(connection: Connection, owner: int) -> int:
    """How many jobs of a token wait or run."""
    query = select(func.count()).select_from(jobs).where(jobs.c.owner == owner, jobs.c.state.in_(ACTIVE))
    return int(connection.scalar(query) or 0)


def add_job(connection: Connection, new: NewJob) -> None:
    """Queue a job."""
    values = {name: getattr(new, name) for name in NewJob.__dataclass_fields__ if name != "collections"}
    number = connection.execute(insert(jobs).values(state="queued", **values).returning(jobs.c.number)).scalar_one()
    for collection in new.collections:
        connection.execute(insert(job_collections).values(job=number, collection=collection))


def find_job(connection: Connection, job_id: str) -> JobRow | None:
    """One job, or None, also when a collection that it reads was deleted."""
    row = connection.execute(select(*_ROW).where(jobs.c.id == job_id, jobs.c.number.not_in(_OF_DELETED))).one_or_none()
    return None if row is None else JobRow(*row)


def list_jobs(connection: Connection, owner: int | None, limit: int) -> Sequence[JobRow]:
    """The newest jobs, of all tokens or of one."""
    query = select(*_ROW).where(jobs.c.number.not_in(_OF_DELETED)).order_by(jobs.c.number.desc()).limit(limit)
    if owner is not None:
        query = query.where(jobs.c.owner == owner)
    return [JobRow(*row) for row in connection.execute(query)]


def read_result(connection: Connection, number: int) -> tuple[bytes | None, bytes | None]:
    """The result and the problem of a job, of which one is there once it ended; neither when it was cancelled."""
    row = connection.execute(select(jobs.c.result, jobs.c.problem).where(jobs.c.number == number)).one_or_none()
    return (None, None) if row is None else (row.result, row.problem)


def read_request(connection: Connection, number: int) -> bytes:
    """What was asked, as JSON."""
    return bytes(connection.scalars(select(jobs.c.request).where(jobs.c.number == number)).one())


def claim_job(connection: Connection, holder: str, *, now: int, held_until: int, attempts: int) -> Claimed | None:
    """Take the oldest job that waits, or that its holder has let go of in fewer attempts than these. None when there is none.

    The choice and the claim are one statement, so that no two processes get the same job.
    """
    free = and_(_free(now), jobs.c.attempts < attempts)
    oldest = (
        select(jobs.c.number).where(free).order_by(jobs.c.number).limit(1).with_for_update(skip_locked=True)
    ).scalar_subquery()
    claimed = connection.execute(
        update(jobs)
        .where(jobs.c.number == oldest, free)  # again: on PostgreSQL another claim may have come first
        .values(
            state="running",
            holder=holder,
            held_until=held_until,
            attempts=jobs.c.attempts + 1,
            started=now,
            done=0,
            total=None,
        )
        .returning(jobs.c.number, jobs.c.attempts, jobs.c.id, jobs.c.kind, jobs.c.method, jobs.c.request)
    ).one_or_none()
    if claimed is None:
        return None
    return Claimed(Hold(claimed.number, holder, claimed.attempts), *claimed[2:])


def renew_hold(connection: Connection, hold: Hold, held_until: int, progress: Progressed | None) -> None:
    """Keep a job, and write down how far it is. Does nothing to a job that is no longer held."""
    values = {} if progress is None else progress._asdict()
    connection.execute(update(jobs).where(_held(hold)).values(held_until=held_until, **values))


def still_held(connection: Connection, holder: str, numbers: Collection[int]) -> set[tuple[int, int]]:
    """Number and attempt of those of the jobs that still run under this holder."""
    query = select(jobs.c.number, jobs.c.attempts).where(
        jobs.c.number.in_(numbers), jobs.c.state == "running", jobs.c.holder == holder
    )
    return {(row.number, row.attempts) for row in connection.execute(query)}


def end_job(
    connection: Connection,
    hold: Hold,
    state: str,
    now: int,
    progress: Progressed | None,
    *,
    result: bytes | None,
    problem: bytes | None,
) -> bool:
    """Store the outcome. False when the job was no longer held: somebody cancelled it, or another process took it."""
    values = {} if progress is None else progress._asdict()
    ended = update(jobs).where(_held(hold)).values(state=state, finished=now, result=result, problem=problem, **values)
    return connection.execute(ended).rowcount == 1


def release_job(connection: Connection, hold: Hold) -> None:
    """Back into the queue, as if it had not been tried: the process that ran it is ending."""
    connection.execute(
        update(jobs).where(_held(hold)).values(state="queued", holder=None, attempts=hold.attempts - 1, started=None)
    )


def cancel_job(connection: Connection, number: int, now: int) -> bool:
    """Cancel a job that waits or runs. Its holder notices that it is no longer its own. False when it had ended."""
    active = and_(jobs.c.number == number, jobs.c.state.in_(ACTIVE))
    return connection.execute(update(jobs).where(active).values(state="cancelled", finished=now)).rowcount == 1


def fail_abandoned(connection: Connection, *, attempts: int, now: int, problem: bytes) -> int:
    """Fail the jobs that were let go of in so many attempts. Returns how many."""
    abandoned = and_(jobs.c.state == "running", jobs.c.held_until < now, jobs.c.attempts >= attempts)
    failed = update(jobs).where(abandoned).values(state="failed", finished=now, problem=problem)
    return connection.execute(failed).rowcount


def holders(connection: Connection) -> set[str]:
    """Who holds jobs that run."""
    query = select(jobs.c.holder).where(jobs.c.state == "running").distinct()
    return {str(row.holder) for row in connection.execute(query)}


def lose_hold(connection: Connection, holder: str) -> None:
    """Let go of all that a holder runs: it is known to be dead."""
    connection.execute(update(jobs).where(jobs.c.holder == holder, jobs.c.state == "running").values(held_until=0))


def forget_jobs(connection: Connection, *, finished_before: int, limit: int) -> int:
    """Delete jobs that ended before then, and those that read a collection which was deleted. Returns how many."""
    old = and_(jobs.c.state.in_(ENDED), jobs.c.finished < finished_before)
    some = select(jobs.c.number).where(or_(old, jobs.c.number.in_(_OF_DELETED))).limit(limit)
    return connection.execute(delete(jobs).where(jobs.c.number.in_(some))).rowcount
