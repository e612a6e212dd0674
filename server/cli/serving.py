"""How a process serves: the application and the settings of its HTTP server, the same under `fano serve` and in measurements."""

import gc
import logging
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from server.app import create_app
from server.cli.bounded_protocol import BoundedProtocol

__all__ = ["application", "forget_what_stays", "server_config"]

_SHUTDOWN_SECONDS = 7
_LAST_SECONDS = 9.4


def application() -> FastAPI:
    """The service of a process that does nothing else. Its settings come from the environment."""
    app = create_app()
    whole_life = app.router.lifespan_context

    @asynccontextmanager
    async def life(of: FastAPI) -> AsyncIterator[None]:
        for number in (signal.SIGTERM, signal.SIGINT):
            _end_in_time(number)
        async with whole_life(of):
            yield

    app.router.lifespan_context = life
    forget_what_stays()
    return app


def _end_in_time(number: signal.Signals) -> None:
    """Let the process end soon after a signal, whatever hangs: a thread that waits for a database which fell silent can be stopped by
    nothing else. By then every upload was answered, and none is told that it counts before it is stored."""
    before = signal.getsignal(number)  # of the HTTP server, which is about to serve

    def end() -> None:
        logging.shutdown()
        os._exit(0)

    def ending(number: int, frame: FrameType | None) -> None:
        last = threading.Timer(_LAST_SECONDS, end)
        last.daemon = True
        last.start()
        if callable(before):
            before(number, frame)

    signal.signal(number, ending)


def forget_what_stays() -> None:
    """Spare the garbage collector what was loaded until now, which lives as long as the process: looking through all of it
    holds every upload up, in its full rounds for a tenth of a second, and finds nothing."""
    gc.collect()
    gc.freeze()


def server_config(app: str | Callable[..., Any], **options: Any) -> uvicorn.Config:
    """uvicorn's settings for this service. app: it, or the name of what makes it."""
    return uvicorn.Config(
        app,
        http=BoundedProtocol,
        ws="none",
        access_log=False,  # it would write the addresses of phones
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        **options,
    )
