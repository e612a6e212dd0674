"""A network that misbehaves on purpose, in the ways that make a naive service lose reports or count them twice."""

import threading
from dataclasses import dataclass

import httpx
import numpy as np

from ldp_core.errors import ParameterError

__all__ = ["EVERYDAY_FAULTS", "Faults", "FaultyNetwork"]


@dataclass(frozen=True)
class Faults:
    """How often uploads go wrong.

    lost_requests: never reach the service · lost_acknowledgements: are counted, but the answer is lost, so the client
    sends the batch again · duplicates: arrive twice · reordered: batches leave in random order, duplicates after all others.
    Shares lie in 0..1, those of loss below 1. Raises ParameterError otherwise.
    """

    lost_requests: float = 0.0
    lost_acknowledgements: float = 0.0
    duplicates: float = 0.0
    reordered: bool = False

    def __post_init__(self) -> None:
        lost = self.lost_requests + self.lost_acknowledgements
        if min(self.lost_requests, self.lost_acknowledgements, self.duplicates) < 0 or lost >= 1 or self.duplicates > 1:
            raise ParameterError(
                "shares of faults lie in 0..1 and the two kinds of loss must sum to less than 1, "
                f"got {self.lost_requests}, {self.lost_acknowledgements} and {self.duplicates}"
            )

    @property
    def any(self) -> bool:
        """Does anything go wrong at all?"""
        return self != Faults()


EVERYDAY_FAULTS = Faults(lost_requests=0.05, lost_acknowledgements=0.1, duplicates=0.1, reordered=True)


class FaultyNetwork(httpx.BaseTransport):
    """A network below httpx that loses and doubles uploads; other requests pass. Threads may share it.

    lost, duplicated: faults so far · duplicates_not_replayed: doubled uploads that the service did not recognise.
    """

    def __init__(self, faults: Faults, rng: np.random.Generator, inner: httpx.BaseTransport) -> None:
        self._faults, self._rng, self._inner = faults, rng, inner
        self._lock = threading.Lock()
        self._held_back: list[httpx.Request] = []
        self.lost = self.duplicated = self.duplicates_not_replayed = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request through the bad network. Raises httpx.ConnectError or httpx.ReadError for what it loses."""
        if request.method != "POST":
            return self._inner.handle_request(request)
        with self._lock:
            loss, doubling = self._rng.random(2)
        request.read()
        if loss < self._faults.lost_requests:
            self._count_loss()
            raise httpx.ConnectError("simulated: the request was lost", request=request)
        response = self._inner.handle_request(request)
        response.read()
        if doubling < self._faults.duplicates:
            self._double(request)
        if loss < self._faults.lost_requests + self._faults.lost_acknowledgements:
            self._count_loss()
            raise httpx.ReadError("simulated: the acknowledgement was lost", request=request)
        return response

    def _count_loss(self) -> None:
        with self._lock:
            self.lost += 1

    def _double(self, request: httpx.Request) -> None:
        if self._faults.reordered:
            with self._lock:
                self._held_back.append(request)
        else:
            self._send_again(request)

    def _send_again(self, request: httpx.Request) -> None:
        again = httpx.Request(request.method, request.url, headers=request.headers, content=request.content)
        response = self._inner.handle_request(again)
        response.read()
        recognised = response.status_code == 200 and response.json().get("replayed") is True
        with self._lock:
            self.duplicated += 1
            self.duplicates_not_replayed += not recognised

    def deliver_late(self) -> None:
        """Let the duplicates that were held back arrive now, in random order."""
        with self._lock:
            late = [self._held_back[i] for i in self._rng.permutation(len(self._held_back))]
            self._held_back.clear()
        for request in late:
            self._send_again(request)

    def close(self) -> None:
        """Close the network below."""
        self._inner.close()
