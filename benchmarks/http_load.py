"""A client that costs little: prepared requests over kept connections, one waiting for its answer on each.

    echo '{"port": 8000, "path": "/…", …}' | python -m benchmarks.http_load

Settings come as one JSON document on standard input (`Load`), the result goes as one to standard output (`Measured`).
"""

import asyncio
import json
import os
import struct
import sys
import time
from dataclasses import asdict, dataclass
from typing import cast

import numpy as np
import uvloop

from ldp_core.wire import PACKED_MEDIA_TYPE, ReportBatch

__all__ = ["Load", "Measured"]

_KEY_OFFSET = 20
_DIFFERENT_BODIES = 16


@dataclass(frozen=True)
class Load:
    """What to send: single reports as JSON, or packed batches of `reports` each."""

    port: int
    path: str
    write_key: str
    spec_digest: str
    report_space: int
    window_seconds: int
    packed: bool
    reports: int
    connections: int
    seconds: float


@dataclass(frozen=True)
class Measured:
    """Answers with status 200, others, the time it took, and percentiles of the time to an answer."""

    answered: int
    refused: int
    seconds: float
    p50_ms: float
    p99_ms: float


class _Bodies:
    """Bodies with a new batch key each, made before the clock runs but for the key."""

    def __init__(self, load: Load) -> None:
        rng = np.random.default_rng()
        rows = rng.integers(0, load.report_space, (_DIFFERENT_BODIES, load.reports), dtype=np.uint32)
        self._packed = load.packed
        if load.packed:
            prefix, window = bytes.fromhex(load.spec_digest[:16]), int(time.time()) // load.window_seconds
            self._made = [bytearray(ReportBatch(prefix, window, bytes(16), row).pack()) for row in rows]
        else:
            texts = [
                json.dumps({"spec_digest": load.spec_digest, "batch_key": "KEY", "messages": row.tolist()})
                for row in rows
            ]
            self._parts = [text.encode().split(b"KEY") for text in texts]
        media_type = PACKED_MEDIA_TYPE if load.packed else "application/json"
        self._head = (
            f"POST {load.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {load.write_key}\r\n"
            f"Content-Type: {media_type}\r\nContent-Length: "
        ).encode()
        self._next = 0

    def request(self) -> bytes:
        self._next = (self._next + 1) % _DIFFERENT_BODIES
        key = os.urandom(16)
        if self._packed:
            body = self._made[self._next]
            struct.pack_into("16s", body, _KEY_OFFSET, key)
            return b"%s%d\r\n\r\n%s" % (self._head, len(body), body)
        before, after = self._parts[self._next]
        return b"%s%d\r\n\r\n%s%s%s" % (self._head, len(before) + 32 + len(after), before, key.hex().encode(), after)


class _Connection(asyncio.Protocol):
    """Sends, waits for the answer, sends again, until the deadline."""

    def __init__(self, bodies: _Bodies, deadline: float, taken: list[float], refused: list[bytes]) -> None:
        self._bodies, self._deadline = bodies, deadline
        self._taken, self._refused = taken, refused
        self._buffer = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._send()

    def _send(self) -> None:
        self._sent = time.perf_counter()
        if self._sent >= self._deadline:
            self._transport.close()
            return
        self._transport.write(self._bodies.request())

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0]):
            return
        self._taken.append(time.perf_counter() - self._sent)
        if not head.startswith(b"HTTP/1.1 200"):
            self._refused.append(self._buffer)
        self._buffer = b""
        self._send()

    def connection_lost(self, _error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def _run(load: Load) -> Measured:
    bodies, taken, refused = _Bodies(load), [], []  # type: ignore[var-annotated]
    loop, started = asyncio.get_running_loop(), time.perf_counter()
    deadline = started + load.seconds
    opened = [
        await loop.create_connection(lambda: _Connection(bodies, deadline, taken, refused), "127.0.0.1", load.port)
        for _ in range(load.connections)
    ]
    await asyncio.wait_for(asyncio.gather(*(protocol.done for _, protocol in opened)), load.seconds + 60)
    seconds = time.perf_counter() - started
    if refused:
        sys.stderr.write(f"{len(refused)} requests were refused, the first with {refused[0]!r}\n")
    p50, p99 = np.percentile(taken, [50, 99]) * 1e3
    return Measured(len(taken) - len(refused), len(refused), seconds, float(p50), float(p99))


if __name__ == "__main__":
    measured = uvloop.run(_run(Load(**json.loads(sys.stdin.read()))))
    print(json.dumps(asdict(measured)))
