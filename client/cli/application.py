"""`fano` itself: commands found by name, imported only when they run, and one exit code for each way to end."""

from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points

import click

from ldp_core import __version__

__all__ = ["COMMAND_GROUP", "SUMMARIES", "application", "run"]

COMMAND_GROUP = "fanoplane.commands"

OK, REFUSED, USAGE, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 130

_OF_SIMULATIONS = ("regex", "wordfreq")

SUMMARIES = {
    "analysis": "Answer a question about a histogram, here or at a service.",
    "array": "Store, list and delete arrays of numbers that analyses are asked about.",
    "audit": "Draw reports for two answers and bound epsilon from below, without trusting the code.",
    "collection": "Create, list, open, pause, close and delete collections, and keep their write keys.",
    "db": "Keep the service's database: schema, backup, folding.",
    "demo": "Simulated phones report to a real service; the histogram appears beside the truth.",
    "estimate": "The histogram of a collection, every number with its interval.",
    "mechanisms": "The mechanisms, ranked by exact error at one epsilon and domain.",
    "plan": "Which mechanism, how much error, how many phones: before anything is asked.",
    "serve": "Run the service.",
    "simulate": "Let simulated phones answer a collection.",
    "token": "Create, list and revoke the tokens of people and programs; who did what.",
}
"""What `fano --help` says of each command, so that it need not import any."""


class LazyGroup(click.Group):
    """A group whose commands are entry points, imported when one is run or its own help is shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names of all installed commands."""
        return sorted(entry_points(group=COMMAND_GROUP).names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import one command. Raises ClickException when parts of it are not installed."""
        found = [point for point in entry_points(group=COMMAND_GROUP) if point.name == cmd_name]
        return _imported(found[0]) if found else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table of summaries."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, SUMMARIES.get(name, "")) for name in self.list_commands(ctx)])


def _imported(point: EntryPoint) -> click.Command:
    try:
        command: click.Command = point.load()
    except ModuleNotFoundError as error:
        extra = "server" if point.value.startswith("server.") else "simulation"
        raise click.ClickException(_missing(f"`fano {point.name}`", error, extra)) from error
    return command


def _missing(what: str, error: ModuleNotFoundError, extra: str) -> str:
    return f"{what} needs the module {error.name}, which is not installed. Install it with: pip install 'fanoplane[{extra}]'"


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="fano", message="%(prog)s %(version)s")
def application() -> None:
    """Fanoplane: histograms from phones without learning any phone's answer."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code: 0 done, 1 refused or failed, 2 wrong usage, 3 service unreachable, 130 interrupted."""
    try:
        result = application.main(args=list(arguments), prog_name="fano", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.exceptions.Abort:
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except Exception as error:
        return _refused(error)
    return result if isinstance(result, int) else OK


def _refused(error: Exception) -> int:
    """The exit code of an expected error, whose text is shown; any other one is ours and is raised."""
    from client.sdk.errors import ClientError, ServiceUnavailable
    from ldp_core.errors import FanoError

    if (
        isinstance(error, ModuleNotFoundError) and error.name in _OF_SIMULATIONS
    ):  # the real frequencies of words and emoji
        click.echo(f"Error: {_missing('this population', error, 'simulation')}", err=True)
        return REFUSED
    if not isinstance(error, ClientError | FanoError):
        raise error
    click.echo(f"Error: {error}", err=True)
    return UNREACHABLE if isinstance(error, ServiceUnavailable) else REFUSED
