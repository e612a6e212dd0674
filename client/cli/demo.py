"""`fano demo`: the whole chain on one machine, with the truth beside the estimate."""

import secrets
import shutil
import signal
import tempfile
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from client.cli.demo_result import BANNER, DemoResult
from client.cli.output import print_json, progress_bar, say
from client.cli.service_process import RunningService, serve_command, started_service
from client.rest import AdminClient
from client.simulation import Fleet, Population, by_name

__all__ = ["demo"]

_ENDING_SIGNALS = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]

_QUESTIONS = {"words": "Which word did you type last?", "emoji": "Which emoji did you send last?"}


@click.command()
@click.option(
    "--phones", type=click.IntRange(min=1), default=20_000, show_default=True, help="How many answer, once each."
)
@click.option("--epsilon", default="4", show_default=True, help="Privacy loss of one report, exactly.")
@click.option(
    "--items", type=click.IntRange(min=2), help="Number of possible answers; 20,000 words or all emoji by default."
)
@click.option(
    "--population",
    type=click.Choice(["words", "emoji"]),
    default="words",
    show_default=True,
    help="What people answer.",
)
@click.option("--seed", type=click.IntRange(min=0), help="Repeats answers and messages exactly.")
@click.option("--top", type=click.IntRange(min=1), default=15, show_default=True, help="Rows to show at most.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default=True,
    help="Port of the service; 0 picks a free one.",
)
@click.option("--open", "open_browser", is_flag=True, help="Open the dashboard in the browser.")
@click.option("--keep", is_flag=True, help="Keep the folder with the database.")
@click.option("--exit", "exit_at_once", is_flag=True, help="End after the histogram instead of serving on.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def demo(
    phones: int,
    epsilon: str,
    items: int | None,
    population: str,
    seed: int | None,
    top: int,
    port: int,
    open_browser: bool,
    keep: bool,
    exit_at_once: bool,
    as_json: bool,
) -> None:
    """Simulated phones report to a real service; the histogram appears beside the truth.

    The service keeps running afterwards, until Ctrl-C, unless --exit is given; its dashboard is one link away.
    """
    say(BANNER)
    people = by_name(population, items)
    token, code = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    settings = {"FANO_DEMO": "true", "FANO_DEMO_CODE": code}
    with _ends_in_order(), _folder(keep) as folder:
        say("Starting a service with a SQLite database of its own …")
        with started_service(serve_command(folder, port), folder, token, settings) as service:
            result = _collect(service, people, _QUESTIONS[population], epsilon, phones, seed, top)
            if exit_at_once:
                _show(result, None, "", as_json)
                return
            link = _dashboard_link(service, code, result.collection["id"])
            if open_browser:
                webbrowser.open(link)
                link = f"{service.url}/dashboard/collections/{result.collection['id']}"  # the other one is used up
            _show_and_serve_on(result, service, link, as_json)


def _dashboard_link(service: RunningService, code: str, collection: str) -> str:
    """The dashboard's page of a collection; following it logs in, once."""
    return f"{service.url}/dashboard/enter/{code}?onward=/dashboard/collections/{collection}"


def _collect(
    service: RunningService, people: Population, question: str, epsilon: str, phones: int, seed: int | None, top: int
) -> DemoResult:
    """Create a collection, let the fleet answer it, and read the histogram."""
    with AdminClient(service.url, service.token) as admin:
        created = admin.create(name="demo", question=question, epsilon=epsilon, items=people.items)
        admin.open(created["id"])
        say(f"{phones:,} phones answer “{question}” with epsilon = {created['epsilon']} …")
        with progress_bar("phones", phones) as progress:
            fleet = Fleet(service.url, created["write_key"], people, phones, seed=seed).run(
                created["id"], progress=progress
            )
        if fleet.failed:
            raise click.ClickException(f"{fleet.failed:,} phones failed: {'; '.join(fleet.problems)}")
        say("Decoding …")
        return DemoResult(created, admin.estimates(created["id"]), fleet, top)


def _show(result: DemoResult, serving: RunningService | None, link: str, as_json: bool) -> None:
    """The result, and where it can be looked at as long as the service runs."""
    where: dict[str, Any] = {"url": serving.url, "dashboard": link, "admin_token": serving.token} if serving else {}
    if as_json:
        print_json(result.document() | where)
    else:
        result.show()
    say(BANNER)
    if serving:
        say(f"Dashboard (this link logs in once): {link}")
        say(f"Still serving at {serving.url}")
        say(f"Admin token: {serving.token}")
        say(f"Try: fano estimate {result.collection['id']} --url {serving.url} --token {serving.token}")
        say("Ctrl-C ends it.")


def _show_and_serve_on(result: DemoResult, service: RunningService, link: str, as_json: bool) -> None:
    """Show the result, then wait for Ctrl-C or SIGTERM. Raises ClickException when the service ends by itself."""
    try:
        _show(result, service, link, as_json)
        while service.process.poll() is None:
            time.sleep(0.2)
    except KeyboardInterrupt:
        say("Ending.")
        return
    raise click.ClickException(f"the service ended by itself with exit code {service.process.returncode}")


@contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    """A temporary folder, removed at the end unless it is to be kept."""
    folder = Path(tempfile.mkdtemp(prefix="fano-demo-"))
    try:
        yield folder
    finally:
        if keep:
            say(f"Kept: {folder}")
        else:
            shutil.rmtree(folder)


@contextmanager
def _ends_in_order() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the block as Ctrl-C does, so that the service is stopped and its folder removed."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's signature
        signal.signal(number, signal.SIG_IGN)  # once is enough; what follows is the clean-up
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, interrupt) for number in _ENDING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
