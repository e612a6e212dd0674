"""The executor of a Dask cluster: tasks go to its scheduler, which gives them to workers and again to others when a worker is lost.

Workers need this package and one thread each: `dask worker tcp://scheduler:8786 --nthreads 1`. A task is stopped between two of its
steps; one numeric call of a remote worker cannot be interrupted, but nobody waits for it any more.
"""

import contextlib
import threading
import time
import uuid
from typing import Any

from distributed import Client, Event, Future, KilledWorker, get_worker

from ldp_core.analysis.progress import Cancelled, Step
from server.jobs.executor import Tell
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
    return perform(task, _RemoteWatch(key, topic))


class _RemoteWatch:
    """The progress of a task on a worker: tells the service, and asks now and then whether it was cancelled."""

    def __init__(self, key: str, topic: str) -> None:
        self._worker = get_worker()
        self._key, self._topic = key, topic
        self._told = self._asked = -1.0
        self._stop = Event(key)

    def __call__(self, step: Step) -> None:
        now = time.monotonic()
        if now - self._asked >= _ASK_SECONDS:
            self._asked = now
            with contextlib.suppress(TimeoutError):
                if self._stop.is_set():
                    raise Cancelled
        if now - self._told >= _TELL_SECONDS or step.done == step.total:
            self._told = now
            self._worker.log_event(self._topic, {"key": self._key, "step": vars(step)})
