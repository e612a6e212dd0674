"""A device believes a spec only when everything about it fits."""

import json
from collections.abc import Callable

import httpx
import pytest

import client.sdk as sdk
from client.sdk import Client, Outcome
from ldp_core.wire.canonical_json import sha256_hex
from tests.client.fake_service import FakeService

Phone = Callable[..., Client]


def changed(**fields: object) -> Callable[[bytes], bytes]:
    return lambda body: json.dumps(
        json.loads(body) | fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False
    ).encode()


def test_a_spec_that_does_not_hash_to_its_etag_is_refused(service: FakeService, phone: Phone) -> None:
    service.change_spec = changed(question="Another?")
    with pytest.raises(sdk.SpecRefused, match="changed on its way"):
        phone().report("c1", "pear")
    assert not service.uploads()


@pytest.mark.parametrize(
    "fields", [{"threshold": "18446744073709551615"}, {"epsilon": "0.1"}, {"report_space": 7}, {"extra": 1}]
)
def test_a_spec_whose_numbers_do_not_belong_together_is_refused_even_with_the_right_hash(
    service: FakeService, phone: Phone, fields: dict[str, object]
) -> None:
    body = changed(**fields)(service.collections["c1"].spec.canonical)
    service.script = [(200, {"ETag": f'"{sha256_hex(body)}"'}, body)]
    with pytest.raises(sdk.SpecRefused):
        phone().report("c1", "pear")
    assert not service.uploads()


def test_the_spec_of_another_collection_is_refused(service: FakeService, phone: Phone) -> None:
    other = service.add("c2").spec
    service.script = [(200, {"ETag": f'"{other.digest}"'}, other.canonical)]
    with pytest.raises(sdk.SpecRefused, match="asked for collection c1"):
        phone().report("c1", "pear")


def test_a_pinned_digest_admits_one_spec_only(service: FakeService, phone: Phone) -> None:
    digest = service.collections["c1"].spec.digest
    with pytest.raises(sdk.SpecRefused, match="expects the spec"):
        phone().report("c1", "pear", spec_digest="0" * 64)
    assert phone().report("c1", "pear", spec_digest=digest).outcome is Outcome.ACKNOWLEDGED


def test_a_version_never_changes(service: FakeService, phone: Phone) -> None:
    phone().report("c1", "pear")
    service.add("c1", items=["apple", "pear", "quince"])  # still version 1
    with pytest.raises(sdk.SpecRefused, match="never changes"):
        phone().report("c1", "pear")
    service.add("c1", items=["apple", "pear", "quince"], version=2)
    assert phone().report("c1", "pear").outcome is Outcome.ACKNOWLEDGED
    assert phone().spent_epsilon == 2


def test_the_body_is_sent_once_and_then_only_its_digest(service: FakeService, phone: Phone) -> None:
    phone().report("c1", "pear")
    phone().report("c1", "pear")
    first, _, second = service.seen
    assert "if-none-match" not in first.headers
    assert second.headers["if-none-match"] == f'"{service.collections["c1"].spec.digest}"'


def test_without_a_connection_the_last_spec_serves(service: FakeService, phone: Phone) -> None:
    service.add("c1", epsilon="4")
    with pytest.raises(sdk.EpsilonTooHigh):
        phone().report("c1", "pear")  # refused, but the spec is known now
    service.script = [httpx.ConnectError("down")] * 8
    assert phone(max_epsilon="4").report("c1", "pear").outcome is Outcome.PENDING
    assert phone().flush().acknowledged == 1


def test_without_any_spec_the_service_is_said_to_be_away(service: FakeService, phone: Phone) -> None:
    service.script = [httpx.ConnectError("down")] * 4
    with pytest.raises(sdk.ServiceUnavailable, match="cannot be reached"):
        phone().report("c1", "pear")


def test_large_domains_come_from_their_own_address_and_are_checked(service: FakeService, phone: Phone) -> None:
    items = [f"a fairly long name of an item, number {i}" for i in range(2500)]
    service.add("c1", items=items)
    assert phone().report("c1", items[1234]).outcome is Outcome.ACKNOWLEDGED
    assert [seen.path for seen in service.seen] == ["/c/c1/spec", "/c/c1/items", "/v1/collections/c1/reports"]
    phone().report("c1", items[1234])
    assert [seen.path for seen in service.seen[3:]] == ["/c/c1/spec"]  # the items are kept with the spec


def test_other_items_than_the_spec_names_are_refused(service: FakeService, phone: Phone) -> None:
    items = [f"a fairly long name of an item, number {i}" for i in range(2500)]
    service.add("c1", items=items)
    swapped = json.dumps([items[1], items[0], *items[2:]], separators=(",", ":")).encode()
    service.script = [None, (200, {"ETag": f'"{sha256_hex(swapped)}"'}, swapped)]
    with pytest.raises(sdk.SpecRefused, match="not those that its spec names"):
        phone().report("c1", items[0])
    assert not service.uploads()


@pytest.mark.parametrize("address", ["https://elsewhere.test/items", "//elsewhere.test/items", "items"])
def test_a_spec_cannot_send_phones_elsewhere(service: FakeService, phone: Phone, address: str) -> None:
    items = [f"a fairly long name of an item, number {i}" for i in range(2500)]
    service.add("c1", items=items, items_url=address)
    with pytest.raises(sdk.SpecRefused, match="not at the service itself"):
        phone().report("c1", items[0])
    assert len(service.seen) == 1


def test_a_closed_collection_and_an_unknown_one_are_refusals_with_a_reason(service: FakeService, phone: Phone) -> None:
    service.collections["c1"].state = "closed"
    with pytest.raises(sdk.ServiceRefusal) as caught:
        phone().report("c1", "pear")
    assert caught.value.problem.slug == "collection-closed"
    with pytest.raises(sdk.ServiceRefusal, match="404"):
        phone(write_key="k").report("../../v1/collections", "pear")
    assert service.seen[-1].path == "/c/..%2F..%2Fv1%2Fcollections/spec"
