"""Uploads over HTTP: counted once, whole or not at all, and only while the collection is open."""

import asyncio
import secrets
from collections import Counter

import httpx
import numpy as np
import pytest

from server.services import intake as intake_module
from tests.server.assertions import assert_problem
from tests.services.collection import QUESTION, TestCollection, create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.stored import stored_keys, stored_messages


def upload(service: InProcess, collection: TestCollection, batch: dict[str, object]) -> httpx.Response:
    return service.post(collection.reports_path, json=batch, headers=collection.write_headers)


def test_an_upload_is_counted_and_its_retry_is_not(service: InProcess, database_url: str) -> None:
    collection = create(service.post)
    batch = collection.batch([0, 2, 2])
    first, second = upload(service, collection, batch), upload(service, collection, batch)
    assert first.json() == {"accepted": 3, "replayed": False, "rejected": []}
    assert second.json() == {"accepted": 3, "replayed": True, "rejected": []}
    assert stored_messages(database_url) == {0: 1, 2: 2}
    assert service.get(f"/v1/collections/{collection.id}", headers=ADMIN).json()["n"] == 3


def test_the_same_key_with_another_body_is_refused(service: InProcess, database_url: str) -> None:
    collection = create(service.post)
    batch = collection.batch([0, 1])
    upload(service, collection, batch)
    for messages in ([0, 2], [1, 0], [0], [0, 1, 1]):
        assert_problem(upload(service, collection, {**batch, "messages": messages}), 422, "batch-key-reused")
    assert stored_messages(database_url) == {0: 1, 1: 1}


def test_one_key_serves_two_collections(service: InProcess) -> None:
    key = secrets.token_hex(16)
    for collection in (create(service.post), create(service.post)):
        assert upload(service, collection, collection.batch([1], key)).json()["replayed"] is False


@pytest.mark.parametrize("place", [0, 1, 4_999])
@pytest.mark.parametrize("outside", [-1, 7, 1 << 32, 1 << 70])
def test_a_refused_batch_stores_nothing(sqlite_service: InProcess, sqlite_url: str, place: int, outside: int) -> None:
    collection = create(sqlite_service.post, parameters={"q": 2, "t": 3})
    messages = [3] * 5_000
    messages[place] = outside
    answer = upload(sqlite_service, collection, collection.batch(messages))
    assert_problem(answer, 422, "message-out-of-range", position=place, report_space=7)
    assert stored_messages(sqlite_url) == {}
    assert stored_keys(sqlite_url) == 0


def test_a_refused_batch_beside_good_ones_stores_nothing(service: InProcess, database_url: str) -> None:
    collection = create(service.post, parameters={"q": 2, "t": 3})
    good, bad = collection.batch([1]), collection.batch([1, 7])

    async def both() -> list[httpx.Response]:
        return await asyncio.gather(
            *(
                service.client.post(collection.reports_path, json=batch, headers=collection.write_headers)
                for batch in (good, bad, good)
            )
        )

    assert sorted(answer.status_code for answer in service.run(both())) == [200, 200, 422]
    assert stored_messages(database_url) == {1: 1}
    assert stored_keys(database_url) == 1


@pytest.mark.parametrize(
    ("steps", "status", "slug"),
    [
        ([], 409, "collection-not-open"),
        (["open", "pause"], 409, "collection-paused"),
        (["open", "close"], 410, "collection-closed"),
    ],
)
def test_only_an_open_collection_takes_reports(
    service: InProcess, database_url: str, steps: list[str], status: int, slug: str
) -> None:
    collection = create(service.post, opened=False)
    for step in steps:
        service.post(f"/v1/collections/{collection.id}/{step}", headers=ADMIN)
    answer = upload(service, collection, collection.batch([1]))
    assert_problem(answer, status, slug)
    assert ("retry-after" in answer.headers) == (slug == "collection-paused")
    assert stored_messages(database_url) == {}


