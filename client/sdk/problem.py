"""What the service says when it refuses: an RFC 9457 problem, with what to do about it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["ADVICE", "Problem"]

_PREFIX = "urn:fanoplane:problem:"

ADVICE: Mapping[str, str] = {
    "malformed-body": "Check that the body is the JSON that the API describes at /docs.",
    "invalid-parameters": "Change the named fields and send the request again.",
    "unknown-token": "Pass the right key: the admin token (--token or FANO_ADMIN_TOKEN), or the collection's write key to send reports.",
    "insufficient-scope": "Use a token that allows this: write keys only send reports, the admin token does the rest.",
    "unknown-collection": "Check the collection's id; `fano collection list` shows those that exist. A draft must be opened first.",
    "unknown-resource": "Check the number or id: `fano token list` and `fano array list` show those that there are.",
    "not-found": "Check the address: the service has no such page.",
    "method-not-allowed": "Check the method: the service does not take it at this address.",
    "illegal-transition": "A draft can be opened, an open collection paused or closed, a paused one opened or closed. Closing is final.",
    "collection-paused": "Wait until the collection is open again.",
    "collection-not-open": "Open the collection first: `fano collection open ID`.",
    "collection-closed": "The collection is closed for good; create a new one to ask again.",
    "too-large": "Send less at once: fewer reports in one batch, fewer rows in one file.",
    "unsupported-media-type": "Send JSON with Content-Type: application/json.",
    "spec-mismatch": "Fetch the spec again: the report was made under another version, which cannot be counted here.",
    "message-out-of-range": "Make the report anew from the collection's present spec; none of this batch was counted.",
    "batch-key-reused": "Give every batch its own random key and resend a batch unchanged.",
    "not-enough-reports": "Wait for more reports.",
    "window-closed": "Drop the report, it is too old; if it is new, the clock of this device is wrong.",
    "too-many-arrays": "Make room first: `fano array list` shows the arrays, `fano array delete ID` forgets one.",
    "rate-limited": "Slow down and try again later.",
    "overloaded": "Try again later.",
    "database-unavailable": "Try again later; the operator sees the cause at /readyz.",
    "internal": "This is a fault of the service; its log says more.",
}
"""For each kind of problem that the service names: what the person who meets it can do."""


@dataclass(frozen=True)
class Problem:
    """One refusal. slug: the end of its URN, or "http-STATUS" where the answer was no problem document.

    retry_after_seconds: what the service asked to wait, when it did.
    """

    status: int
    slug: str
    title: str
    detail: str = ""
    retry_after_seconds: float | None = None
    extras: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, status: int, headers: Mapping[str, str], body: bytes) -> "Problem":
        """Read an answer; anything that is not a problem document (a proxy's page) becomes a plain one."""
        document = _document(headers.get("content-type", ""), body)
        urn = str(document.pop("type", ""))
        known = urn.startswith(_PREFIX)
        document.pop("status", None)
        return cls(
            status=status,
            slug=urn.removeprefix(_PREFIX) if known else f"http-{status}",
            title=str(document.pop("title", "")) or f"the service answered {status}",
            detail=str(document.pop("detail", "")),
            retry_after_seconds=_seconds(headers.get("retry-after")),
            extras=document,
        )

    @property
    def explained(self) -> str:
        """Title, detail and what to do, as one text."""
        errors = self.extras.get("errors")
        fields = [
            f"{error.get('field')}: {error.get('message')}"
            for error in (errors if isinstance(errors, list) else [])
            if isinstance(error, dict) and str(error.get("message")) not in self.detail
        ]
        parts = [f"{self.title} ({self.status})", self.detail, *fields, ADVICE.get(self.slug, "")]
        return " — ".join(part for part in parts if part)


def _document(content_type: str, body: bytes) -> dict[str, Any]:
    if "json" not in content_type:
        return {}
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _seconds(text: str | None) -> float | None:
    """Retry-After in seconds. Its other form, a date, needs a clock that a device may not have; it is ignored."""
    return float(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None
