"""The service with its dashboard on a real port of this process, and collections with reports in them."""

import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import uvicorn

from client.simulation import Population
from ldp_core.mechanisms import create
from server.app import create_app
from server.clock import Clock
from server.settings import Settings
from tests.services.in_process import ADMIN, ADMIN_TOKEN

DAY = 86_400
START_SECONDS = 30


@dataclass(frozen=True)
class Live:
    """A service that listens."""

    url: str
    http: httpx.Client

    @property
    def dashboard(self) -> str:
        return f"{self.url}/dashboard"

    def create(self, *, opened: bool = True, **fields: Any) -> dict[str, Any]:
        """A collection, open unless it is to stay a draft."""
        answer = self.http.post("/v1/collections", json=fields, headers=ADMIN)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        if opened:
            self.http.post(f"/v1/collections/{made['id']}/open", headers=ADMIN).raise_for_status()
        return made

    def report(self, made: dict[str, Any], answers: Sequence[int], rng: np.random.Generator) -> None:
        """Phones that hold these answers report, through the API as a relay sends them."""
        mechanism = create(
            made["mechanism"], epsilon=made["epsilon"], domain_size=made["domain_size"], **made["parameters"]
        )
        self.send(made, mechanism.randomize_many(np.asarray(answers), rng).tolist())

    def send(self, made: dict[str, Any], messages: Sequence[int]) -> None:
        """These messages, as a relay sends them."""
        for start in range(0, len(messages), 10_000):
            body = {
                "spec_digest": made["spec_digest"],
                "batch_key": secrets.token_hex(16),
                "messages": messages[start : start + 10_000],
            }
            headers = {"Authorization": f"Bearer {made['write_key']}"}
            self.http.post(f"/v1/collections/{made['id']}/reports", json=body, headers=headers).raise_for_status()

    def survey(self, people: Population, phones: int, rng: np.random.Generator, **fields: Any) -> dict[str, Any]:
        """A collection that so many people answered."""
        made = self.create(items=list(people.items), **fields)
        self.report(made, people.sample(phones, rng).tolist(), rng)
        return made


@contextmanager
def live_service(folder: Path, database_url: str, clock: Clock | None = None, **changes: Any) -> Iterator[Live]:
    """Serve until the block ends."""
    settings = Settings(
        database_url=database_url,
        data_dir=folder,
        **{"admin_token": ADMIN_TOKEN, "warm_decoder": False, "demo": True, **changes},
    )
    config = uvicorn.Config(create_app(settings, clock), port=0, log_level="warning", access_log=False, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        url = f"http://127.0.0.1:{_port(server, thread)}"
        with httpx.Client(base_url=url, timeout=60) as http:
            yield Live(url, http)
    finally:
        server.should_exit = True
        thread.join(20)


def _port(server: uvicorn.Server, thread: threading.Thread) -> int:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise RuntimeError("the service did not start")
        time.sleep(0.02)
    port: int = server.servers[0].sockets[0].getsockname()[1]
    return port
