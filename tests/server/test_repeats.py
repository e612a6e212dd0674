"""Idempotency-Key: an administrator's request that is sent again happens once and gets the first answer, its secret too."""

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.clock import FakeClock
from server.storage import repeats as rows
from tests.server.assertions import assert_problem
from tests.services.collection import QUESTION, create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.tokens import bearer, make_token

pytestmark = pytest.mark.thorough

HOUR = 3_600
KEY = str(uuid.UUID(int=7))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(20_000 * 86_400.0)


@pytest.fixture
def timed(database_url: str, tmp_path: Path, clock: FakeClock) -> Iterator[InProcess]:
    with InProcess(settings(database_url, data_dir=tmp_path), clock) as service:
        service.app.state.services.housekeeping.close()
        yield service


def keyed(key: str = KEY, **headers: str) -> dict[str, str]:
    return {**ADMIN, "Idempotency-Key": key, **headers}


def acts(service: InProcess) -> list[str]:
    entries = service.get("/v1/audit-log", headers=ADMIN).json()["entries"]
    return [entry["act"] for entry in entries]


REQUESTS = {
    "collection.create": ("/v1/collections", QUESTION),
    "collection.open": ("/v1/collections/{id}/open", None),
    "collection.pause": ("/v1/collections/{id}/pause", None),
    "collection.close": ("/v1/collections/{id}/close", None),
    "version.create": ("/v1/collections/{id}/versions", {"question": "Which one?"}),
    "key.create": ("/v1/collections/{id}/keys", {"name": "second"}),
    "token.create": ("/v1/tokens", {"name": "ada", "kind": "analyst"}),
}


@pytest.mark.parametrize("act", REQUESTS)
def test_a_request_sent_again_happens_once_and_gets_the_first_answer(timed: InProcess, act: str) -> None:
    path, body = REQUESTS[act]
    path = path.format(id=create(timed.post, opened=act != "collection.open").id)
    before = acts(timed).count(act)
    answers = [timed.post(path, json=body, headers=keyed()) for _ in range(3)]
    assert answers[0].is_success, answers[0].text
    assert {answer.status_code for answer in answers} == {answers[0].status_code}
    assert [answer.json() for answer in answers] == [answers[0].json()] * 3
    assert [answer.headers.get("location") for answer in answers] == [answers[0].headers.get("location")] * 3
    assert acts(timed).count(act) == before + 1
    assert not timed.post(path, json=body, headers=keyed("another-key-another-request")).is_server_error
    assert acts(timed).count(act) == before + 1 + (act in ("collection.create", "version.create"))


def test_the_secrets_of_both_answers_work_and_none_is_stored(sqlite_url: str, tmp_path: Path) -> None:
    with InProcess(settings(sqlite_url, data_dir=tmp_path)) as service:
        made, again = (service.post("/v1/collections", json=QUESTION, headers=keyed()).json() for _ in range(2))
        assert made["write_key"] == again["write_key"]
        service.post(f"/v1/collections/{made['id']}/open", headers=ADMIN)
        batch = {"spec_digest": made["spec_digest"], "batch_key": "ab" * 16, "messages": [1]}
        sent = service.post(f"/v1/collections/{made['id']}/reports", json=batch, headers=bearer(again["write_key"]))
        assert sent.status_code == 200
    content = b"".join(file.read_bytes() for file in tmp_path.glob("fano.sqlite3*"))
    assert made["id"].encode() in content
    for secret in (made["write_key"], made["write_key"].rpartition("_")[2], KEY, ADMIN["Authorization"].split()[-1]):
        assert secret.encode() not in content


def test_secrets_differ_between_keys_and_between_times(timed: InProcess, clock: FakeClock) -> None:
    def write_key(key: str) -> str:
        return str(timed.post("/v1/collections", json=QUESTION, headers=keyed(key)).json()["write_key"])

    first = {write_key("a-key-of-16-letters"), write_key("another-of-16-letters")}
    clock.turn(25 * HOUR)
    timed.app.state.services.repeats.forget()
    assert len(first | {write_key("a-key-of-16-letters")}) == 3


