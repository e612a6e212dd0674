"""How often and how long to try again: exponential back-off with full jitter, never sooner than the service asks."""

from dataclasses import dataclass

from client.sdk.errors import SettingsError
from client.sdk.problem import Problem

__all__ = ["RetryPolicy", "worth_retrying"]

_FULL = frozenset({"too-many-arrays"})
"""Stays so for days, unless somebody makes room."""


@dataclass(frozen=True)
class RetryPolicy:
    """attempts: tries in all, the first included · base, cap: of the growing wait · patience: the longest single wait.

    A service that asks for more than `patience_seconds` is taken at its word: the client stops and tries another day.
    """

    attempts: int = 5
    base_seconds: float = 0.5
    cap_seconds: float = 20.0
    patience_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or not 0 <= self.base_seconds <= self.cap_seconds <= self.patience_seconds:
            raise SettingsError(
                "a retry policy needs attempts >= 1 and 0 <= base_seconds <= cap_seconds <= patience_seconds, "
                f"got {self.attempts}, {self.base_seconds}, {self.cap_seconds} and {self.patience_seconds}"
            )

    def wait_seconds(self, tries: int, asked_seconds: float | None, share: float) -> float | None:
        """The wait after `tries` failed tries, or None to stop. share: uniform in 0..1, the jitter."""
        if tries >= self.attempts:
            return None
        backed_off = share * min(self.cap_seconds, self.base_seconds * 2.0 ** (tries - 1))
        wait = max(asked_seconds or 0.0, backed_off)
        return wait if wait <= self.patience_seconds else None


def worth_retrying(problem: Problem) -> bool:
    """Can the same request succeed later? True for 429, unless room must be made, for 5xx and a paused collection; never for another 4xx."""
    busy = problem.status == 429 and problem.slug not in _FULL
    return busy or problem.status >= 500 or problem.slug == "collection-paused"
