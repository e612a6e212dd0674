"""Load without an end: clients that upload until they are told to stop, every message once in the whole collection."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from tests.services.collection import TestCollection
from tests.services.uploader import Uploader

FOLDING = {"FANO_FOLD_SECONDS": "0.2", "FANO_FOLD_REPORTS": "20"}
"""The environment of a server that folds all the time, so that whatever happens to it happens to folds too."""


class EndlessLoad:
    """Clients that retry each batch until it is acknowledged. Each client has its own range of messages.

    base_url: asked before every attempt · size: messages in a batch.
    """

    def __init__(
        self, base_url: Callable[[], str], collection: TestCollection, *, clients: int = 8, size: int = 2
    ) -> None:
        self._stop = threading.Event()
        self._size = size
        self._made = [0] * clients
        self.report_space = int(collection.created["report_space"])
        self._share = self.report_space // clients
        self.clients = [
            Uploader(
                base_url,
                collection.reports_path,
                collection.write_headers,
                self._batches(collection, i),
                repeat_share=0.05,
                seed=i,
            )
            for i in range(clients)
        ]

    def _batches(self, collection: TestCollection, client: int) -> Iterator[dict[str, Any]]:
        while not self._stop.is_set() and self._made[client] + self._size <= self._share:
            start = client * self._share + self._made[client]
            self._made[client] += self._size
            yield collection.batch(range(start, start + self._size))

    def start(self) -> None:
        for client in self.clients:
            client.start()

    def finish(self, timeout: float = 330) -> None:
        """Make no new batch and wait until each one made is acknowledged."""
        self._stop.set()
        for client in self.clients:
            client.join(timeout)
        assert not any(client.is_alive() for client in self.clients)
        problems = [client.problem for client in self.clients if client.problem]
        assert problems == [], problems

    @property
    def sent(self) -> Counter[int]:
        """Every message that was acknowledged, once: what must be stored, no more and no less."""
        return Counter(
            message
            for client, made in enumerate(self._made)
            for message in range(client * self._share, client * self._share + made)
        )

    @property
    def acknowledged(self) -> int:
        return sum(client.acknowledged for client in self.clients)

    @property
    def replays(self) -> int:
        return sum(client.replays for client in self.clients)

    @property
    def lost_connections(self) -> int:
        return sum(client.lost_connections for client in self.clients)
