"""Who carries out tasks: the local process pool, or a Dask cluster. To its caller either looks as if the work ran in its own thread."""

import threading
from collections.abc import Callable
from typing import Protocol

from ldp_core.analysis.progress import Step
from server.jobs.task import Outcome, Task

__all__ = ["Executor", "Tell"]

Tell = Callable[[Step], None]
"""Told now and then how far a task is, in the thread that waits for it."""


class Executor(Protocol):
    """Runs tasks elsewhere. `execute` may be called from as many threads as there are `slots`."""

    @property
    def name(self) -> str:
        """`local` or `dask`."""
        ...

    @property
    def slots(self) -> int:
        """How many tasks it is to be given at once."""
        ...

    def execute(self, task: Task, tell: Tell, cancelled: threading.Event) -> Outcome:
        """Carry out a task and wait for it. Once `cancelled` is set the outcome comes within a second, and the work has stopped."""
        ...

    def close(self) -> None:
        """Stop all work and leave nothing running."""
        ...
