"""How a process serves: the application and the settings of its HTTP server, the same under `fano serve` and in measurements."""

import gc
from collections.abc import Callable
from typing import Any

import uvicorn
from fastapi import FastAPI

from server.app import create_app
from server.cli.bounded_protocol import BoundedProtocol

__all__ = ["application", "forget_what_stays", "server_config"]

_SHUTDOWN_SECONDS = 7


def application() -> FastAPI:
    """The service of a process that does nothing else. Its settings come from the environment."""
    app = create_app()
    forget_what_stays()
    return app


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
