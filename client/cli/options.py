"""Options that several commands share, spelled once."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from client.rest import AdminClient

__all__ = [
    "admin_client",
    "confidence_option",
    "format_option",
    "json_option",
    "named_files",
    "optional_token_option",
    "parameter_option",
    "selection_options",
    "service_options",
    "url_option",
    "version_option",
    "window_option",
    "write_key_option",
]

Command = TypeVar("Command", bound=Callable[..., Any])

url_option = click.option(
    "--url",
    envvar="FANO_URL",
    default="http://127.0.0.1:8000",
    show_default=True,
    show_envvar=True,
    help="Address of the service.",
)

_token_option = click.option(
    "--token", envvar="FANO_ADMIN_TOKEN", show_envvar=True, required=True, help="Admin token of the service."
)

optional_token_option = click.option(
    "--token", envvar="FANO_ADMIN_TOKEN", show_envvar=True, help="Admin token of the service, for --make-key."
)

write_key_option = click.option(
    "--write-key", envvar="FANO_WRITE_KEY", show_envvar=True, help="Write key of the collection."
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


format_option = click.option(
    "--format",
    "layout",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="How to print it.",
)


def _parameters(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    chosen: dict[str, int] = {}
    for value in values:
        name, _, number = value.partition("=")
        if not name or not number.isdigit():
            raise click.BadParameter(f"expected NAME=INTEGER such as q=4, got {value!r}", ctx, option)
        chosen[name] = int(number)
    return chosen


def named_files(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, Path]:
    """NAME=FILE as a name and a file that is there, for `callback=`."""
    chosen: dict[str, Path] = {}
    for value in values:
        name, _, file = value.partition("=")
        if not name or not Path(file).is_file() or not file.endswith(".npy"):
            raise click.BadParameter(
                f"expected NAME=FILE with a .npy file, such as X=tokens.npy, got {value!r}", ctx, option
            )
        chosen[name] = Path(file)
    return chosen


parameter_option = click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    callback=_parameters,
    help="A parameter of the mechanism, such as q=4; repeat it.",
)


confidence_option = click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Of every interval.",
)

version_option = click.option(
    "--version", type=click.IntRange(min=1), help="Of the collection; the current one by default."
)

window_option = click.option("--window", help='Only these windows: "20000" or "20000..20006".')


def selection_options(command: Command) -> Command:
    """--window, --cohort and --version."""
    cohort = click.option("--cohort", help="Only this cohort, by its name.")
    return window_option(cohort(version_option(command)))


def service_options(command: Command) -> Command:
    """--url and --token."""
    return url_option(_token_option(command))


def admin_client(url: str, token: str) -> AdminClient:
    """The REST client of a command."""
    return AdminClient(url, token)
