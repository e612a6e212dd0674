"""The application: `create_app` puts the routes on the services."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import click
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

import ldp_core
from server.api import (
    analysis,
    arrays,
    collections,
    devices,
    estimates,
    health,
    intake,
    jobs,
    keys,
    labels,
    lifecycle,
    metrics,
    plans,
    privacy,
    series,
    tokens,
)
from server.api.addresses import template_of
from server.api.boundary import BodyLimit, Boundary
from server.api.documentation import install_documentation
from server.api.handlers import install_handlers
from server.api.head import HeadAsGet
from server.api.openapi import REPORTS_PATH, install_openapi
from server.api.reports import UploadReports, UploadsFirst
from server.clock import Clock
from server.dashboard.application import ROOT, Dashboard
from server.observability.observed import Observed, Observer
from server.services.services import Services
from server.services.startup import admin_token_notice, prepare
from server.settings import Settings

__all__ = ["create_app"]


class _Application(FastAPI):
    """FastAPI with one more layer, outside of all that it brings itself."""

    def __init__(self, outermost: Callable[[ASGIApp], ASGIApp], **options: Any) -> None:
        super().__init__(**options)
        self._outermost = outermost(super().__call__)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve."""
        await self._outermost(scope, receive, send)


def create_app(settings: Settings | None = None, clock: Clock | None = None) -> FastAPI:
    """The collection service.

    settings: from the environment (FANO_*) when not given · clock: of this machine when not given. Opens nothing until it starts.
    Raises DatabaseUrlError for an address of no usable database; at start SchemaError when `fano db upgrade` is due.
    """
    chosen = settings or Settings()
    services = Services(chosen, clock)
    upload = UploadReports(services)
    observer = Observer(services.metrics, lambda path: template_of(app, path), rejected=services.intake_counts.rejected)
    app: FastAPI = _Application(
        lambda layers: UploadsFirst(layers, upload, observer),
        title="Fanoplane",
        version=ldp_core.__version__,
        description="Histograms from phones without learning any phone's answer.",
        lifespan=_lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(Observed, observer=observer),
            Middleware(Boundary, closed=ROOT),
            Middleware(HeadAsGet),
            Middleware(
                BodyLimit,
                upload_bytes=chosen.body_bytes,
                array_bytes=chosen.array_bytes,
                other_bytes=chosen.admin_body_bytes,
                pages=ROOT,
            ),
        ],
        telemetry={"tracing": False, "metrics": False, "logs": False},  # its spans would carry addresses of phones
    )
    app.state.services = services
    app.router.routes.append(Route(REPORTS_PATH, upload, methods=["POST"]))  # for other methods, and below a root path
    for module in (
        collections,
        lifecycle,
        keys,
        tokens,
        devices,
        estimates,
        labels,
        series,
        intake,
        privacy,
        plans,
        analysis,
        arrays,
        jobs,
        health,
        metrics,
    ):
        # the very routes: including their router would build each of them anew, for the first request
        app.router.routes.extend(module.router.routes)
    install_handlers(app)
    install_openapi(app)
    install_documentation(app)
    dashboard = app.state.dashboard = Dashboard(services)
    for path in ("/", ROOT):
        app.router.routes.append(Route(path, lambda _request: RedirectResponse(f"{ROOT}/collections")))
    app.mount(ROOT, dashboard.app)
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
        await run_in_threadpool(app.state.dashboard.close)
        await run_in_threadpool(services.close)
