"""The schema's revision: where the chain of migrations is, where a database stands, and how to move it."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from server.storage.database import Database

__all__ = ["SchemaError", "current_revision", "downgrade", "head_revision", "require_head", "upgrade"]

_MIGRATION_LOCK = 0x66616E6F  # "fano"


class SchemaError(RuntimeError):
    """The database does not have the schema that this version of the service needs."""


def _migrations() -> Path:
    """The chain inside an installed package, else the one at the root of the checkout."""
    packaged = Path(__file__).with_name("migrations")
    return packaged if (packaged / "env.py").is_file() else Path(__file__).resolve().parents[2] / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_migrations()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@cache
def _chain() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def head_revision() -> str:
    """The revision that this version of the service needs."""
    head = _chain().get_current_head()
    if head is None:
        raise SchemaError(f"no migrations in {_migrations()}; the installation is incomplete")
    return head


def current_revision(database: Database) -> str | None:
    """The revision of a database, None for an empty one."""
    with database.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def require_head(database: Database) -> None:
    """Raises SchemaError, naming the remedy, unless the database is exactly at the head."""
    current, head = current_revision(database), head_revision()
    if current != head:
        raise SchemaError(
            f"the database is {'empty' if current is None else f'at revision {current}'} and this version needs {head}; "
            "run `fano db upgrade` (or install the version of Fanoplane that made it, if it is newer)"
        )


def upgrade(database: Database, revision: str = "head") -> str:
    """Move a database up, in one transaction; two processes may try at once. Returns the revision reached.

    Raises SchemaError for a database that a newer version made.
    """
    current = current_revision(database)
    if revision == "head" and current == head_revision():
        return current
    known = {script.revision for script in _chain().walk_revisions()}
    if current is not None and current not in known:
        raise SchemaError(
            f"the database is at revision {current}, which this version does not know; install the version that made it"
        )
    with database.write() as connection:
        _lock(connection)
        command.upgrade(_config(connection), revision)
    return current_revision(database) or "empty"


def downgrade(database: Database, revision: str = "base") -> None:
    """Move a database down. Everything that the newer tables hold is lost."""
    with database.write() as connection:
        _lock(connection)
        command.downgrade(_config(connection), revision)


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
