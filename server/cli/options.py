"""Options that several commands of the service share."""

import click

__all__ = ["database_option", "given"]


def given(ctx: click.Context, option: click.Parameter, value: str | None) -> str | None:
    """A value that is not empty, for `callback=`: an empty one is a shell variable that was not set, and must not mean the default."""
    if value == "":
        raise click.BadParameter("it is empty; leave the option out for the default", ctx, option)
    return value


database_option = click.option(
    "--database",
    metavar="URL",
    callback=given,
    help="sqlite:///path or postgresql://user@host/name. [default: FANO_DATABASE_URL, else a file in FANO_DATA_DIR]",
)
