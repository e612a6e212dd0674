"""Tokens of every kind, made over HTTP as people make them."""

from typing import Any

from tests.services.in_process import ADMIN, InProcess


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def make_token(service: InProcess, name: str, kind: str = "analyst", **fields: Any) -> dict[str, Any]:
    answer = service.post("/v1/tokens", json={"name": name, "kind": kind, **fields}, headers=ADMIN)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made