def test_a_key_belongs_to_one_request_of_one_caller(timed: InProcess) -> None:
    made = timed.post("/v1/collections", json=QUESTION, headers=keyed()).json()
    other_body = timed.post("/v1/collections", json={**QUESTION, "name": "other"}, headers=keyed())
    assert_problem(other_body, 422, "idempotency-key-reused")
    other_path = timed.post(f"/v1/collections/{made['id']}/open", headers=keyed())
    assert_problem(other_path, 422, "idempotency-key-reused")
    colleague = bearer(make_token(timed, "colleague", kind="admin")["token"])
    own = timed.post("/v1/collections", json=QUESTION, headers={**colleague, "Idempotency-Key": KEY})
    assert own.status_code == 201
    assert own.json()["id"] != made["id"]


def test_many_at_once_make_one(service: InProcess) -> None:
    async def at_once() -> list[httpx.Response]:
        posts = [service.client.post("/v1/collections", json=QUESTION, headers=keyed()) for _ in range(8)]
        return await asyncio.gather(*posts)

    answers = service.run(at_once())
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.text for answer in answers}) == 1
    assert len(service.get("/v1/collections", headers=ADMIN).json()["collections"]) == 1


def test_a_refused_request_leaves_its_key_free(timed: InProcess) -> None:
    path = f"/v1/collections/{create(timed.post, opened=False).id}"
    assert_problem(timed.post(f"{path}/pause", headers=keyed()), 409, "illegal-transition")
    timed.post(f"{path}/open", headers=ADMIN)
    assert timed.post(f"{path}/pause", headers=keyed()).json()["state"] == "paused"


def test_a_crash_before_the_commit_leaves_neither_the_thing_nor_the_key(
    timed: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(rows, "settle", crash)
        assert_problem(timed.post("/v1/collections", json=QUESTION, headers=keyed()), 500, "internal")
    assert timed.get("/v1/collections", headers=ADMIN).json() == {"collections": []}
    assert timed.post("/v1/collections", json=QUESTION, headers=keyed()).status_code == 201


def test_a_key_is_remembered_for_a_day(timed: InProcess, clock: FakeClock) -> None:
    repeats = timed.app.state.services.repeats
    first = timed.post("/v1/collections", json=QUESTION, headers=keyed()).json()["id"]
    clock.turn(24 * HOUR)
    assert repeats.forget() == 0
    assert timed.post("/v1/collections", json=QUESTION, headers=keyed()).json()["id"] == first
    clock.turn(HOUR)
    assert repeats.forget() == 1
    assert timed.post("/v1/collections", json=QUESTION, headers=keyed()).json()["id"] != first


def test_what_was_made_may_be_gone(timed: InProcess) -> None:
    made = timed.post("/v1/collections", json=QUESTION, headers=keyed()).json()["id"]
    timed.request("DELETE", f"/v1/collections/{made}", headers=ADMIN)
    assert_problem(timed.post("/v1/collections", json=QUESTION, headers=keyed()), 404, "unknown-collection")


@pytest.mark.parametrize("key", ["", "short", "x" * 129, "sixteen letters and a space", "sixteen-letters-\u00e9"])
def test_a_key_must_be_long_enough_to_be_nobody_elses(sqlite_service: InProcess, key: str) -> None:
    headers = httpx.Headers(
        [(b"Idempotency-Key", key.encode("latin-1")), *((k.encode(), v.encode()) for k, v in ADMIN.items())]
    )
    answer = sqlite_service.post("/v1/collections", json=QUESTION, headers=headers)
    assert_problem(answer, 422, "invalid-parameters")
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]
    unknown = sqlite_service.post("/v1/collections", json=QUESTION, headers={"Idempotency-Key": key.encode("latin-1")})
    assert_problem(unknown, 401, "unknown-token")
