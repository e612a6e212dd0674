"""Asking for analyses, and collections to ask about."""

import time
from typing import Any

import httpx
import numpy as np

from ldp_core.mechanisms import Mechanism
from ldp_core.mechanisms import create as create_mechanism
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess

MESSAGES = np.random.default_rng(5).integers(0, 13, 500).tolist()
FOREVER = {"d": 50, "steps": 300_000, "runs": 100, "log_points": 2}


def ask(service: InProcess, path: str, body: Any, headers: dict[str, str] = ADMIN) -> httpx.Response:
    return service.post(f"/v1/analysis/{path}", json=body, headers=headers)


def reported(service: InProcess, messages: list[int] = MESSAGES, **changes: Any) -> tuple[TestCollection, Mechanism]:
    items = [f"item {i}" for i in range(10)]
    collection = create(service.post, **{"items": items, "parameters": {"q": 3, "t": 3}, **changes})
    report(service, collection, messages)
    return collection, create_mechanism("projective_geometry", epsilon="1", domain_size=10, q=3, t=3)


def report(service: InProcess, collection: TestCollection, messages: list[int], **more: Any) -> None:
    body = {**collection.batch(messages), **more}
    answer = service.post(collection.reports_path, json=body, headers=collection.write_headers)
    assert answer.status_code == 200, answer.text


def waited(service: InProcess, job: str, headers: dict[str, str] = ADMIN, *, seconds: float = 120) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        document: dict[str, Any] = service.get(f"/v1/jobs/{job}", headers=headers).json()
        if document["status"] in ("done", "failed", "cancelled"):
            return document
        time.sleep(0.1)
    raise AssertionError(f"the job did not end: {document}")