def test_a_retry_is_answered_even_after_the_end(service: InProcess) -> None:
    collection = create(service.post)
    batch = collection.batch([1])
    upload(service, collection, batch)
    service.post(f"/v1/collections/{collection.id}/close", headers=ADMIN)
    assert upload(service, collection, batch).json() == {"accepted": 1, "replayed": True, "rejected": []}
    assert_problem(upload(service, collection, {**batch, "messages": [2]}), 422, "batch-key-reused")


def test_a_retry_in_the_next_window_counts_once(
    service: InProcess, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = create(service.post, window="PT1H")
    intake = service.app.state.services.intake
    batch = collection.batch([1])
    for now in (3_599.9, 3_600.1):
        monkeypatch.setattr(intake, "_clock", lambda now=now: now)
        assert upload(service, collection, batch).status_code == 200
    assert stored_messages(database_url) == {1: 1}


def test_other_specs_are_refused_with_the_right_digest(service: InProcess) -> None:
    collection = create(service.post)
    batch = {**collection.batch([1]), "spec_digest": "0" * 64}
    assert_problem(
        upload(service, collection, batch), 422, "spec-mismatch", spec_digest=collection.created["spec_digest"]
    )


def test_write_keys_open_only_their_own_collection(service: InProcess) -> None:
    mine, other = create(service.post), create(service.post)
    for headers, status, slug in (
        ({}, 401, "unknown-token"),
        ({"Authorization": "Bearer nobody"}, 401, "unknown-token"),
        ({"Authorization": f"Basic {mine.created['write_key']}"}, 401, "unknown-token"),
        (other.write_headers, 403, "insufficient-scope"),
        (ADMIN, 403, "insufficient-scope"),
    ):
        answer = service.post(mine.reports_path, json=mine.batch([1]), headers=headers)
        assert_problem(answer, status, slug)
        assert ("www-authenticate" in answer.headers) == (status == 401)


def test_a_new_write_key_works_before_the_old_view_is_forgotten(service: InProcess) -> None:
    from server.services.tokens import Scope, new_token, token_sha256
    from server.storage.tokens import add_token

    collection, token = create(service.post), new_token(Scope.INGEST)
    assert upload(service, collection, collection.batch([1])).status_code == 200  # now it is remembered
    services = service.app.state.services
    number = services.collections.get(collection.id).number
    with services.database.write() as connection:
        add_token(connection, name="second", scope="ingest", sha256=token_sha256(token), collection=number)
    headers = {"Authorization": f"Bearer {token}"}
    assert service.post(collection.reports_path, json=collection.batch([1]), headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "slug"),
    [
        (b"", 400, "malformed-body"),
        (b"{", 400, "malformed-body"),
        (b"\xff\xfe", 400, "malformed-body"),
        (b"[]", 422, "invalid-parameters"),
        (b"{}", 422, "invalid-parameters"),
    ],
)
def test_unreadable_uploads(sqlite_service: InProcess, body: bytes, status: int, slug: str) -> None:
    collection = create(sqlite_service.post)
    headers = {**collection.write_headers, "Content-Type": "application/json; charset=utf-8"}
    assert_problem(sqlite_service.post(collection.reports_path, content=body, headers=headers), status, slug)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"messages": "1"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [1, "1"]}, "messages[1]"),
        ({"messages": [1.5]}, "messages[0]"),
        ({"messages": [True]}, "messages[0]"),
        ({"batch_key": "00"}, "batch_key"),
        ({"batch_key": "x" * 32}, "batch_key"),
        ({"batch_key": "0" * 32 + "\n"}, "batch_key"),
        ({"device": "mine"}, "device"),
        ({"spec_digest": None}, "spec_digest"),
    ],
)
def test_an_upload_that_is_another_json_is_refused_by_field(
    sqlite_service: InProcess, changes: dict[str, object], field: str
) -> None:
    collection = create(sqlite_service.post)
    answer = upload(sqlite_service, collection, {**collection.batch([1]), **changes})
    assert_problem(answer, 422, "invalid-parameters")
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_limits_of_one_upload(sqlite_url: str) -> None:
    with InProcess(settings(sqlite_url, reports_per_batch=3, body_bytes=1_024)) as service:
        collection = create(service.post)
        assert upload(service, collection, collection.batch([1, 1, 1])).status_code == 200
        assert_problem(upload(service, collection, collection.batch([1] * 4)), 413, "too-large", limit=3)
        assert_problem(upload(service, collection, collection.batch([1] * 2_000)), 413, "too-large", limit=1_024)
        length_unknown = service.post(collection.reports_path, content=_chunks(2_000), headers=collection.write_headers)
        assert_problem(length_unknown, 413, "too-large", limit=1_024)
        other = service.post(
            collection.reports_path, content=b"1", headers={**collection.write_headers, "Content-Type": "text/plain"}
        )
        assert_problem(
            other, 415, "unsupported-media-type", supported=["application/json", "application/vnd.fanoplane.reports"]
        )


