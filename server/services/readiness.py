"""Can the service take and keep a report right now? Each check says "ok" or what is wrong."""

import asyncio
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from server.refusals import DatabaseUnavailable
from server.services.writer import GroupCommitWriter
from server.storage.database import Database
from server.storage.probes import durability_trouble, write_trouble
from server.storage.schema import SchemaError, require_head

__all__ = ["OK", "Readiness"]

OK = "ok"

_PATIENCE_SECONDS = 5.0
_OF_THE_DATABASE = ("database", "schema", "durability")
_SILENT = "the database does not answer"


class Readiness:
    """The checks behind /readyz."""

    def __init__(self, database: Database, writer: GroupCommitWriter, *, folder: Path, free_disk_bytes: int) -> None:
        self._database = database
        self._writer = writer
        self._folder = folder
        self._free_disk_bytes = free_disk_bytes
        self._asking: asyncio.Task[Mapping[str, str]] | None = None

    async def checks(self) -> Mapping[str, str]:
        """database: a write transaction begins · schema: at the head · durability: a commit is on disk ·
        writer: it runs · queue: it has room · disk: enough is free.

        Whoever asks before the database has answered the last one shares that answer, so that probes of a silent database do not pile up;
        and after five seconds its silence is the answer.
        """
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(asyncio.to_thread(self._of_the_database))
        answered, _ = await asyncio.wait([self._asking], timeout=_PATIENCE_SECONDS)
        said = self._asking.result() if answered else dict.fromkeys(_OF_THE_DATABASE, _SILENT)
        return {
            **said,
            "writer": self._writer.trouble or OK,
            "queue": self._writer.crowded or OK,
            "disk": self._disk() or OK,
        }

    def _of_the_database(self) -> Mapping[str, str]:
        looks = (lambda: write_trouble(self._database), self._schema, lambda: durability_trouble(self._database))
        return {name: _answer(look) for name, look in zip(_OF_THE_DATABASE, looks, strict=True)}

    def _schema(self) -> str | None:
        try:
            require_head(self._database)
        except SchemaError as error:
            return str(error)
        return None

    def _disk(self) -> str | None:
        folder = next(path for path in (self._folder, *self._folder.parents) if path.exists())
        free = shutil.disk_usage(folder).free
        if free < self._free_disk_bytes:
            return f"{free} bytes are free and {self._free_disk_bytes} are wanted"
        return None


def _answer(check: Callable[[], str | None]) -> str:
    try:
        return check() or OK
    except DatabaseUnavailable as refusal:
        return refusal.detail
