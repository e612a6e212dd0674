"""A token bucket for each collection: a cap on uploads that needs to know nothing about who sends them."""

from collections.abc import Callable

__all__ = ["RateLimit"]

_BURST_SECONDS = 1.0


class RateLimit:
    """At most `per_second` on average and one second's worth at once; None allows everything.

    clock: seconds, never running backwards.
    """

    def __init__(self, per_second: float | None, clock: Callable[[], float]) -> None:
        self._rate = per_second
        self._clock = clock
        self._buckets: dict[int, tuple[float, float]] = {}  # collection -> (tokens left, when)

    def allows(self, collection: int) -> bool:
        """Take one token of a collection's bucket if there is one."""
        if self._rate is None:
            return True
        depth = max(1.0, self._rate * _BURST_SECONDS)
        now = self._clock()
        left, since = self._buckets.get(collection, (depth, now))
        left = min(depth, left + (now - since) * self._rate)
        allowed = left >= 1.0
        self._buckets[collection] = (left - 1.0 if allowed else left, now)
        return allowed
