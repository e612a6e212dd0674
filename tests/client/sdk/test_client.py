"""A device: what it sends, what it refuses, what it remembers, and what it never lets out."""

import inspect
import json
import logging
import sqlite3
import time
import traceback
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import httpx
import pytest

import client.sdk as sdk
from client.sdk import Client, Outcome
from client.sdk.errors import SettingsError
from client.sdk.sqlite_store import SqliteStore
from ldp_core.randomness import SystemSource
from tests.client.fake_service import FakeService, problem, reply

Phone = Callable[..., Client]


def test_a_report_is_one_message_under_the_digest_of_the_spec(service: FakeService, phone: Phone) -> None:
    receipt = phone().report("c1", "pear")
    collection = service.collections["c1"]
    assert receipt.outcome is Outcome.ACKNOWLEDGED
    assert (receipt.version, receipt.epsilon, receipt.spec_digest) == (1, Fraction(1), collection.spec.digest)
    body = json.loads(service.uploads()[0].body)
    assert body.keys() == {"spec_digest", "batch_key", "messages", "window"}
    assert abs(body["window"] - time.time() // 86_400) <= 1
    assert len(body["messages"]) == 1
    assert len(body["batch_key"]) == 32
    assert 0 <= body["messages"][0] < collection.spec.mechanism.report_space


def test_a_second_answer_draws_nothing_and_sends_nothing(
    service: FakeService, phone: Phone, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone().report("c1", "pear")

    def never(self: SystemSource, k: int, /) -> int:
        raise AssertionError("a second answer drew randomness")

    monkeypatch.setattr(SystemSource, "bits", never)
    receipt = phone().report("c1", "plum")  # another process of the same device
    assert receipt.outcome is Outcome.ALREADY_ANSWERED
    assert len(service.uploads()) == 1


def test_no_public_callable_takes_another_source_of_randomness() -> None:
    for call in (Client, Client.report, Client.report_label, Client.flush):
        assert not {"source", "rng", "seed", "random"} & set(inspect.signature(call).parameters)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ConnectError("no route"),
        httpx.ReadTimeout("slow"),
        problem(503, "overloaded", "Busy", {"Retry-After": "0"}),
        problem(429, "rate-limited", "Slow down"),
        problem(500, "internal", "Fault"),
        problem(409, "collection-paused", "Paused", {"Retry-After": "0"}),
        (502, {"Content-Type": "text/html"}, b"<h1>Bad gateway</h1>"),
    ],
)
def test_a_retry_carries_the_same_key_and_bytes(service: FakeService, phone: Phone, answer: object) -> None:
    service.script = [None, answer, answer, None]  # the spec passes, two uploads fail
    assert phone().report("c1", "pear").outcome is Outcome.ACKNOWLEDGED
    first, second, third = service.uploads()
    assert first.body == second.body == third.body
    assert len(service.collections["c1"].messages) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 415])
def test_another_4xx_is_never_retried_and_the_message_waits(service: FakeService, phone: Phone, status: int) -> None:
    service.script = [None, problem(status, "collection-not-open", "No")]
    receipt = phone().report("c1", "pear")
    assert receipt.outcome is Outcome.PENDING
    assert "No" in receipt.explanation
    assert len(service.uploads()) == 1
    assert phone().flush().acknowledged == 1


@pytest.mark.parametrize("status", [410, 422])
def test_a_message_that_can_never_be_counted_is_given_up(service: FakeService, phone: Phone, status: int) -> None:
    service.script = [None, problem(status, "spec-mismatch", "Another spec")]
    assert phone().report("c1", "pear").outcome is Outcome.REFUSED
    assert phone().flush() == sdk.FlushResult(0, 0, 0)
    assert phone().spent_epsilon == 1  # the draw was made: the budget stays spent


def test_a_sign_in_page_acknowledges_nothing(service: FakeService, phone: Phone) -> None:
    service.script = [None, (200, {"Content-Type": "text/html"}, b"<h1>Welcome to the hotel</h1>")]
    assert phone().report("c1", "pear").outcome is Outcome.PENDING
    service.script = [reply(200, {"accepted": 0})]
    assert phone().flush().pending == 1
    assert phone().flush().acknowledged == 1


