"""A form for any analysis, made from the JSON Schema of its request, and the request that a filled-in form makes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from server.dashboard.guard import Form
from server.refusals import InvalidAnalysis

__all__ = [
    "ARRAY_OF",
    "COLLECTION",
    "LABELS",
    "FieldModel",
    "array_members",
    "form_fields",
    "reference_of",
    "request_of",
]

COLLECTION = "collection_id"
LABELS = "label_collection_id"
ARRAY_OF = "array-of-"
"""Before the name of a member: the field that says which stored array stands for it."""

_FILLED_BY = {
    COLLECTION: frozenset({"mechanism", "counts", "n"}),
    LABELS: frozenset({"y", "label_epsilon", "label_bound"}),
}
_LONG = frozenset({"array", "object"})


@dataclass(frozen=True)
class FieldModel:
    """One member of the request. kind: choice, line or json · value: as text · choices: of a choice · error: what was wrong with it.

    first: is it needed or set by the example? The others have defaults that usually do · takes_array: may a stored array stand for it? ·
    array: the id of the one that does.
    """

    name: str
    title: str
    description: str
    kind: str
    value: str
    choices: tuple[str, ...]
    limits: str
    required: bool
    first: bool
    takes_array: bool = False
    array: str = ""
    error: str = ""


def reference_of(method: Mapping[str, Any]) -> str:
    """The member by which a request of this method names a collection, empty when it takes none."""
    if method["collection"]:
        return COLLECTION
    return LABELS if method["labels"] else ""


def array_members(method: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Names and titles of the members that a stored array may stand for: lists of real numbers, and lists of such lists."""
    properties = method["schema"]["properties"].items()
    return tuple((name, declared.get("title", name)) for name, declared in properties if _takes_array(declared))


def _takes_array(declared: Mapping[str, Any]) -> bool:
    if "array" not in _types(declared) or "items" not in declared:
        return False
    return "number" in _types(declared["items"]) or _takes_array(declared["items"])


def form_fields(
    method: Mapping[str, Any], values: Mapping[str, str] | None, errors: Mapping[str, str], *, chosen: bool = False
) -> tuple[FieldModel, ...]:
    """The fields of a method. values: what was typed, or None for the method's example · chosen: does a collection stand for some?"""
    schema, reference = method["schema"], reference_of(method)
    required = set(schema.get("required", ()))
    filled = _FILLED_BY[reference] if chosen else frozenset()
    # the example's rows have nothing to do with somebody's labels, but its settings go with any counts
    example = {} if chosen and reference == LABELS else method["example"]
    fields = [
        _field(
            name,
            declared,
            ("" if name in filled else _text(example.get(name))) if values is None else values.get(name, ""),
            required=name in required,
            first=(name in required or name in example) and name not in filled,
            array=(values or {}).get(ARRAY_OF + name, ""),
            error=errors.get(name, ""),
        )
        for name, declared in schema["properties"].items()
    ]
    return tuple(sorted(fields, key=lambda field: not field.first))


def _field(
    name: str, declared: Mapping[str, Any], value: str, *, required: bool, first: bool, array: str, error: str
) -> FieldModel:
    types = _types(declared)
    choices: tuple[str, ...] = ()
    if "boolean" in types:
        kind, choices = "choice", ("true", "false")
    elif "enum" in declared:
        kind, choices = "choice", tuple(map(str, declared["enum"]))
    else:
        kind = "json" if _LONG & types else "line"
    return FieldModel(
        name=name,
        title=declared.get("title", name),
        description=declared.get("description", ""),
        kind=kind,
        value=value or (_json(declared["default"]) if kind == "choice" and declared.get("default") is not None else ""),
        choices=choices,
        limits=_limits(declared),
        required=required,
        first=first or bool(error) or bool(array),
        takes_array=_takes_array(declared),
        array=array,
        error=error,
    )


def _types(declared: Mapping[str, Any]) -> set[str]:
    named = declared.get("type", "string")
    return {named} if isinstance(named, str) else set(named)


def _text(value: Any) -> str:
    return "" if value is None else _json(value)


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _limits(declared: Mapping[str, Any]) -> str:
    """The bounds and the default, for people."""
    parts = []
    for name, text in (
        ("minimum", "at least"),
        ("exclusiveMinimum", "above"),
        ("maximum", "at most"),
        ("exclusiveMaximum", "below"),
    ):
        if name in declared:
            parts.append(f"{text} {declared[name]:,}")
    default = declared.get("default")
    if default is not None and not isinstance(default, list | dict):
        parts.append(f"{_json(default)} if left empty")
    return ", ".join(parts)


def request_of(method: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """The request of a filled-in form: what was left empty is left out. Raises InvalidAnalysis naming the field at fault."""
    body: dict[str, Any] = {}
    reference = reference_of(method)
    collection = form.text(reference) if reference else ""
    if collection:
        body[reference] = collection
    filled = _FILLED_BY[reference] if collection else frozenset()
    for name, declared in method["schema"]["properties"].items():
        text = form.text(name)
        array = form.text(ARRAY_OF + name) if _takes_array(declared) else ""
        if name in filled:
            continue
        if array:
            body[name] = {"array": array}
        elif text:
            body[name] = _value(name, declared, text)
    return body


def _value(name: str, declared: Mapping[str, Any], text: str) -> Any:
    types = _types(declared)
    if types == {"string"}:
        return text
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        if "string" in types:
            return text
        expected = "JSON, such as [1, 2, 3]" if _LONG & types else "a number"
        raise InvalidAnalysis(
            f"{declared.get('title', name)} is not {expected}: {text[:60]!r}", code="wrong_type", field=name
        ) from error


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no number")
