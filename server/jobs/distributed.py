"""The executor of a Dask cluster: tasks go to its scheduler, which gives them to workers and again to others when a worker is lost.

Workers need this package and one thread each: `dask worker tcp://scheduler:8786 --nthreads 1 --no-nanny`. Such a worker hands the task on
to a process of its own, so that a cancellation ends any numeric call with the process that makes it. Below a nanny a worker may not
have processes: there it carries the task out itself, and a cancelled one stops between two of its steps.
"""

import contextlib
import multiprocessing
import threading
import time
import uuid
from functools import cache
from typing import Any

from distributed import Client, Event, Future, KilledWorker, get_client, get_worker

from ldp_core.analysis.progress import Cancelled, Step
from server.jobs.executor import Tell
from server.jobs.local import LocalExecutor
from server.jobs.task import Outcome, Task
from server.jobs.work import perform

__all__ = ["DaskExecutor"]

_CONNECT_SECONDS = 10
_LOOK_SECONDS = 0.1
_ASK_SECONDS = 0.4
_TELL_SECONDS = 0.2


class DaskExecutor:
    """Hands tasks to the scheduler at `address`, `slots` of them at once. Connects when the first one comes."""

    name = "dask"

    def __init__(self, address: str, slots: int) -> None:
        self.slots = slots
        self._address = address
        self._topic = f"fano-{uuid.uuid4().hex}"
        self._tells: dict[str, Tell] = {}
        self._lock = threading.Lock()
        self._client: Client | None = None

    def execute(self, task: Task, tell: Tell, cancelled: threading.Event) -> Outcome:
        """Submit a task and wait for it. Raises OSError when the scheduler does not answer: the job is then tried again."""
        client = self._connected()
        key = f"fano-{task.kind}-{uuid.uuid4().hex}"
        self._tells[key] = tell
        future = client.submit(_carry_out, task, key, self._topic, key=key, pure=False)
        try:
            return self._wait(client, future, cancelled)
        finally:
            del self._tells[key]

    def _wait(self, client: Client, future: Future, cancelled: threading.Event) -> Outcome:
        while not future.done():
            if cancelled.wait(_LOOK_SECONDS):
                Event(future.key, client=client).set()
                future.cancel()
                return Outcome("cancelled")
        try:
            outcome: Outcome = future.result()
        except KilledWorker:
            return Outcome.lost("on several workers, one after the other")
        return outcome

    def _connected(self) -> Client:
        with self._lock:
            if self._client is None or self._client.status not in ("running", "connecting"):
                self._client = Client(
                    self._address,
                    timeout=_CONNECT_SECONDS,
                    set_as_default=False,
                    name="fanoplane",
                    heartbeat_interval="5s",
                )
                self._client.subscribe_topic(self._topic, self._hear)
            return self._client

    def _hear(self, event: tuple[float, dict[str, Any]]) -> None:
        message = event[1]  # with the worker's address added
        tell = self._tells.get(message["key"])
        if tell is not None:
            tell(Step(**message["step"]))

    def close(self) -> None:
        """Let go of the cluster. It forgets what nobody waits for."""
        with self._lock:
            if self._client is not None:
                self._client.close(timeout=_CONNECT_SECONDS)


def _carry_out(task: Task, key: str, topic: str) -> Outcome:
    """What a worker of the cluster does."""
    link = _Link(key, topic)
    if multiprocessing.current_process().daemon:  # below a nanny
        return perform(task, link.progress)
    cancelled, done = threading.Event(), threading.Event()
    watch = threading.Thread(target=link.watch, args=(cancelled, done), daemon=True)
    watch.start()
    try:
        return _processes().execute(task, link.tell, cancelled)
    finally:
        done.set()
        watch.join()


@cache
def _processes() -> LocalExecutor:
    """One process for each thread of this worker."""
    return LocalExecutor(get_worker().state.nthreads)


class _Link:
    """What connects a task on a worker with the service: how far it is, there; that it was cancelled, here."""

    def __init__(self, key: str, topic: str) -> None:
        self._worker = get_worker()
        self._key, self._topic = key, topic
        self._told = self._asked = -1.0
        self._stop = Event(key, client=get_client())  # found here, in the thread of a task, for any thread

    def tell(self, step: Step) -> None:
        """Tell the service how far it is."""
        self._worker.log_event(self._topic, {"key": self._key, "step": vars(step)})

    def is_stopped(self) -> bool:
        """Was it cancelled? A scheduler that does not answer has not cancelled anything."""
        with contextlib.suppress(OSError):
            return bool(self._stop.is_set())
        return False

    def watch(self, cancelled: threading.Event, done: threading.Event) -> None:
        """Set `cancelled` when the task was, until it is done."""
        while not done.wait(_ASK_SECONDS):
            if self.is_stopped():
                cancelled.set()
                return

    def progress(self, step: Step) -> None:
        """The progress of a task that this worker carries out itself: told a few times a second, and stopped here."""
        now = time.monotonic()
        if now - self._asked >= _ASK_SECONDS:
            self._asked = now
            if self.is_stopped():
                raise Cancelled
        if now - self._told >= _TELL_SECONDS or step.done == step.total:
            self._told = now
            self.tell(step)
