"""The application inside the test's process: real startup and shutdown, requests without a network."""

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import httpx

from server.app import create_app
from server.clock import Clock
from server.settings import Settings

T = TypeVar("T")

ADMIN_TOKEN = "an admin token for tests"
ADMIN = {"Authorization": f"Bearer {ADMIN_TOKEN}"}


def settings(database_url: str, **changes: Any) -> Settings:
    return Settings(database_url=database_url, **{"admin_token": ADMIN_TOKEN, "warm_decoder": False, **changes})


class InProcess:
    """Runs an application on an event loop in a thread of its own. Use as a context manager."""

    def __init__(self, chosen: Settings, clock: Clock | None = None) -> None:
        self.app = create_app(chosen, clock)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._stack = AsyncExitStack()
        self.client: httpx.AsyncClient

    def __enter__(self) -> "InProcess":
        self._thread.start()
        try:
            self.run(self._start())
        except BaseException:
            self._stop_loop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.run(self._stack.aclose())
        finally:
            self._stop_loop()

    def _stop_loop(self) -> None:
        self.run(self._loop.shutdown_default_executor())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        await self._stack.enter_async_context(self.app.router.lifespan_context(self.app))
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        self.client = await self._stack.enter_async_context(
            httpx.AsyncClient(transport=transport, base_url="http://fano.test")
        )

    def run(self, coroutine: Coroutine[Any, Any, T], timeout: float = 60) -> T:
        future: concurrent.futures.Future[T] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(timeout)

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        return self.run(self.client.request(method, path, **arguments))

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("GET", path, **arguments)

    def post(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("POST", path, **arguments)
