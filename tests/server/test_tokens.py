"""Tokens, write keys and the audit log over HTTP."""

from pathlib import Path

import pytest

from server.clock import FakeClock
from tests.server.assertions import assert_problem, told
from tests.services.collection import create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.tokens import bearer, make_token

pytestmark = pytest.mark.thorough

START = 20_000 * 86_400.0 + 5_000


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
def timed(database_url: str, tmp_path: Path, clock: FakeClock):  # type: ignore[no-untyped-def]
    with InProcess(settings(database_url, data_dir=tmp_path), clock) as service:
        yield service


def test_a_token_is_shown_once_and_stored_as_a_hash(sqlite_url: str, tmp_path: Path) -> None:
    with InProcess(settings(sqlite_url, data_dir=tmp_path)) as service:
        made = make_token(service, "dashboard")
        assert made["token"].startswith("fano_analyst_")
        listed = service.get("/v1/tokens", headers=ADMIN)
        assert made["token"] not in listed.text
        assert [one["name"] for one in listed.json()["tokens"]] == ["dashboard"]
    content = b"".join(file.read_bytes() for file in tmp_path.glob("fano.sqlite3*"))
    assert b"dashboard" in content
    assert made["token"].encode() not in content


def test_an_analyst_reads_and_administers_nothing(timed: InProcess) -> None:
    collection = create(timed.post)
    timed.post(collection.reports_path, json=collection.batch([1]), headers=collection.write_headers)
    analyst = bearer(make_token(timed, "analyst")["token"])
    base = f"/v1/collections/{collection.id}"
    for path in ("/v1/collections", base, f"{base}/estimates"):
        assert timed.get(path, headers=analyst).status_code == 200
    assert_problem(timed.get("/v1/collections/none", headers=analyst), 404, "unknown-collection")
    for method, path in (
        ("POST", "/v1/collections"),
        ("POST", f"{base}/close"),
        ("POST", "/v1/collections/none/close"),
        ("GET", f"{base}/keys"),
        ("POST", f"{base}/keys"),
        ("GET", "/v1/tokens"),
        ("POST", "/v1/tokens"),
        ("DELETE", "/v1/tokens/1"),
        ("GET", "/v1/audit-log"),
        ("POST", collection.reports_path),
    ):
        assert_problem(timed.request(method, path, headers=analyst), 403, "insufficient-scope")


def test_an_analyst_of_one_collection_knows_no_other(timed: InProcess) -> None:
    mine, other = create(timed.post), create(timed.post)
    analyst = bearer(make_token(timed, "one only", collection=mine.id)["token"])
    assert [c["id"] for c in timed.get("/v1/collections", headers=analyst).json()["collections"]] == [mine.id]
    assert timed.get(f"/v1/collections/{mine.id}", headers=analyst).status_code == 200
    for path in ("", "/estimates"):
        hidden = timed.get(f"/v1/collections/{other.id}{path}", headers=analyst)
        missing = timed.get(f"/v1/collections/none{path}", headers=analyst)
        assert_problem(hidden, 404, "unknown-collection")
        assert told(hidden) == told(missing)


def test_a_revoked_token_is_unknown_but_listed(timed: InProcess) -> None:
    made = make_token(timed, "gone")
    assert timed.request("DELETE", f"/v1/tokens/{made['id']}", headers=ADMIN).status_code == 204
    assert_problem(timed.get("/v1/collections", headers=bearer(made["token"])), 401, "unknown-token")
    (listed,) = timed.get("/v1/tokens", headers=ADMIN).json()["tokens"]
    assert (listed["name"], listed["usable"]) == ("gone", False)
    again = timed.post("/v1/tokens", json={"name": "gone", "kind": "admin"}, headers=ADMIN)
    assert_problem(again, 422, "invalid-parameters")
    assert timed.request("DELETE", f"/v1/tokens/{made['id']}", headers=ADMIN).status_code == 204
    for missing in ("999", "x", "-1", "1" * 40):
        assert_problem(timed.request("DELETE", f"/v1/tokens/{missing}", headers=ADMIN), 404, "unknown-resource")


def test_the_last_admin_token_cannot_be_revoked(database_url: str, tmp_path: Path) -> None:
    first = "only one"
    with InProcess(settings(database_url, data_dir=tmp_path, admin_token=first)) as service:
        answer = service.post("/v1/tokens", json={"name": "Ada", "kind": "admin"}, headers=bearer(first))
        ada = answer.json()
    with InProcess(settings(database_url, data_dir=tmp_path, admin_token=None)) as service:
        headers = bearer(ada["token"])
        refused = service.request("DELETE", f"/v1/tokens/{ada['id']}", headers=headers)
        assert_problem(refused, 422, "invalid-parameters")
        assert service.post("/v1/tokens", json={"name": "Ben", "kind": "admin"}, headers=headers).status_code == 201
        assert service.request("DELETE", f"/v1/tokens/{ada['id']}", headers=headers).status_code == 204
        assert_problem(service.get("/v1/tokens", headers=headers), 401, "unknown-token")


