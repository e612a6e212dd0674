"""Logging in with a token, logging out, and the one-time link of a demonstration."""

import hmac
from dataclasses import dataclass
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from server.dashboard.guard import is_secure, read_form, require_own_form, require_same_origin
from server.dashboard.sessions import COOKIE, SESSION_SECONDS, Session, Sessions
from server.dashboard.visits import View
from server.refusals import InsufficientScope, UnknownToken
from server.services.tokens import token_sha256

__all__ = ["Doorkeeper", "LoginModel"]


@dataclass(frozen=True)
class LoginModel:
    """onward: the page to show afterwards · refusal: why the last try failed, empty at first."""

    onward: str
    refusal: str


class Doorkeeper:
    """Lets people in and out. root: where the dashboard is mounted · code: of the one-time link, with the token it logs in."""

    def __init__(self, sessions: Sessions, root: str, one_time: tuple[str, str] | None) -> None:
        self._sessions = sessions
        self._root = root
        self._one_time = None if one_time is None else (token_sha256(one_time[0]), one_time[1])

    def page(self, onward: str, refusal: str = "") -> View:
        """The form for a token."""
        return View("login.html", "Log in", LoginModel(self._safe(onward), refusal), 401 if refusal else 200)

    async def enter(self, request: Request) -> View | Response:
        """Take a token from the form."""
        require_same_origin(request)
        form = await read_form(request)
        onward = self._safe(form.text("onward"))
        try:
            cookie = await run_in_threadpool(self._sessions.login, form.text("token"))
        except (UnknownToken, InsufficientScope) as refused:
            return self.page(onward, refused.detail)
        return self._let_in(cookie, onward, secure=is_secure(request))

    async def enter_by_link(self, request: Request) -> View | Response:
        """Take the code of the one-time link, once."""
        given = token_sha256(request.path_params["code"])
        known = self._one_time
        if known is None or not hmac.compare_digest(given, known[0]):
            return self.page(
                "", "This link was used already, or is not from this service. Log in with the token instead."
            )
        self._one_time = None
        cookie = await run_in_threadpool(self._sessions.login, known[1])
        return self._let_in(cookie, self._safe(request.query_params.get("onward", "")), secure=False)

    async def leave(self, request: Request, session: Session) -> Response:
        """Forget the session in this browser."""
        require_own_form(request, session, await read_form(request))
        answer = RedirectResponse(f"{self._root}/login", 303)
        answer.delete_cookie(COOKIE, path=self._root, httponly=True, samesite="lax")
        return answer

    def _let_in(self, cookie: str, onward: str, *, secure: bool) -> Response:
        answer = RedirectResponse(onward, 303)
        answer.set_cookie(
            COOKIE, cookie, max_age=SESSION_SECONDS, path=self._root, httponly=True, samesite="lax", secure=secure
        )
        return answer

    def _safe(self, onward: str) -> str:
        """A page of this dashboard, and nothing else: an address that leads elsewhere would make the login a trap."""
        home = f"{self._root}/collections"
        inside = onward.startswith(f"{self._root}/") and "\\" not in onward and "//" not in onward
        return quote(onward, safe="/?&=%.,+-_~:") if inside else home
