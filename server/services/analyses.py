"""Analyses on request: at once when that is predicted to be quick, else as a job.

A request is checked, and if it is quick carried out, in a worker process kept for this, so that neither a large body nor a long fit
holds up the service. What turns out to be longer than it was predicted to be is stopped and becomes a job.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from ldp_core.analysis.progress import silent
from ldp_core.analysis.registry import ENTRY_POINTS
from server.jobs.local import LocalExecutor
from server.jobs.task import Outcome, Task
from server.refusals import AnalysisTooLarge, InvalidAnalysis, JobFailed, Overloaded, Refusal, UnknownResource
from server.services.binding import Binding, Bound
from server.services.job_runner import Prepared
from server.services.jobs import Jobs
from server.services.tokens import Principal
from server.storage.jobs import Claimed, JobRow

__all__ = ["Analyses", "Answer"]

QUICK_SECONDS = 2.0
"""What is predicted to take less is answered at once."""
PATIENCE_SECONDS = 10.0
"""After which a quick analysis that has not ended becomes a job."""

_THREADS = 4
_WAITING = 32
_KIND = "analysis"
_REFUSALS: Mapping[str, type[Refusal]] = {
    kind.slug: kind for kind in (InvalidAnalysis, AnalysisTooLarge, UnknownResource, JobFailed)
}


@dataclass(frozen=True)
class Answer:
    """Either the result, as JSON, or the job that will have it."""

    result: bytes | None = None
    job: JobRow | None = None


class Analyses:
    """All analyses of `ldp_core.analysis`, on what is sent or on collections.

    quick: a pool for short work alone · wake: told of each new job.
    """

    def __init__(self, binding: Binding, jobs: Jobs, quick: LocalExecutor, wake: Callable[[], None]) -> None:
        self._binding = binding
        self._jobs = jobs
        self._quick = quick
        self._wake = wake
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="fano-analysis")
        self._places = threading.BoundedSemaphore(_WAITING)

    def submit(
        self, owner: Principal, method: str, body: Mapping[str, Any], *, at_once: bool = True
    ) -> "Future[Answer]":
        """Answer in the background. at_once: what is quick; else everything becomes a job, once it is checked.

        Raises Overloaded; the future raises what the request is refused for.
        """
        if method not in ENTRY_POINTS:
            raise UnknownResource(f"no analysis is called {method[:60]!r}; GET /v1/analysis lists them")
        if not self._places.acquire(blocking=False):
            raise Overloaded("too many analyses are waiting; ask again in a moment")
        future = self._threads.submit(self._answer, owner, method, body, QUICK_SECONDS if at_once else 0.0)
        future.add_done_callback(lambda _: self._places.release())
        return future

    def _answer(self, owner: Principal, method: str, body: Mapping[str, Any], quick_seconds: float) -> Answer:
        bound = self._binding.fill(body, owner, counts=ENTRY_POINTS[method].takes_counts)
        task = Task(_KIND, method, bound.body, quick_seconds, PATIENCE_SECONDS)
        outcome = self._quick.execute(task, silent, threading.Event())
        if outcome.state == "failed":
            raise _refusal(outcome)
        if outcome.state == "done":
            return Answer(result=_with_inputs(outcome.content, bound))
        row = self._jobs.submit(
            owner, _KIND, method, body, collections=bound.collections, predicted_seconds=outcome.predicted_seconds
        )
        self._wake()
        return Answer(job=row)

    def prepare(self, claimed: Claimed) -> Prepared:
        """The task of a claimed job, with collections as they are now. Raises what filling them in raises."""
        counts = claimed.method not in ENTRY_POINTS or ENTRY_POINTS[claimed.method].takes_counts
        bound = self._binding.fill(msgspec.json.decode(claimed.request), counts=counts)
        return Prepared(Task(claimed.kind, claimed.method, bound.body), lambda content: _with_inputs(content, bound))

    def warm(self) -> None:
        """Load the analyses in the background, so that no request has to wait for it."""
        self._quick.warm()

    def close(self) -> None:
        """Take nothing new; what is being answered is stopped."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._quick.close()

    @staticmethod
    @lru_cache(maxsize=1)
    def methods() -> Sequence[Mapping[str, Any]]:
        """Every analysis with what a form or a program needs to ask for it."""
        return [entry.describe() for entry in ENTRY_POINTS.values()]


def _with_inputs(result: bytes, bound: Bound) -> bytes:
    """The result with the reports that went into it, and the names of the items where there is one list of them."""
    if not bound.inputs:
        return result
    told: dict[str, Any] = {"inputs": bound.inputs}
    if bound.items is not None:
        told["items"] = bound.items
    return result[:-1] + b"," + msgspec.json.encode(told)[1:]


def _refusal(outcome: Outcome) -> Refusal:
    return _REFUSALS[outcome.slug](outcome.detail, **outcome.extras)
