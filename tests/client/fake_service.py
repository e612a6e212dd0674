"""The HTTP contract in memory: what the client may rely on, and nothing of the server's code.

`FakeService` answers requests as plain values. `wire()` puts it behind httpx without a network, `served()` behind a real socket.
"""

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import numpy as np

from ldp_core.labels import RowLabels
from ldp_core.mechanisms import create
from ldp_core.wire import CollectionSpec, Domain, ReportBatch
from ldp_core.wire.canonical_json import parse_canonical_json, sha256_hex

ADMIN = "admin-token"

Reply = tuple[int, dict[str, str], bytes]


@dataclass
class FakeCollection:
    spec: CollectionSpec
    name: str
    write_key: str
    state: str = "open"
    batches: dict[str, bytes] = field(default_factory=dict)
    messages: list[int] = field(default_factory=list)
    replays: int = 0


@dataclass
class SeenRequest:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class FakeService:
    """script: replies to give instead of the true ones, first come first served; an exception is raised, None passes."""

    def __init__(self, admin_token: str = ADMIN) -> None:
        self.admin_token = admin_token
        self.collections: dict[str, FakeCollection] = {}
        self.seen: list[SeenRequest] = []
        self.tokens: list[dict[str, Any]] = []
        self.script: list[Reply | Exception | None] = []
        self.change_spec: Callable[[bytes], bytes] = lambda body: body
        self.reads_packed = True
        self._lock = threading.Lock()

    def add(
        self, collection: str = "c1", *, items: list[str] | None = None, epsilon: str = "1", **options: Any
    ) -> FakeCollection:
        items = items or ["apple", "pear", "plum", "fig"]
        mechanism = create("projective_geometry", epsilon=epsilon, domain_size=len(items))
        spec = CollectionSpec(collection, options.pop("version", 1), "Which?", mechanism, Domain(items), **options)
        self.collections[collection] = FakeCollection(spec, f"name of {collection}", f"key-{collection}")
        return self.collections[collection]

    def add_labels(self, collection: str, labels: RowLabels) -> FakeCollection:
        spec = CollectionSpec.of_labels(collection, 1, "Did it please you?", labels)
        self.collections[collection] = FakeCollection(spec, f"name of {collection}", f"key-{collection}")
        return self.collections[collection]

    def uploads(self) -> list[SeenRequest]:
        return [seen for seen in self.seen if seen.path.endswith("/reports")]

    def handle(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        with self._lock:
            parts = urlsplit(url)
            self.seen.append(SeenRequest(method, parts.path, headers, body))
            scripted = self.script.pop(0) if self.script else None
            if isinstance(scripted, Exception):
                raise scripted
            return scripted or self._route(method, parts.path, parse_qs(parts.query), headers, body)

    def _route(
        self, method: str, path: str, query: dict[str, list[str]], headers: dict[str, str], body: bytes
    ) -> Reply:
        steps = path.strip("/").split("/")
        if steps[0] == "c" and steps[1] in self.collections:
            return self._public(self.collections[steps[1]], steps[2], headers)
        if steps[:2] == ["v1", "tokens"]:
            return self._tokens(method, steps, headers, body)
        if steps[:2] != ["v1", "collections"]:
            return problem(404, "not-found", "No such page")
        if steps[-1] == "reports":
            return self._upload(steps[2], headers, body)
        if headers.get("authorization") != f"Bearer {self.admin_token}":
            return problem(401, "unknown-token", "Unknown token", {"WWW-Authenticate": "Bearer"})
        if len(steps) == 2:
            return self._create(json.loads(body)) if method == "POST" else self._list()
        if steps[2] not in self.collections:
            return problem(404, "unknown-collection", "Unknown collection")
        collection = self.collections[steps[2]]
        if len(steps) == 3:
            return reply(200, self.described(collection))
        return self._estimates(collection, query) if steps[3] == "estimates" else self._move(collection, steps[3])

    def _tokens(self, method: str, steps: list[str], headers: dict[str, str], body: bytes) -> Reply:
        if headers.get("authorization") != f"Bearer {self.admin_token}":
            return problem(401, "unknown-token", "Unknown token", {"WWW-Authenticate": "Bearer"})
        if method == "GET":
            return reply(200, {"tokens": self.tokens})
        if method == "POST":
            wanted = {"collection": None, **json.loads(body)}
            made = {"id": len(self.tokens) + 1, "last_used": None, "ends": None, "usable": True, **wanted}
            self.tokens.append(made)
            return reply(201, made | {"token": f"secret {made['id']}"})
        number = int(steps[2])
        if number > len(self.tokens):
            return problem(404, "unknown-resource", "No such token")
        self.tokens[number - 1]["usable"] = False
        return 204, {}, b""

    def _public(self, collection: FakeCollection, what: str, headers: dict[str, str]) -> Reply:
        if collection.state == "closed":
            return problem(410, "collection-closed", "The collection is closed")
        domain = collection.spec.domain
        body = self.change_spec(collection.spec.canonical) if what == "spec" else (domain.canonical if domain else b"")
        tag = collection.spec.digest if what == "spec" else sha256_hex(body)
        if headers.get("if-none-match") == f'"{tag}"':
            return 304, {"ETag": f'"{tag}"'}, b""
        return 200, {"ETag": f'"{tag}"', "Content-Type": "application/json"}, body

    def _upload(self, collection_id: str, headers: dict[str, str], body: bytes) -> Reply:
        collection = self.collections[collection_id]
        if headers.get("authorization") != f"Bearer {collection.write_key}":
            return problem(401, "unknown-token", "Unknown token")
        if collection.state == "paused":
            return problem(409, "collection-paused", "Paused", {"Retry-After": "0"})
        if collection.state == "closed":
            return problem(410, "collection-closed", "The collection is closed")
        batch = self._batch(headers, body)
        if batch is None:
            return problem(415, "unsupported-media-type", "Not read here", supported=["application/json"])
        if not collection.spec.digest.startswith(batch["spec_digest"]):
            return problem(422, "spec-mismatch", "Another spec", spec_digest=collection.spec.digest)
        key, count = batch["batch_key"], len(batch["messages"])
        if key in collection.batches:
            if collection.batches[key] != body:
                return problem(422, "batch-key-reused", "Key reused")
            collection.replays += 1
            return reply(200, {"accepted": count, "replayed": True, "rejected": []})
        collection.batches[key] = body
        collection.messages += batch["messages"]
        return reply(200, {"accepted": count, "replayed": False, "rejected": []})

    def _batch(self, headers: dict[str, str], body: bytes) -> Any:
        if headers["content-type"] == "application/json":
            return parse_canonical_json(body)
        if not self.reads_packed:
            return None
        packed = ReportBatch.parse(body)
        return {
            "spec_digest": packed.spec_prefix.hex(),
            "batch_key": packed.key.hex(),
            "messages": packed.messages.tolist(),
        }

    def _create(self, wanted: dict[str, Any]) -> Reply:
        size = wanted.get("domain_size") or len(wanted["items"])
        mechanism = create(
            wanted.get("mechanism", "projective_geometry"),
            epsilon=wanted["epsilon"],
            domain_size=size,
            **wanted.get("parameters", {}),
        )
        name = f"c{len(self.collections) + 1}"
        domain = Domain(wanted["items"]) if "items" in wanted else None
        spec = CollectionSpec(name, 1, wanted["question"], mechanism, domain)
        created = FakeCollection(spec, wanted["name"], secrets.token_hex(8), "draft")
        self.collections[name] = created
        return reply(201, self.described(created) | {"write_key": created.write_key})

    def _list(self) -> Reply:
        return reply(200, {"collections": [self.described(c) for c in self.collections.values()]})

    def _move(self, collection: FakeCollection, move: str) -> Reply:
        legal = {("draft", "open"), ("open", "pause"), ("paused", "open"), ("open", "close"), ("paused", "close")}
        if (collection.state, move) not in legal:
            return problem(409, "illegal-transition", "Not possible now", state=collection.state)
        collection.state = {"open": "open", "pause": "paused", "close": "closed"}[move]
        return reply(200, {"id": collection.spec.collection, "state": collection.state})

    def described(self, collection: FakeCollection) -> dict[str, Any]:
        document: Any = collection.spec.document()
        mechanism = collection.spec.mechanism
        ratio = mechanism.likelihood_ratio
        return {
            "id": collection.spec.collection,
            "name": collection.name,
            "question": collection.spec.question,
            "state": collection.state,
            "version": 1,
            "spec_digest": collection.spec.digest,
            **{
                key: document[key]
                for key in ("mechanism", "parameters", "epsilon", "threshold", "domain_size", "report_space")
            },
            "likelihood_ratio": f"{ratio.numerator}/{ratio.denominator}",
            "window": "P1D",
            "min_reports": 0,
            "plan": {
                "total_error_over_optimum": 1.01,
                "standard_error_at_10000_reports": 0.02,
                "report_bits": mechanism.report_bits,
            },
            "n": len(collection.messages),
        }

    def _estimates(self, collection: FakeCollection, query: dict[str, list[str]]) -> Reply:
        mechanism = collection.spec.mechanism
        if not collection.messages:
            return problem(422, "not-enough-reports", "Too few reports", detail="No estimate yet.", have=0, need=1)
        confidence = float(query.get("confidence", ["0.95"])[0])
        estimate = mechanism.decode(mechanism.tally(np.array(collection.messages)), "enumeration")
        low, high = estimate.interval(confidence)
        low_all, high_all = estimate.interval(confidence, simultaneous=True)
        floor = estimate.noise_floor(confidence)
        names = (
            collection.spec.domain.items if collection.spec.domain else [str(i) for i in range(mechanism.domain_size)]
        )
        items = [
            {
                "item": names[i],
                "index": i,
                "estimate": float(f),
                "standard_error": float(estimate.standard_errors[i]),
                "low": float(low[i]),
                "high": float(high[i]),
                "low_simultaneous": float(low_all[i]),
                "high_simultaneous": float(high_all[i]),
                "above_noise_floor": bool(f > floor),
            }
            for i, f in enumerate(estimate.frequencies)
        ]
        if "top" in query:
            items = sorted(items, key=lambda item: -item["estimate"])[: int(query["top"][0])]
        canaries = estimate.canaries
        described = self.described(collection)
        kept = (
            "version",
            "spec_digest",
            "mechanism",
            "parameters",
            "epsilon",
            "likelihood_ratio",
            "domain_size",
            "report_space",
        )
        return reply(
            200,
            {
                "collection": collection.spec.collection,
                "n": estimate.n,
                **{key: described[key] for key in kept},
                "decoder": "enumeration",
                "decode_seconds": 0.01,
                "confidence": confidence,
                "noise_floor": floor,
                "canaries": {
                    "count": canaries.count,
                    "rms_z": canaries.rms_z,
                    "max_abs_z": canaries.max_abs_z,
                    "alarm": canaries.alarm,
                },
                "poisoning": {"users_per_fake": 2.0, "shift_per_percent": 0.02},
                "items": items,
                "provenance": {"counts_digest": "0" * 64},
            },
        )


def reply(status: int, document: dict[str, Any]) -> Reply:
    return status, {"Content-Type": "application/json"}, json.dumps(document).encode()


def problem(status: int, slug: str, title: str, headers: dict[str, str] | None = None, **extras: Any) -> Reply:
    document = {"type": f"urn:fanoplane:problem:{slug}", "title": title, "status": status, "detail": "", **extras}
    return status, {"Content-Type": "application/problem+json", **(headers or {})}, json.dumps(document).encode()


def wire(service: FakeService) -> httpx.MockTransport:
    """The service below httpx, without a network."""

    def handle(request: httpx.Request) -> httpx.Response:
        status, headers, body = service.handle(
            request.method, str(request.url), {k.lower(): v for k, v in request.headers.items()}, request.read()
        )
        return httpx.Response(status, headers=headers, content=body)

    return httpx.MockTransport(handle)


@contextmanager
def served(service: FakeService) -> Iterator[str]:
    """The service behind a socket of 127.0.0.1; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status, headers, content = service.handle(
                self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body
            )
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = _answer  # noqa: N815
        do_POST = _answer  # noqa: N815
        do_DELETE = _answer  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
