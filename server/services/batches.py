"""A batch of reports as it crosses the network, and the two hashes that are kept of it.

Both hashes are BLAKE2b keyed with the batch key, 16 random bytes that only the device knows: what is stored
recognises a retry, but tells nobody who reads the database which messages the batch held.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple

import msgspec
import numpy as np

from server.refusals import InvalidParameters, MalformedBody, MessageOutOfRange, SpecMismatch, TooLarge
from server.services.specs import IntakeTerms

__all__ = ["PARSERS", "Batch", "batch_hashes", "check_batch", "parse_json_batch"]

_HASH_BYTES = 16
_LAST_WINDOW = (1 << 40) - 1


class Batch(NamedTuple):
    """spec_digest: 64 hex digits · key: 16 bytes · messages: integers, not checked yet · window: in which they were made, or None."""

    spec_digest: str
    key: bytes
    messages: list[int]
    window: int | None = None


class _JsonBatch(msgspec.Struct, forbid_unknown_fields=True):
    spec_digest: str
    batch_key: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{32}$")]
    messages: list[int]
    window: Annotated[int, msgspec.Meta(ge=0, le=_LAST_WINDOW)] | None = None


_json_decoder = msgspec.json.Decoder(_JsonBatch)


def parse_json_batch(body: bytes) -> Batch:
    """Read a JSON upload. A further field is refused: it could tell devices apart.

    Raises MalformedBody when it is no JSON and InvalidParameters when it is another JSON.
    """
    try:
        parsed = _json_decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBody("the body is not JSON; send an object with spec_digest, batch_key and messages") from error
    return Batch(parsed.spec_digest, bytes.fromhex(parsed.batch_key), parsed.messages, parsed.window)


PARSERS: Mapping[str, Callable[[bytes], Batch]] = {"application/json": parse_json_batch}
"""Media type: how its body is read."""


def _invalid(text: str) -> InvalidParameters:
    """msgspec writes "Expected … - at `$.messages[3]`"; the path becomes the field."""
    message, _, path = text.partition(" - at `$")
    if path:
        field = path.rstrip("`").lstrip(".")
    elif "`" in message:  # Object missing required field `messages`, Object contains unknown field `device`
        field = message.split("`")[1]
    else:
        field = "body"
    if "regex" in message:
        message = "a batch key is 16 random bytes, written as 32 hex digits"
    return InvalidParameters.of(field, message)


def check_batch(batch: Batch, terms: IntakeTerms, spec_digest: str) -> bytes:
    """The messages as little-endian uint32, if a phone with this spec can have sent them.

    Raises SpecMismatch, TooLarge, InvalidParameters or MessageOutOfRange; then nothing of the batch is stored.
    """
    if batch.spec_digest != spec_digest:
        raise SpecMismatch(
            "these reports were made under another spec; fetch the current one and make new reports under it",
            spec_digest=spec_digest,
        )
    messages = batch.messages
    if not messages:
        raise InvalidParameters.of("messages", "a batch holds at least one message")
    if len(messages) > terms.reports_per_batch:
        raise TooLarge(
            f"a batch holds at most {terms.reports_per_batch} reports, got {len(messages)}; send several batches",
            limit=terms.reports_per_batch,
        )
    if min(messages) < 0 or max(messages) >= terms.report_space:
        position = next(i for i, message in enumerate(messages) if not 0 <= message < terms.report_space)
        raise MessageOutOfRange(
            f"the message at position {position} is outside 0..{terms.report_space - 1}, and no phone with this spec sends it; "
            "nothing of the batch was stored",
            position=position,
            report_space=terms.report_space,
        )
    return np.array(messages, dtype="<u4").tobytes()


def batch_hashes(key: bytes, messages: bytes, window: int | None = None) -> tuple[bytes, bytes]:
    """Key hash and body hash, 16 bytes each.

    key: 16 bytes · messages: little-endian uint32 in the order sent · window: the one that the batch names.
    The version is part of the stored key already.
    """
    person, body = (
        (b"fano batch body", messages)
        if window is None
        else (b"fano window body", window.to_bytes(8, "little") + messages)
    )
    return (
        hashlib.blake2b(key=key, digest_size=_HASH_BYTES, person=b"fano batch key").digest(),
        hashlib.blake2b(body, key=key, digest_size=_HASH_BYTES, person=person).digest(),
    )