def test_what_was_not_acknowledged_survives_a_restart_with_the_same_bytes(service: FakeService, phone: Phone) -> None:
    service.script = [None, *[httpx.ConnectError("down")] * 4]
    assert phone().report("c1", "pear").outcome is Outcome.PENDING
    tried = {upload.body for upload in service.uploads()}
    assert phone().flush().acknowledged == 1
    assert {upload.body for upload in service.uploads()} == tried
    assert phone().flush() == sdk.FlushResult(0, 0, 0)


def test_a_lost_acknowledgement_counts_once(service: FakeService, phone: Phone) -> None:
    waiting = phone()
    service.script = [None]
    real = service.handle

    def lose_the_first(method: str, url: str, headers: dict[str, str], body: bytes) -> object:
        answer = real(method, url, headers, body)
        if url.endswith("/reports") and len(service.uploads()) == 1:
            raise httpx.ReadError("connection reset")
        return answer

    service.handle = lose_the_first  # type: ignore[assignment,method-assign]
    receipt = waiting.report("c1", "pear")
    assert receipt.outcome is Outcome.ACKNOWLEDGED
    assert receipt.replayed
    assert len(service.collections["c1"].messages) == 1


def test_the_message_is_on_the_disk_before_the_first_send(service: FakeService, phone: Phone, tmp_path: Path) -> None:
    stored_at_send: list[list[tuple[bytes]]] = []
    real = service.handle

    def look(method: str, url: str, headers: dict[str, str], body: bytes) -> object:
        if url.endswith("/reports"):
            with sqlite3.connect(tmp_path / "device.db") as connection:
                stored_at_send.append(connection.execute("SELECT body FROM outbox").fetchall())
            connection.close()
        return real(method, url, headers, body)

    service.handle = look  # type: ignore[assignment,method-assign]
    phone().report("c1", "pear")
    assert stored_at_send == [[(service.uploads()[0].body,)]]


def test_epsilon_above_the_devices_own_maximum_is_refused_before_anything(service: FakeService, phone: Phone) -> None:
    with pytest.raises(sdk.EpsilonTooHigh, match=r"asks for epsilon 1 .* at most 0.5"):
        phone(max_epsilon="0.5").report("c1", "pear")
    assert not service.uploads()
    assert phone().spent_epsilon == 0


def test_the_lifetime_budget_is_an_exact_sum(service: FakeService, phone: Phone) -> None:
    keys = {}
    for name in ("c1", "c2", "c3", "c4"):
        service.add(name, epsilon="0.1")
        keys[name] = f"key-{name}"
    device = phone(write_key=keys, lifetime_epsilon="0.3")
    for name in ("c1", "c2", "c3"):  # 0.1 + 0.1 + 0.1 <= 0.3 exactly; in floats it would not be
        assert device.report(name, "pear").outcome is Outcome.ACKNOWLEDGED
    assert device.remaining_epsilon == 0
    with pytest.raises(sdk.BudgetExhausted, match=r"lifetime epsilon 0\.3"):
        device.report("c4", "pear")
    assert len(service.uploads()) == 3


def test_an_answer_that_is_not_asked_spends_nothing_and_is_not_named(service: FakeService, phone: Phone) -> None:
    device = phone()
    for answer in ("kumquat-secret", 1, True, ""):
        with pytest.raises(sdk.AnswerNotAsked) as caught:
            device.report("c1", answer)
        assert "kumquat" not in "".join(traceback.format_exception(caught.value))
    assert device.spent_epsilon == 0
    assert not service.uploads()


