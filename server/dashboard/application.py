"""The dashboard as an application of its own, mounted beside the API: pages, forms, static files, errors."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.api.problems import PROBLEMS, problem_response, refusal_response
from server.dashboard import administration
from server.dashboard.analysis_view import (
    analyses_page,
    analysis_page,
    cancel_job,
    change_stored_arrays,
    export_request,
    job_page,
    start_analysis,
)
from server.dashboard.assets_in_use import Assets
from server.dashboard.audit_view import audit_page
from server.dashboard.budget_view import budget_page
from server.dashboard.collection_view import collection_page
from server.dashboard.collections_view import collections_page
from server.dashboard.compare_view import compare_page, curves_page
from server.dashboard.exports import export_estimates
from server.dashboard.file_forms import open_form
from server.dashboard.fleet_process import FleetProcess
from server.dashboard.fleet_view import Fleet
from server.dashboard.guard import Form, read_form, require_own_form, require_same_origin
from server.dashboard.labels_view import export_labels
from server.dashboard.login_view import Doorkeeper
from server.dashboard.plan_view import plan_page
from server.dashboard.rendering import SECURITY_HEADERS, Renderer, wants_json
from server.dashboard.series_view import series_page
from server.dashboard.sessions import COOKIE, Session, Sessions, session_key
from server.dashboard.visits import View, Visit, Work
from server.dashboard.words import sentence
from server.refusals import Refusal, TooLarge, UnknownToken
from server.services.services import Services

__all__ = ["ROOT", "Dashboard"]

ROOT = "/dashboard"

Action = Callable[[Visit, Form], Awaitable[View | Response]]


@dataclass(frozen=True)
class ErrorModel:
    """A refusal for people."""

    title: str
    detail: str


class Dashboard:
    """One for each service. Mount `app` at ROOT; `close` ends what it started."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._assets = Assets()
        self._renderer = Renderer(ROOT, self._assets, demo=services.settings.demo)
        self._phones = FleetProcess()
        self._made: tuple[Sessions, Doorkeeper] | None = None
        self.app = Starlette(
            routes=self._routes(),
            middleware=[Middleware(_Headers), Middleware(GZipMiddleware, minimum_size=1_000, compresslevel=6)],
            exception_handlers={Refusal: self._refused, HTTPException: self._http_error, Exception: self._failed},
        )

    def close(self) -> None:
        """End the simulated phones."""
        self._phones.stop()

    def _routes(self) -> list[Route]:
        fleet = Fleet(self._phones, demo=self._services.settings.demo)
        pages: dict[str, Work] = {
            "/collections": collections_page,
            "/collections/new": administration.new_collection_page,
            "/collections/{id}": collection_page,
            "/collections/{id}/series": series_page,
            "/collections/{id}/keys": administration.keys_page,
            "/plan": plan_page,
            "/compare": compare_page,
            "/compare/curves": curves_page,
            "/fleet": fleet.page,
            "/analysis": analyses_page,
            "/analysis/jobs/{id}": job_page,
            "/analysis/{path:path}/arrays": analysis_page,
            "/analysis/{path:path}": analysis_page,
            "/tokens": administration.tokens_page,
            "/audit-log": audit_page,
            "/budget": budget_page,
        }
        actions: dict[str, Action] = {
            "/collections/new": administration.create_collection,
            "/collections/{id}/move": administration.move_collection,
            "/collections/{id}/keys": administration.create_key,
            "/collections/{id}/keys/revoke": administration.revoke_key,
            "/tokens": administration.create_token,
            "/tokens/revoke": administration.revoke_token,
            "/analysis/jobs/{id}/cancel": cancel_job,
            "/analysis/{path:path}": start_analysis,
            "/fleet/start": fleet.start,
            "/fleet/stop": fleet.stop,
        }
        return [
            Route("/", lambda _request: RedirectResponse(f"{ROOT}/collections", 307)),
            Route("/static/{version}/{name}", self._assets.respond),
            Route("/login", self._login_form),
            Route("/login", self._login, methods=["POST"]),
            Route("/enter/{code}", self._enter),
            Route("/logout", self._logout, methods=["POST"]),
            Route("/collections/{id}/estimates.{format}", self._file(export_estimates)),
            Route("/collections/{id}/labels.csv", self._file(export_labels)),
            Route("/analysis/jobs/{id}/request.json", self._file(export_request)),
            *(Route(f"{path}.json", self._page(work)) for path, work in pages.items()),
            *(Route(path, self._page(work)) for path, work in pages.items()),
            Route("/analysis/{path:path}/arrays", self._file_action(change_stored_arrays), methods=["POST"]),
            *(Route(path, self._action(work), methods=["POST"]) for path, work in actions.items()),
        ]

    @property
    def _sessions(self) -> Sessions:
        return self._doors()[0]

    @property
    def _door(self) -> Doorkeeper:
        return self._doors()[1]

    def _doors(self) -> tuple[Sessions, Doorkeeper]:
        """Made at the first request: the application opens no file before it starts."""
        if self._made is None:
            services, settings = self._services, self._services.settings
            sessions = Sessions(services.tokens, session_key(settings.data_dir), services.clock)
            code, token = settings.demo_code, settings.admin_token
            one_time = (code.get_secret_value(), token.get_secret_value()) if settings.demo and code and token else None
            self._made = sessions, Doorkeeper(sessions, ROOT, one_time)
        return self._made

    def _session(self, request: Request) -> Session | None:
        cookie = request.cookies.get(COOKIE)
        if cookie is None:
            return None
        try:
            return self._sessions.read(cookie)
        except UnknownToken:
            return None

    def _visit(self, request: Request) -> Visit:
        return Visit(request, self._services, self._session(request), ROOT)

    def _page(self, work: Work) -> Callable[[Request], Awaitable[Response]]:
        async def show(request: Request) -> Response:
            visit = self._visit(request)
            return self._renderer.respond(request, await work(visit), visit.given)

        return show

    def _action(self, work: Action) -> Callable[[Request], Awaitable[Response]]:
        async def act(request: Request) -> Response:
            visit = self._visit(request)
            return await self._acted(visit, work, await read_form(request))

        return act

    def _file_action(self, work: Action) -> Callable[[Request], Awaitable[Response]]:
        async def act(request: Request) -> Response:
            visit = self._visit(request)
            require_same_origin(request)  # with the session, before a long body is read
            _ = visit.session
            async with open_form(request, self._services.settings.admin_body_bytes) as form:
                return await self._acted(visit, work, form)

        return act

    async def _acted(self, visit: Visit, work: Action, form: Form) -> Response:
        require_own_form(visit.request, visit.session, form)
        return self._shown(visit.request, await work(visit, form), visit.given)

    def _file(self, work: Callable[[Visit], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def send(request: Request) -> Response:
            return await work(self._visit(request))

        return send

    async def _login_form(self, request: Request) -> Response:
        return self._shown(request, self._door.page(request.query_params.get("onward", "")), None)

    async def _login(self, request: Request) -> Response:
        return self._shown(request, await self._door.enter(request), None)

    async def _enter(self, request: Request) -> Response:
        return self._shown(request, await self._door.enter_by_link(request), None)

    async def _logout(self, request: Request) -> Response:
        return await self._door.leave(request, self._visit(request).session)

    def _shown(self, request: Request, done: View | Response, session: Session | None) -> Response:
        return done if isinstance(done, Response) else self._renderer.respond(request, done, session)

    async def _refused(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        if wants_json(request):
            return refusal_response(error)
        if isinstance(error, UnknownToken):
            return self._to_login(request)
        kind = PROBLEMS[error.slug]
        detail = sentence(error.detail)
        if isinstance(error, TooLarge):
            detail += " Go back for it: what you typed is still there."
        return self._error(request, kind.title, detail, kind.status)

    async def _failed(self, request: Request, _error: Exception) -> Response:
        """An unexpected error, which is logged on its way out."""
        detail = "An unexpected error. It was logged, with the number of this request in the header Fano-Request-Id."
        if wants_json(request):
            return problem_response("internal", detail)
        return self._error(request, PROBLEMS["internal"].title, detail, PROBLEMS["internal"].status)

    async def _http_error(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if wants_json(request) and error.status_code == 404:
            return problem_response("not-found", "there is nothing at this address")
        title = "No such page" if error.status_code == 404 else "This address does not take this"
        return self._error(
            request,
            title,
            "There is nothing here to see. The list of collections is one click away.",
            error.status_code,
        )

    def _to_login(self, request: Request) -> Response:
        path = request.scope["path"] + (f"?{request.url.query}" if request.url.query else "")
        onward = path if request.method == "GET" else f"{ROOT}/collections"
        if request.headers.get("hx-request"):  # a part of a page cannot be a login form: the whole page goes there
            return Response(status_code=200, headers={"HX-Redirect": f"{ROOT}/login"})
        return RedirectResponse(f"{ROOT}/login?onward={quote(onward, safe='/')}", 303)

    def _error(self, request: Request, title: str, detail: str, status: int) -> Response:
        view = View("error.html", title, ErrorModel(title, detail), status)
        try:
            session = self._session(request)
        except Exception:  # what failed may be what sessions are read from
            session = None
        return self._renderer.respond(request, view, session)


class _Headers:
    """Adds to every answer what browsers must enforce."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, send_with_headers)
