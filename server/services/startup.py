"""What must hold before the first request: a folder, the schema, an admin token."""

from tempfile import TemporaryFile

from server.clock import Clock
from server.services.tokens import Tokens, token_sha256
from server.settings import Settings
from server.storage.database import Database
from server.storage.schema import require_head, upgrade

__all__ = ["admin_token_notice", "make_data_folder", "make_tokens", "prepare"]


def make_tokens(settings: Settings, database: Database, clock: Clock | None = None) -> Tokens:
    """The tokens of a service with these settings."""
    configured = settings.admin_token
    return Tokens(database, None if configured is None else token_sha256(configured.get_secret_value()), clock)


def make_data_folder(settings: Settings) -> None:
    """Make the data folder for its owner alone, and write to it: counts and the key of the dashboard lie there beside any database.

    A service that runs goes on without it; one that is started without it was told a wrong place. Raises OSError.
    """
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with TemporaryFile(dir=settings.data_dir):
        pass


def prepare(settings: Settings, database: Database) -> str | None:
    """Bring an embedded database to the schema's head, demand the head of a server's, and make the first admin token.

    Returns that token if it was made now: it cannot be read again. Raises SchemaError naming `fano db upgrade`, or
    DatabaseUnavailable.
    """
    if database.file is not None:
        database.file.parent.mkdir(parents=True, exist_ok=True)
        upgrade(database)
    else:
        require_head(database)
    return make_tokens(settings, database).ensure_admin()


def admin_token_notice(token: str) -> str:
    """What people are told about a new admin token."""
    return f"The admin token, made now and never shown again: {token}\nKeep it, for instance as FANO_ADMIN_TOKEN."
