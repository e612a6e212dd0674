"""What a command of the service says when it cannot do its work: a sentence for whoever runs it, and exit code 1."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from pydantic import ValidationError

from server.refusals import DatabaseUnavailable, Refusal
from server.storage.backup import BackupError
from server.storage.database import DatabaseUrlError
from server.storage.schema import SchemaError

__all__ = ["failures_told"]

_EXPECTED = (Refusal, DatabaseUrlError, SchemaError, BackupError)


@contextmanager
def failures_told(command: str) -> Iterator[None]:
    """Say on standard error why `command` could not do its work, and leave with exit code 1. Unexpected errors pass: they are ours."""
    try:
        yield
    except ValidationError as error:
        for entry in error.errors():
            _tell(command, f"FANO_{str(entry['loc'][0]).upper()}: {entry['msg'].removeprefix('Value error, ')}")
        sys.exit(1)
    except DatabaseUnavailable as error:
        _tell(command, f"the database cannot be used: {error.reason or error.detail}")
        sys.exit(1)
    except OSError as error:
        _tell(command, f"{error.filename}: {error.strerror}" if error.filename else str(error))
        sys.exit(1)
    except _EXPECTED as error:
        _tell(command, str(error))
        sys.exit(1)


def _tell(command: str, text: str) -> None:
    click.echo(f"fano {command}: {text}", err=True)
