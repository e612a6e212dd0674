"""Every problem type, once: what an error answer looks like (RFC 9457) and when it comes. `docs/problems.md` has a page on each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from starlette.responses import Response

from server.refusals import Refusal

__all__ = ["MEDIA_TYPE", "PROBLEMS", "ProblemType", "problem_response", "refusal_response"]

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class ProblemType:
    """A kind of error. Its URN never changes; title and status belong to it.

    extras: members of the document beyond type, title, status and detail.
    """

    slug: str
    status: int
    title: str
    extras: tuple[str, ...] = ()

    @property
    def urn(self) -> str:
        """The stable name, `type` in the document."""
        return f"urn:fanoplane:problem:{self.slug}"


_TYPES = (
    ProblemType("malformed-body", 400, "The body cannot be read"),
    ProblemType("malformed-request", 400, "The request cannot be read"),
    ProblemType("unknown-token", 401, "No known token"),
    ProblemType("insufficient-scope", 403, "The token is for something else"),
    ProblemType("not-found", 404, "No such address"),
    ProblemType("unknown-collection", 404, "No such collection"),
    ProblemType("unknown-resource", 404, "No such token, key, operation, analysis, job or array"),
    ProblemType("method-not-allowed", 405, "This address has no such method"),
    ProblemType("collection-not-open", 409, "The collection is not open yet", ("state",)),
    ProblemType("collection-paused", 409, "The collection is paused", ("state",)),
    ProblemType("illegal-transition", 409, "The collection cannot do this in its state", ("state",)),
    ProblemType("collection-closed", 410, "The collection is closed", ("state",)),
    ProblemType("stale-etag", 412, "The collection was changed in the meantime", ("etag",)),
    ProblemType("analysis-too-large", 413, "More than one analysis may take", ("code", "field")),
    ProblemType("too-large", 413, "More than the limit", ("limit",)),
    ProblemType("unsupported-media-type", 415, "This media type is not read here", ("supported",)),
    ProblemType("batch-key-reused", 422, "The batch key was used with another body"),
    ProblemType("idempotency-key-reused", 422, "The Idempotency-Key was used for another request"),
    ProblemType("invalid-analysis", 422, "The analysis cannot answer this", ("code", "field")),
    ProblemType("invalid-parameters", 422, "Something asked for cannot be done", ("errors",)),
    ProblemType("message-out-of-range", 422, "No phone sends this message", ("position", "report_space")),
    ProblemType("not-enough-reports", 422, "Not enough reports yet", ("have", "need")),
    ProblemType("spec-mismatch", 422, "Reports made under another spec", ("spec_digest",)),
    ProblemType("window-closed", 422, "The window is over for good", ("window",)),
    ProblemType("rate-limited", 429, "Too many uploads"),
    ProblemType("too-many-arrays", 429, "Too many arrays stored", ("limit",)),
    ProblemType("too-many-jobs", 429, "Too many jobs at once", ("limit",)),
    ProblemType("internal", 500, "A fault of this service"),
    ProblemType("job-failed", 500, "The work failed"),
    ProblemType("database-unavailable", 503, "The database does not answer"),
    ProblemType("overloaded", 503, "Too much is waiting"),
)

PROBLEMS: Mapping[str, ProblemType] = {kind.slug: kind for kind in _TYPES}
"""Slug: problem type."""


def problem_response(
    slug: str, detail: str, *, extras: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> Response:
    """The answer for a problem type. detail: what was given, what was expected, what to do."""
    kind = PROBLEMS[slug]
    document = {"type": kind.urn, "title": kind.title, "status": kind.status, "detail": detail, **(extras or {})}
    return Response(msgspec.json.encode(document), kind.status, headers=headers, media_type=MEDIA_TYPE)


def refusal_response(refusal: Refusal) -> Response:
    """The answer for what the service declines."""
    headers: dict[str, str] = dict(refusal.headers)
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    if PROBLEMS[refusal.slug].status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="fanoplane"'
    return problem_response(refusal.slug, refusal.detail, extras=refusal.extras, headers=headers)
