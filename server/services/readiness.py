"""Can the service take and keep a report right now? Each check says "ok" or what is wrong."""

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


class Readiness:
    """The checks behind /readyz."""

    def __init__(self, database: Database, writer: GroupCommitWriter, *, folder: Path, free_disk_bytes: int) -> None:
        self._database = database
        self._writer = writer
        self._folder = folder
        self._free_disk_bytes = free_disk_bytes

    def checks(self) -> Mapping[str, str]:
        """database: a write transaction begins · schema: at the head · durability: a commit is on disk ·
        writer: it runs · queue: it has room · disk: enough is free."""
        return {
            "database": _answer(lambda: write_trouble(self._database)),
            "schema": _answer(self._schema),
            "durability": _answer(lambda: durability_trouble(self._database)),
            "writer": self._writer.trouble or OK,
            "queue": self._writer.crowded or OK,
            "disk": self._disk() or OK,
        }

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
