"""The processes behind `fano serve`: prepare once, bind once, serve in one or several, say when it listens."""

import errno
import json
import logging
import os
import resource
import signal
import socket
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

import click
import uvicorn

from server.cli.serving import server_config
from server.cli.workers import Supervisor
from server.observability.json_log import log_config
from server.observability.metrics import MULTIPROCESS_FOLDER
from server.services.startup import admin_token_notice, make_data_folder, prepare
from server.settings import Settings, misspelt
from server.storage.database import Database

__all__ = ["run"]

_START_SECONDS = 60
_BACKLOG = 2_048
_OF_THE_PORT = (errno.EADDRINUSE, errno.EACCES)
_DESCRIPTORS = 1 << 16


def run(*, host: str, port: int, workers: int, as_json: bool, until_stdin_ends: bool = False) -> None:
    """Serve until a signal. Raises SchemaError, DatabaseUnavailable, DatabaseUrlError or OSError when it cannot start."""
    _end_on_signals()
    _allow_many_connections()
    settings = Settings()
    for name, meant in misspelt(os.environ).items():
        click.echo(f"{name} is no setting and is not read; {meant} is one.", err=True)
    make_data_folder(settings)
    database = Database(settings.database)
    try:
        token = prepare(settings, database)
    finally:
        database.dispose()
    listener = _listen(host, port)
    config = server_config(
        "server.cli.serving:application",
        factory=True,
        host=host,
        workers=workers,
        log_config=log_config(settings.log_level),
    )
    url = _url(host, listener)
    announcer = threading.Thread(target=_announce, args=(url, token, as_json), daemon=True)
    announcer.start()
    if until_stdin_ends:
        threading.Thread(target=_end_with_stdin, daemon=True).start()
    if workers == 1:
        server = uvicorn.Server(config)
        server.run(sockets=[listener])
        if not server.started:
            sys.exit(1)
    else:
        with tempfile.TemporaryDirectory(prefix="fano-metrics-") as folder:
            os.environ[MULTIPROCESS_FOLDER] = folder  # in which the workers add up what they measure
            supervisor = Supervisor(config, [listener])
            supervisor.run()
        if supervisor.failed:
            sys.exit(1)


def _allow_many_connections() -> None:
    """Every connection needs a descriptor, and many systems begin with 1,024 where far more are allowed: then as many idle phones would
    keep all others out. Processes made from here on inherit this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(_DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _end_on_signals() -> None:
    """A signal is the normal way to end: uvicorn raises it again after its shutdown, and then this ends with code 0."""

    def end(_number: int, _frame: object) -> None:
        if any(thread.name.startswith("fano-decode") for thread in threading.enumerate()):
            # every upload is answered and the database closed; a decoding of minutes would only hold the process up
            logging.shutdown()
            os._exit(0)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))  # the terminal is gone


def _end_with_stdin() -> None:
    """Whoever started this holds the other end: it closes when that process is gone, even after a kill -9."""
    while os.read(sys.stdin.fileno(), 4_096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        other = "--port, or 0 for a free one" if error.errno in _OF_THE_PORT else "--host"
        raise OSError(f"cannot listen on {host}:{port}: {error.strerror}; choose another {other}") from error
    listener.set_inheritable(True)
    return listener


def _url(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _announce(url: str, token: str | None, as_json: bool) -> None:
    """Wait until the service answers, then say so once."""
    if not _answers(url):
        click.echo(f"fano serve: no answer at {url} within {_START_SECONDS} seconds", err=True)
        return
    if as_json:
        click.echo(json.dumps({"event": "listening", "url": url, "admin_token": token}))
        sys.stdout.flush()
        return
    click.echo(f"Fanoplane listens on {url} (interactive documentation at {url}/docs). Ctrl-C ends it.", err=True)
    if token is not None:
        click.echo(admin_token_notice(token), err=True)


def _answers(url: str) -> bool:
    local = url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            with opener.open(f"{local}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False
