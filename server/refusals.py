"""What the service declines to do, as one tree. Each kind names its problem type, see `server.api.problems`.

    Refusal
    ├── MalformedBody · InvalidParameters · TooLarge · UnsupportedMediaType       the request itself
    ├── UnknownToken · InsufficientScope                                         who asks
    ├── UnknownCollection · UnknownResource · IllegalTransition · CollectionNotOpen · CollectionPaused · CollectionClosed
    ├── StaleEtag · IdempotencyKeyReused                                         an administrator's request
    ├── SpecMismatch · MessageOutOfRange · BatchKeyReused · WindowClosed                        an upload
    ├── NotEnoughReports                                                         an estimate
    ├── InvalidAnalysis · AnalysisTooLarge · TooManyJobs · TooManyArrays · JobFailed   an analysis
    └── RateLimited · Overloaded · DatabaseUnavailable                           now, but perhaps not later

A refusal says what was given, what was expected and what to do. It never carries a token.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

__all__ = [
    "AnalysisTooLarge",
    "BatchKeyReused",
    "CollectionClosed",
    "CollectionNotOpen",
    "CollectionPaused",
    "DatabaseUnavailable",
    "IdempotencyKeyReused",
    "IllegalTransition",
    "InsufficientScope",
    "InvalidAnalysis",
    "InvalidParameters",
    "JobFailed",
    "MalformedBody",
    "MessageOutOfRange",
    "NotEnoughReports",
    "Overloaded",
    "RateLimited",
    "Refusal",
    "SpecMismatch",
    "StaleEtag",
    "TooLarge",
    "TooManyArrays",
    "TooManyJobs",
    "UnknownCollection",
    "UnknownResource",
    "UnknownToken",
    "UnsupportedMediaType",
    "WindowClosed",
]


class Refusal(Exception):  # noqa: N818 - reads as what happened
    """A request that the service declines.

    detail: a sentence for people · extras: typed members of the problem document ·
    `retry_after`: seconds after which the same request may succeed, or None.
    """

    slug: ClassVar[str]
    retry_after: int | None = None
    headers: Mapping[str, str] = {}

    def __init__(self, detail: str, **extras: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extras = extras


class MalformedBody(Refusal):
    """Not the format that its media type names."""

    slug = "malformed-body"


class InvalidParameters(Refusal):
    """Readable, but not something that can be done. `errors` lists each field with a message."""

    slug = "invalid-parameters"

    @classmethod
    def of(cls, field: str, message: str) -> "InvalidParameters":
        """One field with its message."""
        return cls(message, errors=[{"field": field, "message": message}])


class TooLarge(Refusal):
    """More than the stated limit."""

    slug = "too-large"


class UnsupportedMediaType(Refusal):
    """A Content-Type that this route does not read."""

    slug = "unsupported-media-type"


class UnknownToken(Refusal):
    """No token, or one that this service never gave out."""

    slug = "unknown-token"


class InsufficientScope(Refusal):
    """A token for something else."""

    slug = "insufficient-scope"


class UnknownCollection(Refusal):
    """No collection of this id is visible to the caller."""

    slug = "unknown-collection"


class UnknownResource(Refusal):
    """No token, write key, operation, analysis or job of this id."""

    slug = "unknown-resource"


class IllegalTransition(Refusal):
    """The collection cannot move from its state to the one asked for."""

    slug = "illegal-transition"


class CollectionNotOpen(Refusal):
    """A draft takes no reports."""

    slug = "collection-not-open"


class CollectionPaused(Refusal):
    """A paused collection takes no reports for now."""

    slug = "collection-paused"
    retry_after = 300


class CollectionClosed(Refusal):
    """A closed collection takes no reports any more."""

    slug = "collection-closed"


class StaleEtag(Refusal):
    """The collection is no longer what If-Match names."""

    slug = "stale-etag"


class IdempotencyKeyReused(Refusal):
    """The Idempotency-Key came before, with another request."""

    slug = "idempotency-key-reused"


class SpecMismatch(Refusal):
    """Reports made under another spec."""

    slug = "spec-mismatch"


class MessageOutOfRange(Refusal):
    """A message that no phone with this spec sends."""

    slug = "message-out-of-range"


class BatchKeyReused(Refusal):
    """The batch key came before, with another body."""

    slug = "batch-key-reused"


class WindowClosed(Refusal):
    """A batch of a window that is over for good."""

    slug = "window-closed"


class NotEnoughReports(Refusal):
    """Fewer reports than an estimate needs."""

    slug = "not-enough-reports"


class InvalidAnalysis(Refusal):
    """A request that an analysis cannot answer. `code` says why, `field` where."""

    slug = "invalid-analysis"


class AnalysisTooLarge(Refusal):
    """A request that would take more memory or time than one analysis may. `code` says why, `field` where."""

    slug = "analysis-too-large"


class TooManyJobs(Refusal):
    """As many jobs of this token wait or run as may."""

    slug = "too-many-jobs"
    retry_after = 30


class TooManyArrays(Refusal):
    """As many arrays of this token are stored as may."""

    slug = "too-many-arrays"


class JobFailed(Refusal):
    """The work itself failed: its process ended, or there is a fault in it."""

    slug = "job-failed"


class RateLimited(Refusal):
    """Uploads arrive faster than the operator allows."""

    slug = "rate-limited"
    retry_after = 1


class Overloaded(Refusal):
    """More uploads wait for the database than the queue holds."""

    slug = "overloaded"
    retry_after = 1


class DatabaseUnavailable(Refusal):
    """The database does not answer, is locked, damaged or full.

    reason: what its driver says of it, for whoever runs the service; it names hosts and files and is in no answer.
    """

    slug = "database-unavailable"
    retry_after = 2

    def __init__(self, detail: str, *, reason: str = "") -> None:
        super().__init__(detail)
        self.reason = reason
