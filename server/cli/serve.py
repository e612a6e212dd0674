"""`fano serve`: the collection service in one or several processes."""

import os

import click

from server.cli.options import database_option, given

__all__ = ["serve"]


@click.command(short_help="Run the collection service.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, callback=given, help="Address to listen on; 0.0.0.0 for all."
)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0 picks a free port.")
@database_option
@click.option("--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes that serve.")
@click.option("--until-stdin-ends", is_flag=True, help="End, too, when standard input does: its starter is gone.")
@click.option("--json", "as_json", is_flag=True, help="Say on stdout, as one line of JSON, when it listens and where.")
def serve(host: str, port: int, database: str | None, workers: int, until_stdin_ends: bool, as_json: bool) -> None:
    """Run the collection service until SIGTERM or Ctrl-C.

    Without any setting it keeps its data in a SQLite file and shows a new admin token once. Every setting is an
    environment variable FANO_<NAME>. On SIGTERM it answers what it has taken, then ends with exit code 0; exit code 1
    means that it could not start.

    \b
    Examples:
      fano serve
      fano serve --port 0 --json
      fano serve --host 0.0.0.0 --workers 4 --database postgresql://fano@localhost/fano
    """
    from server.cli.failures import failures_told

    if database is not None:
        os.environ["FANO_DATABASE_URL"] = database  # worker processes read it there
    with failures_told("serve"):
        from server.cli.process import run

        run(host=host, port=port, workers=workers, until_stdin_ends=until_stdin_ends, as_json=as_json)
