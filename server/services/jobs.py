"""Jobs as their owners see them: asked for, listed, followed, cancelled, forgotten."""

import secrets
from dataclasses import dataclass
from typing import Any

import msgspec

from server.clock import Clock
from server.refusals import TooManyJobs, UnknownResource
from server.services.lifecycle import unknown_collection
from server.services.tokens import Principal, Scope
from server.storage import jobs as rows
from server.storage.database import Database
from server.storage.jobs import JobRow

__all__ = ["Job", "Jobs"]

_DAY = 86_400
_LISTED = 200
_FORGOTTEN_AT_ONCE = 100


@dataclass(frozen=True)
class Job:
    """A job as it stands. result: JSON, once it is done · problem: JSON, once it failed."""

    row: JobRow
    result: bytes | None = None
    problem: bytes | None = None

    @property
    def ended(self) -> bool:
        """Will nothing more happen to it?"""
        return self.row.state in rows.ENDED


class Jobs:
    """All jobs of this service. Who asked for one may see it, and an administrator any; for others it does not exist."""

    def __init__(self, database: Database, clock: Clock, *, per_token: int, retention_days: int) -> None:
        self._database = database
        self._clock = clock
        self._per_token = per_token
        self._retention = retention_days * _DAY

    def submit(
        self,
        owner: Principal,
        kind: str,
        method: str,
        request: Any,
        *,
        collections: tuple[int, ...] = (),
        predicted_seconds: float,
    ) -> JobRow:
        """Queue a job. request: what was asked, as JSON will hold it. Raises TooManyJobs, UnknownCollection."""
        new = rows.NewJob(
            id=secrets.token_hex(8),
            kind=kind,
            method=method,
            owner=owner.number,
            request=msgspec.json.encode(request),
            collections=collections,
            predicted_seconds=predicted_seconds,
            asked=int(self._clock.now()),
        )
        with self._database.write() as connection:
            if rows.count_active(connection, owner.number) >= self._per_token:
                raise TooManyJobs(
                    f"{self._per_token} jobs of this token wait or run, the most that may; wait for one to end or cancel one",
                    limit=self._per_token,
                )
            rows.add_job(connection, new)
            row = rows.find_job(connection, new.id)
            if row is None:  # a collection was deleted since it was looked at
                raise unknown_collection()
        return row

    def get(self, job_id: str, principal: Principal) -> JobRow:
        """A job without its result. Raises UnknownResource."""
        with self._database.read() as connection:
            row = rows.find_job(connection, job_id)
        return _visible(row, principal)

    def read(self, job_id: str, principal: Principal) -> Job:
        """A job with its result. Raises UnknownResource."""
        with self._database.read() as connection:
            row = _visible(rows.find_job(connection, job_id), principal)
            return Job(row, *rows.read_result(connection, row.number)) if row.state in rows.ENDED else Job(row)

    def request(self, job_id: str, principal: Principal) -> bytes:
        """What was asked for, as JSON. Raises UnknownResource."""
        with self._database.read() as connection:
            row = _visible(rows.find_job(connection, job_id), principal)
            return rows.read_request(connection, row.number)

    def list(self, principal: Principal) -> list[JobRow]:
        """The newest jobs that the caller may see."""
        owner = None if principal.scope == Scope.ADMIN else principal.number
        with self._database.read() as connection:
            return [*rows.list_jobs(connection, owner, _LISTED)]

    def cancel(self, job_id: str, principal: Principal) -> tuple[JobRow, bool]:
        """Cancel a job that has not ended; whoever runs it notices. Returns it, and whether this ended it. Raises UnknownResource."""
        row = self.get(job_id, principal)
        with self._database.write() as connection:
            cancelled = rows.cancel_job(connection, row.number, int(self._clock.now()))
        return self.get(job_id, principal), cancelled

    def purge(self) -> int:
        """Forget jobs that ended long ago, and those of collections that were deleted. Returns how many."""
        forgotten = 0
        while True:
            with self._database.write() as connection:
                some = rows.forget_jobs(
                    connection,
                    finished_before=int(self._clock.now()) - self._retention,
                    limit=_FORGOTTEN_AT_ONCE,
                )
            forgotten += some
            if some < _FORGOTTEN_AT_ONCE:
                return forgotten


def _visible(row: JobRow | None, principal: Principal) -> JobRow:
    if row is None or (principal.scope != Scope.ADMIN and row.owner != principal.number):
        raise UnknownResource("no job of this id is yours; finished jobs are forgotten after some days")
    return row
