"""What a page is handed: the services, who is looking, and the query, read with clear refusals."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from server.dashboard.sessions import Session
from server.refusals import InsufficientScope, InvalidParameters, UnknownToken
from server.services.services import Services
from server.storage.collections import CollectionRow

__all__ = ["Query", "View", "Visit", "Work"]

T = TypeVar("T")

_LONGEST_TEXT = 200


@dataclass(frozen=True)
class View:
    """What a page says. template: how people read it · title: of the page · model: a frozen dataclass, the same for people and as JSON."""

    template: str
    title: str
    model: Any
    status: int = 200


class Query:
    """The query of an address. Every value is checked; what is left out has a default."""

    def __init__(self, request: Request) -> None:
        self._values = request.query_params

    def text(self, name: str) -> str:
        """A short text, empty when it is left out."""
        value = self._values.get(name, "").strip()
        if len(value) > _LONGEST_TEXT:
            raise InvalidParameters.of(name, f"give at most {_LONGEST_TEXT} characters, got {len(value)}")
        return value

    def texts(self, name: str, most: int) -> list[str]:
        """A repeated text."""
        return [value for value in self._values.getlist(name) if value][:most]

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        """One of some words, the first when it is left out."""
        value = self.text(name) or choices[0]
        if value not in choices:
            raise InvalidParameters.of(name, f"{name} must be one of {', '.join(choices)}; got {value!r}")
        return value

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """A whole number; people may write 20,000."""
        text = self.text(name).replace(",", "").replace(" ", "")
        if not text:
            return default
        value = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
        if value is None or not low <= value <= high:
            raise InvalidParameters.of(
                name, f"{name} must be a whole number between {low:,} and {high:,}; got {self.text(name)!r}"
            )
        return value

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """A number strictly between two others."""
        text = self.text(name)
        try:
            value = float(text) if text else default
        except ValueError:
            value = low
        if not low < value < high:
            raise InvalidParameters.of(name, f"{name} must be a number between {low:g} and {high:g}; got {text!r}")
        return value


@dataclass(frozen=True)
class Visit:
    """One request for a page. given: None when nobody is logged in · root: where the dashboard is mounted."""

    request: Request
    services: Services
    given: Session | None
    root: str

    def page(self, path: str) -> str:
        """The address of a page of this dashboard."""
        return self.root + path

    @property
    def session(self) -> Session:
        """Who is looking. Raises UnknownToken when nobody is logged in."""
        if self.given is None:
            raise UnknownToken("log in with an admin or an analyst token")
        return self.given

    def require_admin(self) -> Session:
        """Raises InsufficientScope unless an admin looks."""
        if not self.session.is_admin:
            raise InsufficientScope("this needs an admin token; you are logged in with an analyst token")
        return self.session

    @property
    def query(self) -> Query:
        """The query of the address."""
        return Query(self.request)

    async def collection(self) -> tuple[CollectionRow, int]:
        """The collection of the path, in the version of the query or the current one, with that version's number of reports.

        Raises UnknownCollection when it may not be seen either, InvalidParameters for a version that there is not.
        """
        collection_id = self.request.path_params["id"]
        only = self.session.principal.collection
        version = self.query.whole("version", 0, 1, (1 << 31) - 1) or None

        def find() -> tuple[CollectionRow, int]:
            if only is not None:
                self.services.collections.require_visible(collection_id, only)
            return self.services.collections.get_counted(collection_id, version)

        return await run_in_threadpool(find)


Work = Callable[[Visit], Awaitable[View]]
"""Makes the view of a page."""
