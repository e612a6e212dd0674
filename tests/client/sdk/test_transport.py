"""Tries, waits and what the service asks for."""

import httpx
import pytest

from client.sdk.errors import ServiceUnavailable
from client.sdk.retrying import RetryPolicy
from client.sdk.transport import Transport, open_http
from tests.client.fake_service import FakeService, problem, wire

URL = "https://fano.test"


def transport(service: FakeService, waits: list[float], **settings: float) -> Transport:
    policy = RetryPolicy(**{"attempts": 3, **settings})  # type: ignore[arg-type]
    return Transport(URL, http=open_http(URL, wire=wire(service)), retry=policy, sleep=waits.append, jitter=lambda: 1.0)


def test_retry_after_is_honoured() -> None:
    service, waits = FakeService(), list[float]()
    service.script = [problem(503, "overloaded", "Busy", {"Retry-After": "9"}), httpx.ReadError("reset")]
    assert transport(service, waits).request("GET", "/v1/x").status == 404
    assert waits == [9, 1]  # as asked; then the doubled base


def test_a_longer_wait_than_patience_ends_the_tries() -> None:
    service, waits = FakeService(), list[float]()
    service.script = [problem(503, "overloaded", "Busy", {"Retry-After": "3600"})]
    with pytest.raises(ServiceUnavailable, match="Busy") as caught:
        transport(service, waits).request("GET", "/v1/x")
    assert waits == []
    assert caught.value.reached
    assert caught.value.problem is not None
    assert caught.value.problem.retry_after_seconds == 3600


def test_tries_are_bounded() -> None:
    service, waits = FakeService(), list[float]()
    service.script = [httpx.ConnectError("down")] * 9
    way = Transport(URL, http=open_http(URL, wire=wire(service)), retry=RetryPolicy(attempts=4), sleep=waits.append)
    with pytest.raises(ServiceUnavailable, match="ConnectError") as caught:
        way.request("GET", "/v1/x")
    assert not caught.value.reached
    assert (len(service.seen), len(waits)) == (4, 3)


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    service = FakeService()
    service.script = [(200, {}, b"x" * 1000)]
    monkeypatch.setattr("client.sdk.transport._MOST_BYTES", 999)
    with pytest.raises(ServiceUnavailable, match="ReadError"):
        transport(service, [], attempts=1).request("GET", "/v1/x")
