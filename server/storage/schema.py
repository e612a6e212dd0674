"""The schema's revision: where the chain of migrations is, where a database stands, and how to move it."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

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
    """The revision of a database, None for one that is empty or not there: SQLite would make its file."""
    return _standing(database)[0]


def require_head(database: Database) -> None:
    """Raises SchemaError, naming the remedy, unless the database is exactly at the head."""
    current, head = _known_standing(database), head_revision()
    if current != head:
        stands = "empty" if current is None else f"at revision {current}"
        raise SchemaError(f"the database is {stands} and this version needs {head}; run `fano db upgrade`")


def upgrade(database: Database, revision: str = "head") -> str:
    """Move a database up, in one transaction; two processes may try at once. Returns the revision reached.

    Raises SchemaError for a database that a newer version made, or something else than Fanoplane.
    """
    current = _known_standing(database)
    if revision == "head" and current == head_revision():
        return current
    with database.write() as connection:
        _lock(connection)
        command.upgrade(_config(connection), revision)
    return current_revision(database) or "empty"


def downgrade(database: Database, revision: str = "base") -> None:
    """Move a database down. Everything that the newer tables hold is lost."""
    with database.write() as connection:
        _lock(connection)
        command.downgrade(_config(connection), revision)


def _standing(database: Database) -> tuple[str | None, list[str]]:
    """The revision, and where there is none the names of the tables, of one moment."""
    if database.file is not None and not database.file.exists():
        return None, []
    with database.snapshot() as connection:
        context = MigrationContext.configure(connection)
        current = context.get_current_revision()
        tables = [] if current is not None else inspect(connection).get_table_names()
        return current, [name for name in tables if name != context.version_table]


def _known_standing(database: Database) -> str | None:
    """The revision. Raises SchemaError when this version does not know it, and for tables that are not Fanoplane's."""
    current, tables = _standing(database)
    if current is None and tables:
        raise SchemaError(
            f"the database holds something else than Fanoplane: {', '.join(sorted(tables)[:5])}; name an empty one"
        )
    if current is not None and current not in {script.revision for script in _chain().walk_revisions()}:
        raise SchemaError(
            f"the database is at revision {current}, which this version does not know; "
            "a newer version of Fanoplane made it, so install that one"
        )
    return current


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATION_LOCK})
