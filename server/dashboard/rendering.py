"""From views to answers: HTML for people, the same model as JSON behind `.json`."""

import re
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

import ldp_core
from server.dashboard import words
from server.dashboard.assets_in_use import Assets
from server.dashboard.sessions import Session
from server.dashboard.visits import View

__all__ = ["SECURITY_HEADERS", "Renderer", "wants_json"]

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # `no-referrer` would make browsers send forms with a null Origin
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_PRIVATE = {"Cache-Control": "no-store", "Vary": "Cookie"}
_THEMES = ("light", "dark")


class Renderer:
    """Fills templates. root: where the dashboard is mounted · demo: may phones be simulated here?"""

    def __init__(self, root: str, assets: Assets, *, demo: bool) -> None:
        self._root = root
        environment = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals |= {
            "root": root,
            "asset": lambda name: root + assets.address(assets.script if name == "script" else name),
            "version": ldp_core.__version__,
            "demo": demo,
            "words": words,
        }
        environment.filters |= {"count": words.count, "capital": words.capital, "json": _script_json}
        self._environment = environment

    def respond(self, request: Request, view: View, session: Session | None) -> Response:
        """The answer for a view, in the form that the address asks for."""
        if wants_json(request):
            return Response(
                msgspec.json.encode(_plain(view.model)), view.status, headers=_PRIVATE, media_type="application/json"
            )
        text = self._environment.get_template(view.template).render(
            model=view.model,
            title=view.title,
            session=session,
            theme=_theme(request),
            here=request.scope["path"],
            twin=_twin(request),
        )
        return Response(text, view.status, headers=_PRIVATE, media_type="text/html")


def wants_json(request: Request) -> bool:
    """Was the JSON twin of a page asked for?"""
    return str(request.scope["path"]).endswith(".json")


def _theme(request: Request) -> str:
    theme = request.cookies.get("fano_theme", "")
    return theme if theme in _THEMES else ""


def _twin(request: Request) -> str:
    """The address of the JSON twin, with the same query."""
    query = request.url.query
    return f"{request.scope['path']}.json" + (f"?{query}" if query else "")


def _plain(model: Any) -> Any:
    return asdict(model) if is_dataclass(model) and not isinstance(model, type) else model


def _script_json(value: Any) -> Markup:
    """JSON that may stand inside a script element: nothing in it can end the element."""
    text = msgspec.json.encode(value).decode()
    safe = re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)
    return Markup(safe)  # noqa: S704 - every character with a meaning in HTML is escaped