async def _chunks(size: int):  # type: ignore[no-untyped-def]
    for _ in range(size // 100):
        yield b" " * 100


@pytest.mark.parametrize("coding", ["gzip", "br, gzip", "identity", "Identity"])
def test_a_compressed_body_is_refused_for_what_it_is(sqlite_service: InProcess, coding: str) -> None:
    collection = create(sqlite_service.post)
    plain = coding.lower() == "identity"
    for path, body, headers, status in (
        (collection.reports_path, collection.batch([1]), collection.write_headers, 200),
        ("/v1/collections", QUESTION, ADMIN, 201),
        ("/v1/analysis/utilities", {}, ADMIN, 422),
        ("/v1/plan", {"domain_size": 10, "epsilon": "1"}, {}, 200),
    ):
        answer = sqlite_service.post(path, json=body, headers={**headers, "Content-Encoding": coding})
        if plain:
            assert answer.status_code == status
        else:
            assert_problem(answer, 415, "unsupported-media-type", supported=["identity"])
            assert coding in answer.json()["detail"]


def test_a_rate_limit_is_told_with_a_time_to_wait(sqlite_url: str) -> None:
    with InProcess(settings(sqlite_url, uploads_per_second=0.001)) as service:
        collection = create(service.post)
        assert upload(service, collection, collection.batch([1])).status_code == 200
        answer = upload(service, collection, collection.batch([1]))
        assert_problem(answer, 429, "rate-limited")
        assert int(answer.headers["retry-after"]) >= 1


def test_an_upload_reads_no_table_before_its_commit(sqlite_service: InProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    collection = create(sqlite_service.post)
    upload(sqlite_service, collection, collection.batch([1]))

    def refuse(*_: object) -> None:
        raise AssertionError("the collection was read again")

    monkeypatch.setattr(intake_module, "list_versions", refuse)
    assert upload(sqlite_service, collection, collection.batch([1])).status_code == 200


def test_the_biggest_batch(service: InProcess, database_url: str) -> None:
    collection = create(service.post, items=None, domain_size=1_000)
    rng = np.random.default_rng(1)
    messages = rng.integers(0, collection.created["report_space"], 10_000).tolist()
    assert upload(service, collection, collection.batch(messages)).json()["accepted"] == 10_000
    assert stored_messages(database_url) == Counter(messages)


def test_uploads_are_taken_below_a_root_path_too(sqlite_service: InProcess) -> None:
    """There the router finds the route; elsewhere an upload never meets the router."""
    collection = create(sqlite_service.post)
    batch = collection.batch([1])

    async def posted(root: str) -> httpx.Response:
        transport = httpx.ASGITransport(sqlite_service.app, root_path=root)
        async with httpx.AsyncClient(transport=transport, base_url="http://fano.test") as client:
            return await client.post(root + collection.reports_path, json=batch, headers=collection.write_headers)

    answers = [sqlite_service.run(posted(root)) for root in ("", "/below")]
    assert [answer.json()["replayed"] for answer in answers] == [False, True]
