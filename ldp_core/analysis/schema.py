"""JSON Schema of requests, field by field, in few words."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["flag", "integer", "number", "numbers", "one_of", "optional", "request", "rows", "seed", "some_of"]

Schema = Mapping[str, Any]


def request(properties: Mapping[str, Schema], *, required: Sequence[str] = ()) -> dict[str, Any]:
    """A request: these fields and no others."""
    return {
        "type": "object",
        "properties": {name: dict(schema) for name, schema in properties.items()},
        "required": list(required),
        "additionalProperties": False,
    }


def integer(title: str, description: str, low: int, high: int, default: int | None = None) -> dict[str, Any]:
    """A whole number low..high."""
    return _with_default(
        {"type": "integer", "title": title, "description": description, "minimum": low, "maximum": high}, default
    )


def number(
    title: str, description: str, low: float, high: float, default: float | None = None, *, above: bool = False
) -> dict[str, Any]:
    """A number low..high; above: low itself is refused."""
    bound = "exclusiveMinimum" if above else "minimum"
    return _with_default(
        {"type": "number", "title": title, "description": description, bound: low, "maximum": high}, default
    )


def one_of(title: str, description: str, words: Sequence[str], default: str | None = None) -> dict[str, Any]:
    """One of some words."""
    return _with_default({"type": "string", "title": title, "description": description, "enum": list(words)}, default)


def some_of(title: str, description: str, words: Sequence[str], default: Sequence[str]) -> dict[str, Any]:
    """A list of some of the words."""
    return {
        "type": "array",
        "title": title,
        "description": description,
        "items": {"type": "string", "enum": list(words)},
        "minItems": 1,
        "default": list(default),
    }


def flag(title: str, description: str, default: bool) -> dict[str, Any]:
    """True or false."""
    return {"type": "boolean", "title": title, "description": description, "default": default}


def numbers(title: str, description: str, **more: Any) -> dict[str, Any]:
    """A list of numbers. more: further keywords, such as minItems or default."""
    return {"type": "array", "title": title, "description": description, "items": {"type": "number"}, **more}


def rows(title: str, description: str, depth: int = 2, **more: Any) -> dict[str, Any]:
    """Lists of numbers in lists, so many deep."""
    items: dict[str, Any] = {"type": "number"}
    for _ in range(depth - 1):
        items = {"type": "array", "items": items}
    return {"type": "array", "title": title, "description": description, "items": items, **more}


def seed() -> dict[str, Any]:
    """The seed of everything random."""
    return integer("Seed", "of everything random; equal requests with equal seeds have equal answers", 0, 2**63 - 1, 0)


def optional(schema: Schema) -> dict[str, Any]:
    """The same, or null, which is the default."""
    kind = schema["type"]
    widened = [*kind, "null"] if isinstance(kind, list) else [kind, "null"]
    return {**schema, "type": widened, "default": None}


def _with_default(schema: dict[str, Any], default: object) -> dict[str, Any]:
    return schema if default is None else schema | {"default": default}
