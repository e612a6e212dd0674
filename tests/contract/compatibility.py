"""What of an OpenAPI document its clients rely on, and which changes would break them.

A change is additive when every request that was right stays right and every answer still has what it had: new paths, new
optional parameters, new members of answers. Run as a module it writes the snapshot: `python -m tests.contract.compatibility`.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

Document = Mapping[str, Any]
SNAPSHOT = Path(__file__).with_name("openapi.json")

_LIMITS = {  # keyword: does this new value allow less than the old?
    "minimum": lambda old, new: new > old,
    "exclusiveMinimum": lambda old, new: new > old,
    "minLength": lambda old, new: new > old,
    "minItems": lambda old, new: new > old,
    "maximum": lambda old, new: new < old,
    "exclusiveMaximum": lambda old, new: new < old,
    "maxLength": lambda old, new: new < old,
    "maxItems": lambda old, new: new < old,
    "pattern": lambda old, new: new != old,
}


def current_document() -> dict[str, Any]:
    """The document of this version, which names no release."""
    from server.app import create_app
    from tests.services.in_process import settings

    document: dict[str, Any] = json.loads(json.dumps(create_app(settings("sqlite:///never-opened.sqlite3")).openapi()))
    document["info"]["version"] = "snapshot"
    return document


def breaking_changes(old: Document, new: Document) -> list[str]:
    """A sentence for each change that could break a client written against `old`."""
    found: list[str] = []
    for path, operations in old["paths"].items():
        if path not in new["paths"]:
            found.append(f"{path} is gone")
            continue
        for method, operation in operations.items():
            name = f"{method.upper()} {path}"
            if method not in new["paths"][path]:
                found.append(f"{name} is gone")
            else:
                found += _operation(name, _Pair(old, new), operation, new["paths"][path][method])
    return found


class _Pair:
    """Two documents and the references into them; remembers which pairs of schemas are being compared."""

    def __init__(self, old: Document, new: Document) -> None:
        self._documents = old, new
        self._open: set[tuple[str, str, bool]] = set()

    def resolved(self, schema: Document, *, new: bool) -> Document:
        while "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            schema = self._documents[new]["components"]["schemas"].get(name, {})
        return schema

    def entered(self, old: Document, new: Document, *, request: bool) -> bool:
        key = (str(old.get("$ref")), str(new.get("$ref")), request)
        if "$ref" in old and key in self._open:
            return False
        self._open.add(key)
        return True


def _operation(name: str, pair: _Pair, old: Document, new: Document) -> Iterator[str]:
    known = {(entry["name"], entry["in"]): entry for entry in old.get("parameters", ())}
    present = {(entry["name"], entry["in"]): entry for entry in new.get("parameters", ())}
    for key, entry in known.items():
        if key not in present:
            yield f"{name} no longer takes the {key[1]} parameter {key[0]}"
        else:
            where = f"{name} parameter {key[0]}"
            yield from _schema(where, pair, entry["schema"], present[key]["schema"], request=True)
    for key, entry in present.items():
        if entry.get("required") and not known.get(key, {}).get("required"):
            yield f"{name} now demands the {key[1]} parameter {key[0]}"
    yield from _request(name, pair, old.get("requestBody"), new.get("requestBody"))
    yield from _responses(name, pair, old["responses"], new["responses"])
    if new.get("security", []) != old.get("security", []):
        yield f"{name} asks for another token than before"


def _request(name: str, pair: _Pair, old: Document | None, new: Document | None) -> Iterator[str]:
    if old is None:
        if new is not None and new.get("required"):
            yield f"{name} now demands a body"
        return
    if new is None:
        yield f"{name} no longer takes a body"
        return
    for media_type, content in old["content"].items():
        if media_type not in new["content"]:
            yield f"{name} no longer reads {media_type}"
        else:
            yield from _content(f"{name} body", pair, content, new["content"][media_type], request=True)


def _responses(name: str, pair: _Pair, old: Document, new: Document) -> Iterator[str]:
    for status, answer in old.items():
        if status not in new:
            yield f"{name} no longer answers {status}"
            continue
        slugs = set(answer["description"].split(" · ")) if int(status) >= 400 else set()
        for slug in sorted(slugs - set(new[status]["description"].split(" · "))):
            yield f"{name} no longer answers {status} with the problem {slug!r}"
        for media_type, content in answer.get("content", {}).items():
            if media_type not in new[status].get("content", {}):
                yield f"{name} no longer answers {status} as {media_type}"
            else:
                there = new[status]["content"][media_type]
                yield from _content(f"{name} answer {status}", pair, content, there, request=False)


def _content(name: str, pair: _Pair, old: Document, new: Document, *, request: bool) -> Iterator[str]:
    yield from _schema(name, pair, old.get("schema", {}), new.get("schema", {}), request=request)


def _schema(name: str, pair: _Pair, old: Document, new: Document, *, request: bool) -> Iterator[str]:
    """request: may it take less than before? Else: may it give more?"""
    if not pair.entered(old, new, request=request):
        return
    old, new = pair.resolved(old, new=False), pair.resolved(new, new=True)
    before, after = _types(pair, old, new=False), _types(pair, new, new=True)
    lost, gained = sorted(before - after), sorted(after - before)
    if request and lost and after:
        yield f"{name} no longer takes {' or '.join(lost)}"
    if not request and (gained or not after) and before:
        yield f"{name} may now be {' or '.join(gained) or 'anything'}, and was {' or '.join(sorted(before))}"
    yield from _values(name, old, new, request=request)
    yield from _members(name, pair, old, new, request=request)
    if "items" in old and "items" in new:
        yield from _schema(f"{name}[]", pair, old["items"], new["items"], request=request)
    alternatives = [option for option in new.get("anyOf", ()) if pair.resolved(option, new=True).get("type") != "null"]
    for option in old.get("anyOf", ()):
        kind = pair.resolved(option, new=False).get("type")
        same = [other for other in alternatives if pair.resolved(other, new=True).get("type") == kind]
        if len(same) == 1:
            yield from _schema(name, pair, option, same[0], request=request)


def _types(pair: _Pair, schema: Document, *, new: bool) -> set[str]:
    if "anyOf" in schema:
        return set().union(*(_types(pair, pair.resolved(option, new=new), new=new) for option in schema["anyOf"]))
    kind = schema.get("type", [])
    return {kind} if isinstance(kind, str) else set(kind)


def _values(name: str, old: Document, new: Document, *, request: bool) -> Iterator[str]:
    before, after = _listed(old), _listed(new)
    if request:
        if after is not None and before is not None and before - after:
            yield f"{name} no longer takes {', '.join(sorted(before - after))}"
        if after is not None and before is None:
            yield f"{name} now takes only {', '.join(sorted(after))}"
        for keyword, narrower in _LIMITS.items():
            if keyword in new and (keyword not in old or narrower(old[keyword], new[keyword])):
                yield f"{name} now has {keyword} {new[keyword]}, and had {old.get(keyword, 'none')}"
    elif before is not None and (after is None or after - before):
        yield f"{name} may now be {', '.join(sorted(after - before)) if after else 'anything'}, and was {', '.join(sorted(before))}"


def _listed(schema: Document) -> set[str] | None:
    if "const" in schema:
        return {str(schema["const"])}
    return {str(value) for value in schema["enum"]} if "enum" in schema else None


def _members(name: str, pair: _Pair, old: Document, new: Document, *, request: bool) -> Iterator[str]:
    known, present = old.get("properties", {}), new.get("properties", {})
    for member, schema in known.items():
        if member not in present:
            yield f"{name} no longer has the field {member}"
        else:
            yield from _schema(f"{name} field {member}", pair, schema, present[member], request=request)
    demanded, promised = set(new.get("required", ())), set(old.get("required", ()))
    if request:
        for member in sorted(demanded - promised):
            yield f"{name} now demands the field {member}"
    else:
        for member in sorted((promised - demanded) & set(present)):
            yield f"{name} no longer always has the field {member}"


def write_snapshot() -> None:
    """Make the present document the one that clients are promised."""
    SNAPSHOT.write_text(json.dumps(current_document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    write_snapshot()
