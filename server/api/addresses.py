"""Which documented address a path belongs to, and which methods that address takes."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from fastapi import FastAPI
from starlette.routing import compile_path

__all__ = ["Address", "Addresses", "addresses_of", "template_of"]


class Address(NamedTuple):
    """A path template such as /c/{collection_id}/spec with the methods of all its routes, sorted."""

    template: str
    methods: tuple[str, ...]


class Addresses:
    """The addresses of an OpenAPI document, found by path."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._known: list[tuple[re.Pattern[str], Address]] = [
            (compile_path(template)[0], Address(template, tuple(sorted(method.upper() for method in operations))))
            for template, operations in document["paths"].items()
        ]

    def find(self, path: str) -> Address | None:
        """The address that a request path belongs to, None when it is documented nowhere."""
        return next((address for pattern, address in self._known if pattern.match(path)), None)


def addresses_of(app: FastAPI) -> Addresses:
    """The documented addresses of an application, read once."""
    found: Addresses | None = getattr(app.state, "addresses", None)
    if found is None:
        found = app.state.addresses = Addresses(app.openapi())
    return found


def template_of(app: FastAPI, path: str) -> str | None:
    """The template of the documented address of a path, or None."""
    address = addresses_of(app).find(path)
    return None if address is None else address.template
