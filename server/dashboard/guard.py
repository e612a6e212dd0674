"""What a form must prove before it changes anything: it comes from a page of this service, and from this session.

Three fences, each enough by itself: the cookie is SameSite=Lax, so other sites' forms do not carry it; the browser says where
a form comes from (Sec-Fetch-Site, or Origin where that is missing); the form repeats a value that only our pages hold.
"""

from collections.abc import Mapping
from typing import BinaryIO
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from server.dashboard.sessions import Session
from server.refusals import InsufficientScope, MalformedBody

__all__ = ["CSRF_FIELD", "MOST_FIELDS", "Form", "is_secure", "read_form", "require_own_form", "require_same_origin"]

CSRF_FIELD = "csrf"

MOST_FIELDS = 100


class Form:
    """The fields of a posted form, and the file that came with it."""

    def __init__(self, pairs: list[tuple[str, str]], file: BinaryIO | None = None) -> None:
        self._pairs = pairs
        self.file = file

    def text(self, name: str) -> str:
        """The value without white space around it, empty when the field is missing."""
        return next((value for key, value in self._pairs if key == name), "").strip()

    def raw(self, name: str) -> str:
        """The value as it was typed."""
        return next((value for key, value in self._pairs if key == name), "")

    def fields(self) -> Mapping[str, str]:
        """All fields, the last value of each."""
        return dict(self._pairs)


async def read_form(request: Request) -> Form:
    """The fields of an ordinary HTML form. Raises MalformedBody."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise MalformedBody("this address reads an HTML form; use the page")
    try:
        text = (await request.body()).decode("utf-8")
        return Form(parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise MalformedBody("the form cannot be read; go back to the page and send it again") from error


def require_same_origin(request: Request) -> None:
    """Raises InsufficientScope unless the browser says that the form comes from this service."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        same = site == "same-origin"
    else:
        same = origin is not None and urlsplit(origin).netloc == request.headers.get("host", "")
    if not same:
        raise InsufficientScope(
            "this form was sent from another site; open the dashboard itself and send it from there"
        )


def require_own_form(request: Request, session: Session, form: Form) -> None:
    """Raises InsufficientScope unless the form was made for this session, by this service."""
    require_same_origin(request)
    if not session.made(form.text(CSRF_FIELD)):
        raise InsufficientScope("this form belongs to another session; load the page again and repeat what you did")


def is_secure(request: Request) -> bool:
    """Did the browser reach this service over TLS, perhaps through a proxy? Its own word is the Origin of the form."""
    return request.url.scheme == "https" or request.headers.get("origin", "").startswith("https://")
