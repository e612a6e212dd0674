"""A collection under test: made, opened, reported to."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from tests.services.in_process import ADMIN

Post = Callable[..., httpx.Response]

QUESTION = {"name": "fruit", "question": "Which fruit?", "items": ["apple", "banana", "cherry"], "epsilon": "1"}


@dataclass(frozen=True)
class TestCollection:
    """A created collection with what its clients need."""

    __test__ = False
    created: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.created["id"])

    @property
    def reports_path(self) -> str:
        return f"/v1/collections/{self.id}/reports"

    @property
    def write_headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.created['write_key']}"}

    def batch(self, messages: Sequence[int], key: str | None = None) -> dict[str, Any]:
        return {
            "spec_digest": self.created["spec_digest"],
            "batch_key": key or secrets.token_hex(16),
            "messages": list(messages),
        }


def create(post: Post, admin: Mapping[str, str] = ADMIN, *, opened: bool = True, **changes: Any) -> TestCollection:
    body = {name: value for name, value in {**QUESTION, **changes}.items() if value is not None}
    answer = post("/v1/collections", json=body, headers=admin)
    assert answer.status_code == 201, answer.text
    collection = TestCollection(answer.json())
    if opened:
        moved = post(f"/v1/collections/{collection.id}/open", headers=admin)
        assert moved.status_code == 200, moved.text
    return collection
