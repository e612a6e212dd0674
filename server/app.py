"""The application: `create_app` puts the routes on the services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.middleware import Middleware

import ldp_core
from server.api import collections, devices, estimates, health, plans, series
from server.api.boundary import BodyLimit, Boundary
from server.api.handlers import install_handlers
from server.api.openapi import REPORTS_PATH, install_openapi
from server.api.reports import upload_reports
from server.services.services import Services
from server.services.startup import admin_token_notice, prepare
from server.settings import Settings

__all__ = ["create_app"]


def create_app(settings: Settings | None = None) -> FastAPI:
    """The collection service.

    settings: from the environment (FANO_*) when not given. Opens nothing until it starts.
    Raises DatabaseUrlError for an address of no usable database; at start SchemaError when `fano db upgrade` is due.
    """
    chosen = settings or Settings()
    services = Services(chosen)
    app = FastAPI(
        title="Fanoplane",
        version=ldp_core.__version__,
        description="Histograms from phones without learning any phone's answer.",
        lifespan=_lifespan,
        redirect_slashes=False,
        redoc_url=None,
        middleware=[
            Middleware(Boundary),
            Middleware(BodyLimit, upload_bytes=chosen.body_bytes, other_bytes=chosen.admin_body_bytes),
        ],
        telemetry={"tracing": False, "metrics": False, "logs": False},  # its spans would carry addresses of phones
    )
    app.state.services = services
    app.add_route(REPORTS_PATH, upload_reports, methods=["POST"], include_in_schema=False)
    app.router.routes.insert(0, app.router.routes.pop())  # looked at before all others: phones use no other so often
    for module in (collections, devices, estimates, series, plans, health):
        app.include_router(module.router)
    install_handlers(app)
    install_openapi(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    services: Services = app.state.services
    try:
        token = await run_in_threadpool(prepare, services.settings, services.database)
        if token is not None:
            click.echo(admin_token_notice(token), err=True)
        services.start()
        yield
    finally:
        await run_in_threadpool(services.close)
