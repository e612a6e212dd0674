"""Packed uploads over HTTP: the same batches as JSON, read without a Python integer for each report."""

import json
import secrets
import struct
from collections import Counter

import httpx
import numpy as np
import pytest

from ldp_core.wire import PACKED_MEDIA_TYPE, ReportBatch
from server.services.windows import counting_window
from server.storage.tallies import ALL_REPORTS
from tests.server.assertions import assert_problem
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.stored import stored_keys, stored_messages
from tests.vectors.make_reports import REJECT

pytestmark = pytest.mark.thorough

HOUR = 3_600
NOW = 500_000 * HOUR + 10.0


@pytest.fixture(autouse=True)
def a_clock_that_stands_still(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("service", "sqlite_service"):
        if name in request.fixturenames:
            at(request.getfixturevalue(name), monkeypatch, NOW)


def at(service: InProcess, monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    monkeypatch.setattr(service.app.state.services.intake, "_clock", lambda: now)


def state_clock(service: InProcess, monkeypatch: pytest.MonkeyPatch, now: float) -> None:
    """The clock by which windows end for good, too."""
    at(service, monkeypatch, now)
    monkeypatch.setattr(service.app.state.services.clock, "now", lambda: now)


def packed(
    collection: TestCollection, messages: list[int], *, window: int = 500_000, key: bytes | None = None
) -> bytes:
    prefix = bytes.fromhex(collection.created["spec_digest"][:16])
    return ReportBatch(prefix, window, key or secrets.token_bytes(16), np.array(messages)).pack()


def upload(service: InProcess, collection: TestCollection, body: bytes) -> httpx.Response:
    headers = {**collection.write_headers, "Content-Type": PACKED_MEDIA_TYPE}
    return service.post(collection.reports_path, content=body, headers=headers)


def test_a_packed_upload_is_counted_and_its_retry_is_not(service: InProcess, database_url: str) -> None:
    collection = create(service.post, window="PT1H")
    body = packed(collection, [0, 2, 2])
    first, second = upload(service, collection, body), upload(service, collection, body)
    assert first.json() == {"accepted": 3, "replayed": False, "rejected": []}
    assert second.json() == {"accepted": 3, "replayed": True, "rejected": []}
    assert stored_messages(database_url) == {0: 1, 2: 2}
    assert service.get(f"/v1/collections/{collection.id}", headers=ADMIN).json()["n"] == 3


def test_the_same_content_is_one_batch_however_it_is_encoded(service: InProcess, database_url: str) -> None:
    collection = create(service.post, window="PT1H")
    key = secrets.token_bytes(16)
    body = {**collection.batch([1, 2], key.hex()), "window": 500_000}
    answers = [
        upload(service, collection, packed(collection, [1, 2], key=key)),
        service.post(collection.reports_path, json=body, headers=collection.write_headers),
    ]
    assert [answer.json()["replayed"] for answer in answers] == [False, True]
    for other in (
        packed(collection, [2, 1], key=key),
        packed(collection, [1, 2], key=key, window=499_999),
        packed(collection, [1], key=key),
    ):
        assert_problem(upload(service, collection, other), 422, "batch-key-reused")
    without_window = service.post(
        collection.reports_path, json=collection.batch([1, 2], key.hex()), headers=collection.write_headers
    )
    assert_problem(without_window, 422, "batch-key-reused")
    assert stored_messages(database_url) == {1: 1, 2: 1}


@pytest.mark.parametrize(("why", "raw", "reason", "terms"), REJECT, ids=[case[0] for case in REJECT])
def test_what_is_no_batch_is_refused_whole(
    sqlite_url: str, why: str, raw: bytes, reason: str, terms: dict[str, int]
) -> None:
    with InProcess(settings(sqlite_url, reports_per_batch=terms.get("reports_per_batch", 10_000))) as service:
        service.app.state.services.intake._clock = lambda: 20_417 * 86_400
        space = {"report_space": 13, **terms}["report_space"]
        collection = create(service.post, items=None, domain_size=space, mechanism="randomized_response", window="P1D")
        prefix = bytes.fromhex(collection.created["spec_digest"][:16])
        raw = raw[:8] + prefix + raw[16:] if len(raw) > 16 else raw
        answer = upload(service, collection, raw)
        status, slug = {
            "malformed": (400, "malformed-body"),
            "empty": (422, "invalid-parameters"),
            "too-many": (413, "too-large"),
            "message-out-of-range": (422, "message-out-of-range"),
        }[reason]
        assert_problem(answer, status, slug)
        assert stored_messages(sqlite_url) == {}
        assert stored_keys(sqlite_url) == 0


def test_another_spec_is_refused_by_eight_bytes_of_its_digest(sqlite_service: InProcess) -> None:
    collection = create(sqlite_service.post, window="PT1H")
    body = bytearray(packed(collection, [1]))
    body[15] ^= 1
    assert_problem(
        upload(sqlite_service, collection, bytes(body)),
        422,
        "spec-mismatch",
        spec_digest=collection.created["spec_digest"],
    )
    short = {**collection.batch([1]), "spec_digest": collection.created["spec_digest"][:16]}
    answer = sqlite_service.post(collection.reports_path, json=short, headers=collection.write_headers)
    assert_problem(answer, 422, "spec-mismatch")  # JSON states the whole digest


def test_reports_count_where_they_arrive_but_for_the_grace_of_the_window_before(
    service: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = create(service.post, window="P1D")
    today = 20_000
    state_clock(service, monkeypatch, today * 86_400)
    for now, window in (
        (today * 86_400, today),
        (today * 86_400, today - 1),  # counts there
        (today * 86_400 + 3_599.0, today - 1),  # counts there
        (today * 86_400 + 3_600.0, today - 1),
        (today * 86_400, today - 2),
        (today * 86_400 + 86_399.9, today + 1),
        (today * 86_400, (1 << 32) - 1),
    ):
        at(service, monkeypatch, now)
        assert upload(service, collection, packed(collection, [1], window=window)).status_code == 200
    series = service.app.state.services.estimates.run(
        collection.id, lambda made, row: made._tallies.windows(row.version_number, ALL_REPORTS)
    )
    assert series.result() == [(today - 1, 2), (today, 5)]


def test_a_counted_packed_batch_is_acknowledged_after_its_window_closed(
    service: InProcess, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = create(service.post, window="PT1H")
    state_clock(service, monkeypatch, NOW)
    body = packed(collection, [1])
    assert upload(service, collection, body).status_code == 200
    state_clock(service, monkeypatch, NOW + 29 * 24 * HOUR)
    assert upload(service, collection, body).json()["replayed"] is True
    assert_problem(upload(service, collection, packed(collection, [1])), 422, "window-closed", window=500_000)
    assert stored_messages(database_url) == {1: 1}


def test_grace_never_reaches_back_two_windows() -> None:
    for now in (0.0, 10.0, HOUR - 1.0):
        arrives = 9 * HOUR + now
        assert counting_window(7, now=arrives, window_seconds=HOUR, grace_seconds=1e9) == 9
        assert counting_window(8, now=arrives, window_seconds=HOUR, grace_seconds=1e9) == 8
        assert counting_window(10, now=arrives, window_seconds=HOUR, grace_seconds=1e9) == 9
        assert counting_window(None, now=arrives, window_seconds=HOUR, grace_seconds=0) == 9


def test_a_window_beyond_40_bits_is_refused_in_json(sqlite_service: InProcess) -> None:
    collection = create(sqlite_service.post)
    for window in (-1, 1 << 40, 1.5, "1"):
        answer = sqlite_service.post(
            collection.reports_path,
            content=json.dumps({**collection.batch([1]), "window": window}),
            headers={**collection.write_headers, "Content-Type": "application/json"},
        )
        assert_problem(answer, 422, "invalid-parameters")


def test_the_biggest_packed_batch(service: InProcess, database_url: str) -> None:
    collection = create(service.post, items=None, domain_size=1_000, window="PT1H")
    messages = np.random.default_rng(1).integers(0, collection.created["report_space"], 10_000).tolist()
    assert upload(service, collection, packed(collection, messages)).json()["accepted"] == 10_000
    assert stored_messages(database_url) == Counter(messages)
    assert_problem(upload(service, collection, packed(collection, [1] * 10_001)), 413, "too-large", limit=10_000)


def test_a_cohort_where_none_is_declared_is_refused(sqlite_service: InProcess) -> None:
    collection = create(sqlite_service.post, window="PT1H")
    body = bytearray(packed(collection, [1]))
    struct.pack_into("<BH", body, 5, 1, 0)
    answer = upload(sqlite_service, collection, bytes(body))
    assert_problem(answer, 422, "invalid-parameters")
    assert [error["field"] for error in answer.json()["errors"]] == ["cohort"]
