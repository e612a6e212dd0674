"""Options that several commands share, spelled once."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

from client.rest import AdminClient

__all__ = ["admin_client", "json_option", "parameter_option", "service_options", "url_option", "write_key_option"]

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

write_key_option = click.option(
    "--write-key", envvar="FANO_WRITE_KEY", show_envvar=True, required=True, help="Write key of the collection."
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")


def _parameters(ctx: click.Context, option: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    chosen: dict[str, int] = {}
    for value in values:
        name, _, number = value.partition("=")
        if not name or not number.isdigit():
            raise click.BadParameter(f"expected NAME=INTEGER such as q=4, got {value!r}", ctx, option)
        chosen[name] = int(number)
    return chosen


parameter_option = click.option(
    "-p",
    "--parameter",
    "parameters",
    multiple=True,
    callback=_parameters,
    help="A parameter of the mechanism, such as q=4; repeat it.",
)


def service_options(command: Command) -> Command:
    """--url and --token."""
    return url_option(_token_option(command))


def admin_client(url: str, token: str) -> AdminClient:
    """The REST client of a command."""
    return AdminClient(url, token)
