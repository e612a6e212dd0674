"""One batch, one request, one acknowledgement."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from client.sdk.errors import ServiceRefusal, ServiceUnavailable
from client.sdk.transport import Answer, Transport
from ldp_core.wire import CollectionSpec
from ldp_core.wire.canonical_json import Json, canonical_json

__all__ = ["Acknowledgement", "batch_body", "current_window", "upload"]

_NO_CLOCK_BEFORE = 1_767_225_600  # 2026-01-01: no device that runs this has an earlier date


@dataclass(frozen=True)
class Acknowledgement:
    """The service has the reports on its disk. replayed: it had them already, and counted them once."""

    accepted: int
    replayed: bool


def current_window(spec: CollectionSpec, now: float | None = None) -> int | None:
    """The window of a report made now, or None where the clock of this device was evidently never set.

    now: seconds since 1970, the device's own clock when not given.
    """
    seconds = time.time() if now is None else now
    return None if seconds < _NO_CLOCK_BEFORE else int(seconds) // spec.window.seconds


def batch_body(
    spec_digest: str,
    batch_key: str,
    messages: Sequence[int],
    window: int | None = None,
    *,
    cohort: int | None = None,
) -> bytes:
    """The body of an upload. The same content always gives the same bytes.

    window: in which the reports were made, so that the service knows until when it must remember the key ·
    cohort: index of a declared one.
    """
    content: dict[str, Json] = {"spec_digest": spec_digest, "batch_key": batch_key, "messages": list(messages)}
    if window is not None:
        content["window"] = window
    if cohort is not None:
        content["cohort"] = cohort
    return canonical_json(content)


def upload(
    transport: Transport,
    collection: str,
    write_key: str,
    body: bytes,
    *,
    reports: int,
    media_type: str = "application/json",
) -> Acknowledgement:
    """Send one batch of `reports` messages and return when the service has it for good.

    Raises ServiceRefusal for an answer that resending does not change, ServiceUnavailable otherwise.
    """
    answer = transport.request(
        "POST",
        f"/v1/collections/{quote(collection, safe='')}/reports",
        headers={"Authorization": f"Bearer {write_key}", "Content-Type": media_type},
        body=body,
    )
    if 400 <= answer.status < 500:
        raise ServiceRefusal(answer.problem)
    return _acknowledgement(answer, reports)


def _acknowledgement(answer: Answer, reports: int) -> Acknowledgement:
    """Read the answer strictly: the sign-in page of a hotel network answers 200 as well."""
    try:
        document = json.loads(answer.body) if answer.status == 200 else None
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("accepted") != reports:
        raise ServiceUnavailable(
            f"an answer {answer.status} that acknowledges nothing; something on the way may have answered in place of the service"
        )
    return Acknowledgement(accepted=reports, replayed=document.get("replayed") is True)
