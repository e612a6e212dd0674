"""Clients under test conditions: threads that upload batches and retry each, unchanged, until it is acknowledged."""

import http.client
import json
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

_PATIENCE_SECONDS = 300
"""A server that is killed again and again on a crowded machine is away most of the time."""


class Uploader(threading.Thread):
    """Uploads its batches in order. base_url: asked before every attempt, since a restarted server may move."""

    def __init__(
        self,
        base_url: Callable[[], str],
        path: str,
        headers: Mapping[str, str],
        batches: Iterable[Mapping[str, Any]],
        *,
        repeat_share: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(daemon=True)
        self._base_url, self._path = base_url, path
        self._headers = {**headers, "Content-Type": "application/json"}
        self._batches = batches
        self._repeat_share, self._random = repeat_share, random.Random(seed)
        self.acknowledged = 0
        self.lost_connections = 0
        self.replays = 0
        self.problem: str | None = None

    def run(self) -> None:
        connection: http.client.HTTPConnection | None = None
        for batch in self._batches:
            repeats = 2 if self._random.random() < self._repeat_share else 1  # an answer that got lost
            for _ in range(repeats):
                connection = self._until_acknowledged(connection, batch)
                if connection is None:
                    return
            self.acknowledged += 1
        if connection is not None:
            connection.close()

    def _until_acknowledged(
        self, connection: http.client.HTTPConnection | None, batch: Mapping[str, Any]
    ) -> http.client.HTTPConnection | None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                if connection is None:
                    connection = http.client.HTTPConnection(urlsplit(self._base_url()).netloc, timeout=20)
                connection.request("POST", self._path, json.dumps(batch), self._headers)
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException):
                self.lost_connections += 1
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.02)
                continue
            if answer.status == 200:
                self.replays += json.loads(body)["replayed"]
                return connection
            if answer.status != 503:
                self.problem = body.decode()
                return None
            time.sleep(0.05)
        self.problem = "no acknowledgement in time"
        return None
