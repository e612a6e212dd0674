"""The parts of a running service and how they hang together."""

import time
from collections.abc import Callable, Sequence

from ldp_core.estimation import Estimate
from ldp_core.mechanisms import Mechanism, Tally
from server.clock import Clock, SystemClock
from server.jobs.executor import Executor
from server.jobs.local import LocalExecutor
from server.observability.metrics import Metrics
from server.services.analyses import Analyses
from server.services.arrays import Arrays
from server.services.backlog import Backlog
from server.services.binding import Binding
from server.services.changes import Changes
from server.services.cluster_decoding import ClusterDecoder
from server.services.collections import Collections
from server.services.estimates import Estimates
from server.services.folding import Folder, Folding
from server.services.housekeeping import Housekeeping
from server.services.ingest import record_group
from server.services.intake import Intake
from server.services.intake_counts import IntakeCounts
from server.services.job_runner import JobRunner
from server.services.jobs import Jobs
from server.services.keys import Keys
from server.services.readiness import Readiness
from server.services.repeats import Repeats
from server.services.series import SeriesService
from server.services.startup import make_tokens
from server.services.writer import GroupCommitWriter, Outcome, Upload
from server.settings import Settings
from server.storage.checkpoints import Checkpoints
from server.storage.database import Database

__all__ = ["Services"]


class Services:
    """One of each. Making it opens nothing; `start` and `close` frame the time in which it serves."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.clock = clock or SystemClock()
        self.database = Database(settings.database)
        self.tokens = make_tokens(settings, self.database, self.clock)
        self.collections = Collections(self.database, settings, self.clock)
        self.repeats = Repeats(self.database, self.clock)
        self.changes = Changes(self.database, self.collections, self.clock, announce=lambda: self.housekeeping.wake())
        self.housekeeping = Housekeeping(
            self.database,
            self.changes,
            self.clock,
            retry_horizon_days=settings.retry_horizon_days,
            rows=settings.purge_rows,
            at_most=settings.housekeeping_seconds,
            also=(
                self.repeats.forget,
                lambda: self.jobs.purge(),
                lambda: self.arrays.purge(),
                lambda: self.intake_counts.forget_deleted(self.collections.deleted),
            ),
        )
        self.keys = Keys(self.database, self.tokens, self.collections, self.clock)
        self.checkpoints = Checkpoints(self.database)
        self.writer = GroupCommitWriter(
            self._record,
            waiting_uploads=settings.waiting_uploads,
            waiting_bytes=settings.waiting_bytes,
        )
        self.intake = Intake(
            self.database,
            self.tokens,
            self.writer,
            uploads_per_second=settings.uploads_per_second,
            window_grace_seconds=settings.window_grace_seconds,
            clock=self.clock.now,
        )
        executor = _executor(settings)
        self.estimates = Estimates(self.database, self.collections, self.metrics.decoded, _elsewhere(executor))
        self.series = SeriesService(self.estimates)
        self.jobs = Jobs(
            self.database,
            self.clock,
            per_token=settings.jobs_per_token,
            retention_days=settings.job_retention_days,
        )
        self.arrays = Arrays(
            self.database,
            self.clock,
            per_token=settings.arrays_per_token,
            file_bytes=settings.array_bytes,
            retention_days=settings.array_retention_days,
        )
        self.analyses = Analyses(
            Binding(self.collections, self.estimates, self.arrays),
            self.jobs,
            LocalExecutor(1),
            wake=lambda: self.job_runner.wake(),
        )
        self.job_runner = JobRunner(
            self.database,
            self.clock,
            executor,
            self.analyses.prepare,
            result_bytes=settings.job_result_bytes,
        )
        self.folder = Folder(self.database, reports=settings.fold_reports, clock=self.clock.now)
        self.folding = Folding(self.folder, seconds=settings.fold_seconds)
        self.intake_counts = IntakeCounts(settings.data_dir, self.intake.window_now)
        self.backlog = Backlog(self.database, clock=self.clock.now)
        self.readiness = Readiness(
            self.database,
            self.writer,
            folder=settings.data_dir if self.database.file is None else self.database.file.parent,
            free_disk_bytes=settings.free_disk_bytes,
        )

    def start(self) -> None:
        """Start the writer and the background work, and warm the decoder. Call it inside the event loop that will serve."""
        self.writer.start()
        self.checkpoints.start()
        self.folding.start()
        self.intake_counts.start()
        self.housekeeping.start()
        self.job_runner.start()
        if self.settings.warm_decoder:
            self.estimates.warm()
            self.analyses.warm()

    def close(self) -> None:
        """Commit what waits, end the threads, close the connections."""
        self.housekeeping.close()
        self.job_runner.close()
        self.analyses.close()
        self.writer.close()
        self.checkpoints.close()
        self.intake_counts.close()
        self.folding.close()
        self.estimates.close()
        self.database.dispose()

    def _record(self, uploads: Sequence[Upload]) -> list[Outcome]:
        start = time.perf_counter()
        try:
            outcomes = record_group(self.database, uploads, self.clock.now)
        finally:
            self.metrics.group(len(uploads), time.perf_counter() - start)
        self.checkpoints.written(len(uploads), sum([len(upload.messages) for upload in uploads]))
        return outcomes


def _executor(settings: Settings) -> Executor:
    """Who runs jobs: the cluster that the settings name, else processes of this machine."""
    if settings.dask_scheduler is None:
        return LocalExecutor(settings.job_workers)
    from server.jobs.distributed import DaskExecutor

    return DaskExecutor(settings.dask_scheduler, settings.job_workers)


def _elsewhere(executor: Executor) -> Callable[[Mechanism, Tally, str], Estimate | None]:
    """Who is asked for estimates of big domains first. Processes of this machine would be no faster than its threads."""
    return ClusterDecoder(executor) if executor.name == "dask" else lambda *_: None
