"""The time of day as the service sees it. Everything that depends on it asks a Clock, so a test can turn it."""

import threading
import time
from typing import Protocol

__all__ = ["HOUR", "Clock", "FakeClock", "SystemClock"]

HOUR = 3_600


class Clock(Protocol):
    """Wall time. It may be wrong and may step back; nothing is counted twice because of it."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        ...

    def wait(self, wake: threading.Event, seconds: float) -> None:
        """Return after so many seconds of this clock, or when `wake` is set."""
        ...


class SystemClock:
    """The clock of this machine."""

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()

    def wait(self, wake: threading.Event, seconds: float) -> None:
        """Return after so many seconds, or when `wake` is set."""
        wake.wait(seconds)


class FakeClock:
    """A clock that stands still until it is turned, forwards or backwards."""

    def __init__(self, now: float = 0.0) -> None:
        self._now = now
        self._turned = threading.Condition()

    def now(self) -> float:
        """The time it was turned to."""
        return self._now

    def turn(self, seconds: float) -> None:
        """Let so many seconds pass, at once."""
        with self._turned:
            self._now += seconds
            self._turned.notify_all()

    def wait(self, wake: threading.Event, seconds: float) -> None:
        """Return once it was turned far enough, or soon after `wake` is set."""
        until = self._now + seconds
        with self._turned:
            while self._now < until and not wake.is_set():
                self._turned.wait(0.02)  # of real time: nobody notifies when `wake` is set
