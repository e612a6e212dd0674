"""A batch of reports as it crosses the network, and the two hashes that are kept of it.

Both hashes begin with the batch key, 16 random bytes that only the device knows: what is stored recognises a retry, but
tells nobody who reads the database which messages the batch held. They are SHA-256, for which processors have instructions, so a
batch of 10,000 reports costs a third of BLAKE2b; cut to 16 bytes, so that none can be continued from its value.
"""

import hashlib
import struct
from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ldp_core.errors import BatchError
from ldp_core.wire import PACKED_MEDIA_TYPE, ReportBatch, first_outside
from server.refusals import InvalidParameters, MalformedBody, MessageOutOfRange, SpecMismatch, TooLarge
from server.services.specs import IntakeTerms

__all__ = ["PARSERS", "Batch", "batch_hashes", "check_batch", "parse_json_batch", "parse_packed_batch"]

_HASH_BYTES = 16
_LAST_WINDOW = (1 << 40) - 1
_STATED = struct.Struct("<?Q?H")


class Batch(NamedTuple):
    """A batch as it was sent.

    spec: 64 hex digits, or the first 8 bytes of the digest · key: 16 bytes · messages: not checked yet ·
    window: the one in which it was made, cohort: what it states of it, or None.
    """

    spec: str | bytes
    key: bytes
    messages: list[int] | NDArray[np.uint32]
    window: int | None = None
    cohort: int | None = None


class _JsonBatch(msgspec.Struct, forbid_unknown_fields=True):
    spec_digest: str
    batch_key: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F]{32}\Z")]  # $ would let a line end follow
    messages: list[int]
    window: Annotated[int, msgspec.Meta(ge=0, le=_LAST_WINDOW)] | None = None
    cohort: Annotated[int, msgspec.Meta(ge=0, lt=1 << 16)] | None = None


_json_decoder = msgspec.json.Decoder(_JsonBatch)


def parse_json_batch(body: bytes) -> Batch:
    """Read a JSON upload. A field beyond the known ones is refused: it could tell devices apart.

    Raises MalformedBody when it is no JSON and InvalidParameters when it is another JSON.
    """
    try:
        parsed = _json_decoder.decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedBody("the body is not JSON; send an object with spec_digest, batch_key and messages") from error
    return Batch(parsed.spec_digest, bytes.fromhex(parsed.batch_key), parsed.messages, parsed.window, parsed.cohort)


def parse_packed_batch(body: bytes) -> Batch:
    """Read a packed upload. Raises MalformedBody, or InvalidParameters when it holds no message."""
    try:
        packed = ReportBatch.parse(body)
    except BatchError as error:
        if error.reason == "empty":
            raise InvalidParameters.of("messages", str(error)) from error
        raise MalformedBody(f"{error}. Packed batches are described in docs/wire.md") from error
    return Batch(packed.spec_prefix, packed.key, packed.messages, packed.window, packed.cohort)


PARSERS: Mapping[str, Callable[[bytes], Batch]] = {
    "application/json": parse_json_batch,
    PACKED_MEDIA_TYPE: parse_packed_batch,
}
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
    known = spec_digest if isinstance(batch.spec, str) else bytes.fromhex(spec_digest[: 2 * len(batch.spec)])
    if batch.spec != known:
        raise SpecMismatch(
            "these reports were made under another spec; fetch the current one and make new reports under it",
            spec_digest=spec_digest,
        )
    _check_cohort(batch.cohort, terms.cohorts)
    count = len(batch.messages)
    if not count:
        raise InvalidParameters.of("messages", "a batch holds at least one message")
    if count > terms.reports_per_batch:
        raise TooLarge(
            f"a batch holds at most {terms.reports_per_batch} reports, got {count}; send several batches",
            limit=terms.reports_per_batch,
        )
    position = _first_outside(batch.messages, terms.report_space)
    if position is not None:
        raise MessageOutOfRange(
            f"the message at position {position} is outside 0..{terms.report_space - 1}, and no phone with this spec sends it; "
            "nothing of the batch was stored",
            position=position,
            report_space=terms.report_space,
        )
    if isinstance(batch.messages, list):
        return struct.pack(f"<{count}I", *batch.messages)
    return batch.messages.astype("<u4", copy=False).tobytes()


def _check_cohort(cohort: int | None, declared: int) -> None:
    if declared == 0 and cohort is not None:
        raise InvalidParameters.of("cohort", "the spec declares no cohorts, so a batch states none")
    if declared and (cohort is None or cohort >= declared):
        raise InvalidParameters.of(
            "cohort", f"the spec declares {declared} cohorts, so a batch states the index of one, 0..{declared - 1}"
        )


def _first_outside(messages: list[int] | NDArray[np.uint32], report_space: int) -> int | None:
    if not isinstance(messages, list):
        return first_outside(messages, report_space)
    if min(messages) >= 0 and max(messages) < report_space:
        return None
    return next(i for i, message in enumerate(messages) if not 0 <= message < report_space)


def batch_hashes(
    key: bytes, messages: bytes, *, window: int | None = None, cohort: int | None = None
) -> tuple[bytes, bytes]:
    """Key hash and body hash, 16 bytes each.

    key: 16 bytes · messages: little-endian uint32 in the order sent · window, cohort: what the batch states of them.
    The body hash is of the content, however it was encoded. The version is part of the stored key already.
    """
    stated = _STATED.pack(window is not None, window or 0, cohort is not None, cohort or 0)
    body = hashlib.sha256(b"fano batch body" + key + stated)
    body.update(messages)
    return hashlib.sha256(b"fano batch key" + key).digest()[:_HASH_BYTES], body.digest()[:_HASH_BYTES]
