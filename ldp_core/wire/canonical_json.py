"""One byte string for each JSON value, so that a digest names the content.

Objects have their keys sorted, no white space is written, text is UTF-8 and numbers are integers: a float has more
than one spelling and is refused.
"""

import hashlib
import json
from typing import TypeAlias, cast

from ldp_core.errors import SpecError

__all__ = ["Json", "canonical_json", "parse_canonical_json", "sha256_hex"]

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"


def canonical_json(value: Json) -> bytes:
    """The canonical bytes of a JSON value. Raises SpecError for a float or for text that is not valid Unicode.

    >>> canonical_json({"b": [1, True], "a": "é"})
    b'{"a":"\\xc3\\xa9","b":[1,true]}'
    """
    _refuse_floats(value)
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise SpecError("the text holds half of a surrogate pair, which no UTF-8 can carry") from error


def _refuse_floats(value: Json) -> None:
    if isinstance(value, float):
        raise SpecError(f"canonical JSON holds integers only, got {value!r}; write it as a string")
    if isinstance(value, dict):
        for inner in value.values():
            _refuse_floats(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_floats(inner)


def parse_canonical_json(raw: bytes) -> Json:
    """The value of canonical bytes. Raises SpecError unless they are exactly what `canonical_json` writes."""
    try:
        value = cast(Json, json.loads(raw.decode("utf-8")))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise SpecError(f"not JSON: {error}") from error
    if canonical_json(value) != raw:
        raise SpecError("JSON, but not in canonical form (sorted keys, no white space, integers only)")
    return value


def sha256_hex(raw: bytes) -> str:
    """SHA-256 as 64 hex digits."""
    return hashlib.sha256(raw).hexdigest()
