"""The admin's client: what it tries again, what it does not, and how refusals read."""

from collections.abc import Callable

import httpx
import pytest

from client.rest import AdminClient
from client.sdk import ServiceRefusal, ServiceUnavailable
from tests.client.fake_service import ADMIN, FakeService, problem, wire


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def admin(service: FakeService) -> Callable[..., AdminClient]:
    return lambda token=ADMIN: AdminClient("https://fano.test", token, wire=wire(service))


def test_a_creation_is_sent_again_under_one_key(service: FakeService, admin: Callable[..., AdminClient]) -> None:
    client = admin()
    for _ in range(2):
        service.script = [httpx.ReadTimeout("slow")]
        client.create(name="n", question="q", epsilon="1", domain_size=5)
    keys = [seen.headers["idempotency-key"] for seen in service.seen]
    assert keys[0] == keys[1] != keys[2] == keys[3]


def test_what_has_no_key_is_sent_once(service: FakeService, admin: Callable[..., AdminClient]) -> None:
    service.script = [httpx.ReadTimeout("slow")]
    with pytest.raises(ServiceUnavailable):
        admin().analyse("top-k", {})
    assert len(service.seen) == 1


def test_reading_is_tried_again(service: FakeService, admin: Callable[..., AdminClient]) -> None:
    service.script = [httpx.ReadTimeout("slow"), problem(503, "overloaded", "Busy", {"Retry-After": "0"})]
    assert admin().collections() == []
    assert len(service.seen) == 3


def test_a_refusal_reads_as_title_detail_and_advice(service: FakeService, admin: Callable[..., AdminClient]) -> None:
    errors = [{"field": "epsilon", "message": "too large"}, {"field": "items", "message": "one twice"}]
    service.script = [problem(422, "invalid-parameters", "Invalid", errors=errors)]
    with pytest.raises(ServiceRefusal) as caught:
        admin().collection("c1")
    assert str(caught.value) == (
        "Invalid (422) — epsilon: too large — items: one twice — Change the named fields and send the request again."
    )


def test_an_address_that_is_no_fanoplane(service: FakeService, admin: Callable[..., AdminClient]) -> None:
    for reply in ((200, {}, b"<h1>hello</h1>"), (200, {}, b"[]")):
        service.script = [reply]
        with pytest.raises(ServiceUnavailable, match="not as Fanoplane does"):
            admin().collections()


def test_identifiers_cannot_leave_their_place_in_the_address(
    service: FakeService, admin: Callable[..., AdminClient]
) -> None:
    with pytest.raises(ServiceRefusal):
        admin().close("x/../../other?y")
    assert service.seen[0].path == "/v1/collections/x%2F..%2F..%2Fother%3Fy/close"


def test_the_token_is_not_in_texts(admin: Callable[..., AdminClient]) -> None:
    with pytest.raises(ServiceRefusal) as caught:
        admin("my-secret-token").collections()
    assert "my-secret-token" not in str(caught.value) + repr(admin("my-secret-token"))