def test_last_use_is_kept_by_the_day(timed: InProcess, clock: FakeClock) -> None:
    made = make_token(timed, "daily")

    def last_used() -> str | None:
        (one,) = timed.get("/v1/tokens", headers=ADMIN).json()["tokens"]
        return str(one["last_used"]) if one["last_used"] else None

    assert last_used() is None
    for seconds, day in ((0, "2024-10-04"), (3_600, "2024-10-04"), (86_400, "2024-10-05")):
        clock.turn(seconds)
        assert timed.get("/v1/collections", headers=bearer(made["token"])).status_code == 200
        assert last_used() == day


def test_write_keys_rotate_with_an_overlap(timed: InProcess, clock: FakeClock) -> None:
    collection = create(timed.post, window="P1W")
    path = f"/v1/collections/{collection.id}/keys"
    second = timed.post(path, json={"name": "2027"}, headers=ADMIN).json()
    (first, listed) = timed.get(path, headers=ADMIN).json()["keys"]
    assert (first["name"], listed["name"]) == ("write key", "2027")
    assert "write_key" not in listed

    def sent(key: str) -> int:
        answer = timed.post(collection.reports_path, json=collection.batch([1]), headers=bearer(key))
        return answer.status_code

    old, new = collection.created["write_key"], second["write_key"]
    assert (sent(old), sent(new)) == (200, 200)
    until = "2024-10-04T04:00:00+02:00"  # 02:00 UTC
    ended = timed.request("DELETE", f"{path}/{first['id']}", params={"until": until}, headers=ADMIN)
    assert ended.status_code == 204
    assert (sent(old), sent(new)) == (200, 200)
    clock.turn(2 * 3_600 - 5_000 - 1)
    assert (sent(old), sent(new)) == (200, 200)
    clock.turn(1)
    assert (sent(old), sent(new)) == (401, 200)
    for number in ("0.5", "1728000000", "-1"):
        unclear = timed.request("DELETE", f"{path}/{first['id']}", params={"until": number}, headers=ADMIN)
        assert_problem(unclear, 422, "invalid-parameters")
    later = timed.request("DELETE", f"{path}/{first['id']}", params={"until": "2030-01-01T00:00:00Z"}, headers=ADMIN)
    assert_problem(later, 422, "invalid-parameters")
    assert timed.request("DELETE", f"{path}/{second['id']}", headers=ADMIN).status_code == 204
    assert (sent(old), sent(new)) == (401, 401)
    (first, listed) = timed.get(path, headers=ADMIN).json()["keys"]
    assert (first["usable"], listed["usable"]) == (False, False)
    assert listed["last_used"] == "2024-10-03"  # the Thursday on which the week's window began


def test_keys_of_other_collections_are_unknown_here(timed: InProcess) -> None:
    mine, other = create(timed.post), create(timed.post)
    (key,) = timed.get(f"/v1/collections/{other.id}/keys", headers=ADMIN).json()["keys"]
    path = f"/v1/collections/{mine.id}/keys/{key['id']}"
    assert_problem(timed.request("DELETE", path, headers=ADMIN), 404, "unknown-resource")
    assert_problem(timed.get("/v1/collections/none/keys", headers=ADMIN), 404, "unknown-collection")
    token = make_token(timed, "person")
    path = f"/v1/collections/{mine.id}/keys/{token['id']}"
    assert_problem(timed.request("DELETE", path, headers=ADMIN), 404, "unknown-resource")


def test_the_audit_log_names_who_did_what_in_which_hour(timed: InProcess, clock: FakeClock) -> None:
    ada = bearer(make_token(timed, "Ada", "admin")["token"])
    collection = create(timed.post, ada)
    clock.turn(3_600)
    timed.post(f"/v1/collections/{collection.id}/pause", headers=ada)
    timed.post(f"/v1/collections/{collection.id}/pause", headers=ada)  # refused, so nothing to log
    entries = timed.get("/v1/audit-log", headers=ADMIN).json()["entries"]
    assert [(e["actor"], e["act"], e["subject"], e["hour"]) for e in entries] == [
        ("FANO_ADMIN_TOKEN", "token.create", "Ada", "2024-10-04T01:00:00Z"),
        ("Ada", "collection.create", collection.id, "2024-10-04T01:00:00Z"),
        ("Ada", "collection.open", collection.id, "2024-10-04T01:00:00Z"),
        ("Ada", "collection.pause", collection.id, "2024-10-04T02:00:00Z"),
    ]
    rest = timed.get("/v1/audit-log", params={"after": entries[1]["number"], "limit": 1}, headers=ADMIN).json()
    assert rest["entries"] == [entries[2]]


@pytest.mark.parametrize(
    "body",
    [
        {"name": "", "kind": "admin"},
        {"name": "x", "kind": "ingest"},
        {"name": "x" * 61, "kind": "admin"},
        {"name": "x\n", "kind": "admin"},
        {"name": "x", "kind": "admin", "expires": 1},
        {"name": "x", "kind": "admin", "collection": "abc"},
    ],
)
def test_impossible_tokens(sqlite_service: InProcess, body: dict[str, object]) -> None:
    assert_problem(sqlite_service.post("/v1/tokens", json=body, headers=ADMIN), 422, "invalid-parameters")