def test_no_answer_in_errors_logs_requests_or_the_file(
    service: FakeService, phone: Phone, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "my-very-own-answer"
    service.add("c1", items=["common", secret, "rare"])
    caplog.set_level(logging.DEBUG)
    service.script = [None, *[httpx.ConnectError("down")] * 4]
    receipt = phone().report("c1", secret)
    phone().flush()
    seen = b"".join(s.method.encode() + s.path.encode() + s.body + repr(s.headers).encode() for s in service.seen)
    assert secret.encode() not in seen
    assert secret not in caplog.text + repr(receipt) + repr(phone())
    with sqlite3.connect(tmp_path / "device.db") as connection:
        rows = repr(
            connection.execute("SELECT * FROM ledger").fetchall()
            + connection.execute("SELECT * FROM outbox").fetchall()
        )
    connection.close()
    assert secret not in rows


def test_nothing_tells_phones_apart(service: FakeService, phone: Phone) -> None:
    service.script = [
        (
            200,
            {"Set-Cookie": "id=42; Path=/", "ETag": service.collections["c1"].spec.digest},
            service.collections["c1"].spec.canonical,
        )
    ]
    phone().report("c1", "pear")
    for seen in service.seen:
        assert "cookie" not in seen.headers
        assert seen.headers["user-agent"] == "fanoplane"
    assert "key-c1" not in repr(phone())


def test_a_redirect_is_not_followed(service: FakeService, phone: Phone) -> None:
    service.script = [None, (307, {"Location": "https://elsewhere.test/collect"}, b"")]
    assert phone().report("c1", "pear").outcome is Outcome.PENDING
    assert len(service.seen) == 2


def test_bare_indices_where_a_collection_has_no_items(service: FakeService, phone: Phone) -> None:
    collection = service.add("c1")
    object.__setattr__(collection.spec, "domain", None)
    device = phone()
    with pytest.raises(sdk.AnswerNotAsked):
        device.report("c1", 4)
    assert device.report("c1", 3).outcome is Outcome.ACKNOWLEDGED


def test_threads_of_one_device_answer_once(service: FakeService, phone: Phone) -> None:
    from concurrent.futures import ThreadPoolExecutor

    device = phone()
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda _: device.report("c1", "pear"), range(16)))
    assert [r.outcome for r in receipts].count(Outcome.ACKNOWLEDGED) == 1
    assert [r.outcome for r in receipts].count(Outcome.ALREADY_ANSWERED) == 15
    assert len(service.uploads()) == 1


@pytest.mark.parametrize(
    "url", ["", "fano.test", "ftp://fano.test", "https://", "https://me:pw@fano.test", "https://fano.test?x=1"]
)
def test_addresses_that_cannot_be_a_service(url: str, tmp_path: Path) -> None:
    with pytest.raises(sdk.SettingsError, match="address of the service"):
        Client(url, write_key="k", max_epsilon=1, lifetime_epsilon=1, store=None)


def test_a_missing_write_key_is_said_before_anything_is_drawn(service: FakeService, phone: Phone) -> None:
    with pytest.raises(sdk.SettingsError, match="no write key for collection c1"):
        phone(write_key={"c2": "k"}).report("c1", "pear")
    assert phone().spent_epsilon == 0


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "device.db").write_bytes(b"not a database, but long enough to be read as one" * 40)
    with pytest.raises(sdk.StoreError, match=r"device\.db cannot be used"):
        SqliteStore(tmp_path / "device.db")
    with pytest.raises(sdk.StoreError, match="cannot be opened"):
        SqliteStore(tmp_path)


def test_a_file_of_a_later_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "device.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(sdk.StoreError, match="format 99"):
        SqliteStore(tmp_path / "device.db")


def test_only_the_owner_reads_the_file(tmp_path: Path) -> None:
    SqliteStore(tmp_path / "deep" / "device.db")
    assert (tmp_path / "deep" / "device.db").stat().st_mode & 0o077 == 0


def test_the_public_names_are_those_of_the_package() -> None:
    assert all(hasattr(sdk, name) for name in sdk.__all__)
    assert sorted(sdk.__all__) == sdk.__all__


def test_a_declared_cohort_is_stated_and_no_other(service: FakeService, phone: Phone) -> None:
    service.add("c7", cohorts=("old", "new"))
    client = phone(write_key={"c1": "key-c1", "c7": "key-c7"})
    for cohort in (None, "other"):
        with pytest.raises(SettingsError, match="old, new"):
            client.report("c7", "apple", cohort=cohort)
    assert client.spent_epsilon == 0
    assert client.report("c7", "apple", cohort="new").outcome is Outcome.ACKNOWLEDGED
    assert json.loads(service.uploads()[-1].body)["cohort"] == 1
    with pytest.raises(SettingsError, match="no cohorts"):
        client.report("c1", "apple", cohort="new")
