"""Kinds of work that no analysis does: hold the interpreter, die, say what they see. Given to workers through `KINDS`."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from ldp_core.analysis.progress import Progress, Step
from server.jobs import work
from server.jobs.task import Outcome, Task


def _sleep(task: Task, progress: Progress) -> Outcome:
    """Steps of a hundredth of a second."""
    steps = int(task.body["steps"])
    for step in range(steps):
        progress(Step(step, steps, "steps", "root", step**0.5))
        time.sleep(0.01)
    return Outcome("done", b'{"slept": true}')


def _stubborn(task: Task, _progress: Progress) -> Outcome:
    """Compute for minutes without looking up, then leave a mark."""
    total = sum(range(task.body["count"]))
    return Outcome("done", str(total).encode())


def _die(task: Task, _progress: Progress) -> Outcome:
    os.kill(os.getpid(), getattr(signal, task.body["signal"]))
    time.sleep(30)
    return Outcome("done", b"{}")


def _environment(_task: Task, _progress: Progress) -> Outcome:
    import json

    names = [name for name in os.environ if name.endswith("_NUM_THREADS")]
    return Outcome("done", json.dumps({"pid": os.getpid(), **{name: os.environ[name] for name in names}}).encode())


def _threads(_task: Task, _progress: Progress) -> Outcome:
    import numpy as np

    square = np.ones((600, 600))
    square @ square  # whatever starts threads has started them
    return Outcome("done", str(len([*Path("/proc/self/task").iterdir()])).encode())


def _fail(task: Task, _progress: Progress) -> Outcome:
    raise KeyError(task.body["secret"])


KINDS: dict[str, Any] = {
    "sleep": _sleep,
    "stubborn": _stubborn,
    "die": _die,
    "environment": _environment,
    "threads": _threads,
    "fail": _fail,
}


class KindedTask(Task):
    """A task that brings its kind along: unpickling it in a worker registers the kinds above there."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        work.KINDS = {**work.KINDS, **KINDS}
        self.__dict__.update(state)
