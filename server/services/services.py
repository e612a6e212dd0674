"""The parts of a running service and how they hang together."""

from server.services.collections import Collections
from server.services.estimates import Estimates
from server.services.folding import Folder, Folding
from server.services.ingest import record_group
from server.services.intake import Intake
from server.services.readiness import Readiness
from server.services.series import SeriesService
from server.services.startup import make_tokens
from server.services.writer import GroupCommitWriter
from server.settings import Settings
from server.storage.database import Database

__all__ = ["Services"]


class Services:
    """One of each. Making it opens nothing; `start` and `close` frame the time in which it serves."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database)
        self.tokens = make_tokens(settings, self.database)
        self.collections = Collections(self.database, settings)
        self.writer = GroupCommitWriter(
            lambda uploads: record_group(self.database, uploads),
            waiting_uploads=settings.waiting_uploads,
            waiting_bytes=settings.waiting_bytes,
        )
        self.intake = Intake(
            self.database,
            self.tokens,
            self.writer,
            uploads_per_second=settings.uploads_per_second,
            window_grace_seconds=settings.window_grace_seconds,
        )
        self.estimates = Estimates(self.database, self.collections)
        self.series = SeriesService(self.estimates)
        self.folder = Folder(self.database, reports=settings.fold_reports)
        self.folding = Folding(self.folder, seconds=settings.fold_seconds)
        self.readiness = Readiness(
            self.database,
            self.writer,
            folder=settings.data_dir if self.database.file is None else self.database.file.parent,
            free_disk_bytes=settings.free_disk_bytes,
        )

    def start(self) -> None:
        """Start the writer and the folding, warm the decoder. Call it inside the event loop that will serve."""
        self.writer.start()
        self.folding.start()
        if self.settings.warm_decoder:
            self.estimates.warm()

    def close(self) -> None:
        """Commit what waits, end the threads, close the connections."""
        self.writer.close()
        self.folding.close()
        self.estimates.close()
        self.database.dispose()
