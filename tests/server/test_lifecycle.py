"""A collection after its creation: what may change, what time does to it, versions, deletion."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from ldp_core.wire import CollectionSpec
from server.clock import FakeClock
from server.services.lifecycle import effective_state
from server.storage.database import Database
from server.storage.tables import collections, segments
from tests.server.assertions import assert_problem
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.stored import stored_keys, stored_messages

pytestmark = pytest.mark.thorough

HOUR, DAY = 3_600, 86_400
START = 20_000 * DAY


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(START)


@pytest.fixture
def timed(database_url: str, tmp_path: Path, clock: FakeClock) -> Iterator[InProcess]:
    with InProcess(settings(database_url, data_dir=tmp_path), clock) as service:
        yield service


def patch(service: InProcess, collection: TestCollection, **changes: Any) -> Any:
    return service.request("PATCH", f"/v1/collections/{collection.id}", json=changes, headers=ADMIN)


def upload(service: InProcess, collection: TestCollection, batch: dict[str, Any]) -> Any:
    return service.post(collection.reports_path, json=batch, headers=collection.write_headers)


def stored_state(url: str) -> str:
    database = Database(url)
    try:
        with database.read() as connection:
            return str(connection.execute(select(collections.c.state)).scalar_one())
    finally:
        database.dispose()


def eventually(holds: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


def test_effective_states() -> None:
    for state, opens, closes, now, expected in (
        ("draft", None, None, 5, "draft"),
        ("draft", 6, None, 5, "draft"),
        ("draft", 5, None, 5, "open"),
        ("draft", 3, 5, 5, "closed"),
        ("draft", None, 5, 5, "draft"),
        ("open", None, 5, 4.999, "open"),
        ("open", None, 5, 5, "closed"),
        ("paused", 1, 5, 5, "closed"),
        ("paused", 1, None, 5, "paused"),
        ("closed", 9, 9, 5, "closed"),
    ):
        assert effective_state(state, opens, closes, now) == expected


def test_it_opens_and_closes_exactly_when_due(timed: InProcess, clock: FakeClock, database_url: str) -> None:
    collection = create(
        timed.post, opened=False, opens_at="2024-10-04T02:00:00+01:00", closes_at="2024-10-04T03:00:00Z"
    )
    batch = collection.batch([1])
    clock.turn(HOUR - 0.001)
    assert_problem(upload(timed, collection, batch), 409, "collection-not-open")
    assert timed.get(f"/c/{collection.id}/spec").status_code == 404
    clock.turn(0.001)  # every answer is right at once, whether or not anybody wrote it down
    assert upload(timed, collection, batch).status_code == 200
    assert timed.get(f"/c/{collection.id}/spec").status_code == 200
    assert timed.get(f"/v1/collections/{collection.id}", headers=ADMIN).json()["state"] == "open"
    assert eventually(lambda: stored_state(database_url) == "open")  # and without any request it is written down
    clock.turn(2 * HOUR - 0.001)
    assert upload(timed, collection, collection.batch([1])).status_code == 200
    clock.turn(0.001)
    assert_problem(upload(timed, collection, collection.batch([1])), 410, "collection-closed")
    assert upload(timed, collection, batch).json()["replayed"] is True
    assert eventually(lambda: stored_state(database_url) == "closed")
    acts = [(e["actor"], e["act"]) for e in timed.get("/v1/audit-log", headers=ADMIN).json()["entries"]]
    assert acts[1:] == [("schedule", "collection.open"), ("schedule", "collection.close")]


def test_a_draft_does_not_open_by_itself_at_its_end_or_later(timed: InProcess, clock: FakeClock) -> None:
    """Closing is final: a draft that opened when its end has come would be over without a single report."""
    collection = create(timed.post, opened=False, closes_at="2024-10-04T03:00:00Z")
    for moment in ("2024-10-04T03:00:00Z", "2024-10-04T05:00:00Z"):
        assert_problem(patch(timed, collection, opens_at=moment), 422, "invalid-parameters")
    assert patch(timed, collection, opens_at="2024-10-04T02:59:59Z").status_code == 200
    assert patch(timed, collection, opens_at=None).status_code == 200
    clock.turn(4 * HOUR)  # the end has come, and a draft stays one
    assert_problem(patch(timed, collection, opens_at="2024-10-04T02:00:00Z"), 422, "invalid-parameters")
    assert patch(timed, collection, opens_at=None, name="still a draft").json()["state"] == "draft"
    later = {"opens_at": "2024-10-04T02:00:00Z", "closes_at": "2024-10-04T09:00:00Z"}
    assert patch(timed, collection, **later).json()["state"] == "open"


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-00:01", "9999-12-31T23:59:59.5Z", "0001-01-01T00:00:00+00:01"])
def test_a_moment_outside_of_the_calendar_is_refused(sqlite_service: InProcess, moment: str) -> None:
    """Stored, it could not be shown: neither the collection nor any list with it."""
    draft = create(sqlite_service.post, opened=False)
    for field in ("opens_at", "closes_at"):
        assert_problem(patch(sqlite_service, draft, **{field: moment}), 422, "invalid-parameters")
        body = {"name": "a", "question": "b?", "items": ["c", "d"], "epsilon": "1", field: moment}
        assert_problem(sqlite_service.post("/v1/collections", json=body, headers=ADMIN), 422, "invalid-parameters")
    last, first = "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"
    assert patch(sqlite_service, draft, opens_at=first, closes_at=last).json()["closes_at"] == last
    listed = sqlite_service.get("/v1/collections", headers=ADMIN).json()["collections"]
    assert [one["opens_at"] for one in listed] == [first]


def test_a_due_change_is_written_down_without_any_request(sqlite_url: str, tmp_path: Path) -> None:
    with InProcess(settings(sqlite_url, data_dir=tmp_path)) as service:  # the clock of this machine
        collection = create(service.post, opened=False)
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2))
        assert patch(service, collection, opens_at=moment).status_code == 200
        assert stored_state(sqlite_url) == "draft"
        assert eventually(lambda: stored_state(sqlite_url) == "open")


def test_what_was_due_while_nobody_ran_is_made_up_for(database_url: str, tmp_path: Path, clock: FakeClock) -> None:
    with InProcess(settings(database_url, data_dir=tmp_path), clock) as service:
        collection = create(service.post, closes_at="2024-10-05T00:00:00Z")
    clock.turn(3 * DAY)
    with InProcess(settings(database_url, data_dir=tmp_path), clock) as service:
        assert service.get(f"/c/{collection.id}/spec").status_code == 410
        assert eventually(lambda: stored_state(database_url) == "closed")


def test_a_patch_changes_what_may_change(timed: InProcess) -> None:
    collection = create(timed.post, opened=False, min_reports=5)
    changed = patch(
        timed,
        collection,
        name="new",
        question="Which one?",
        min_reports=9,
        retention="PT12H",
        closes_at="2030-01-01T00:00:00Z",
    )
    assert changed.status_code == 200, changed.text
    document = changed.json()
    assert (document["name"], document["question"], document["min_reports"]) == ("new", "Which one?", 9)
    assert (document["retention"], document["closes_at"]) == ("PT12H", "2030-01-01T00:00:00Z")
    assert document["spec_digest"] != collection.created["spec_digest"]
    timed.post(f"/v1/collections/{collection.id}/open", headers=ADMIN)
    raw = timed.get(f"/c/{collection.id}/spec").content
    spec = CollectionSpec.parse(raw, digest=document["spec_digest"])
    assert (spec.question, spec.version) == ("Which one?", 1)
    assert patch(timed, collection, closes_at=None).json()["closes_at"] is None
    assert patch(timed, collection).status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "slug"),
    [
        ({"min_reports": 4}, 422, "invalid-parameters"),
        ({"retention": "P29D"}, 422, "invalid-parameters"),
        ({"retention": "P1M"}, 422, "invalid-parameters"),
        ({"closes_at": "2020-01-01T00:00:00Z"}, 422, "invalid-parameters"),
        ({"closes_at": "2030-01-01T00:00:00"}, 422, "invalid-parameters"),
        ({"closes_at": "1893456000"}, 422, "invalid-parameters"),  # not seconds since 1970, either
        ({"closes_at": 1893456000}, 422, "invalid-parameters"),
        ({"name": None}, 422, "invalid-parameters"),
        ({"epsilon": "2"}, 422, "invalid-parameters"),
        ({"successor": "nobody"}, 422, "invalid-parameters"),
        ({"question": "Another?"}, 409, "illegal-transition"),
        ({"opens_at": "2030-01-01T00:00:00Z"}, 409, "illegal-transition"),
    ],
)
def test_what_may_not_change(sqlite_service: InProcess, changes: dict[str, object], status: int, slug: str) -> None:
    collection = create(sqlite_service.post, min_reports=5)
    before = sqlite_service.get(f"/v1/collections/{collection.id}", headers=ADMIN).json()
    assert_problem(patch(sqlite_service, collection, **{"name": "changed", **changes}), status, slug)
    assert sqlite_service.get(f"/v1/collections/{collection.id}", headers=ADMIN).json() == before


def test_a_change_can_be_bound_to_what_it_was_decided_on(timed: InProcess) -> None:
    collection = create(timed.post)
    path = f"/v1/collections/{collection.id}"

    def change(name: str, if_match: str | None) -> Any:
        headers = ADMIN if if_match is None else {**ADMIN, "If-Match": if_match}
        return timed.request("PATCH", path, json={"name": name}, headers=headers)

    first = timed.get(path, headers=ADMIN).headers["etag"]
    upload(timed, collection, collection.batch([1]))
    assert timed.get(path, headers=ADMIN).headers["etag"] == first  # the number of reports is no setting
    second = change("one", first).headers["etag"]
    assert second != first
    assert second == timed.get(path, headers=ADMIN).headers["etag"]
    for stale in (first, f"W/{second}", '"x"', second.strip('"'), ""):
        assert_problem(change("two", stale), 412, "stale-etag", etag=second)
    assert timed.get(path, headers=ADMIN).json()["name"] == "one"
    for name, current in (("three", f"{first}, {second}"), ("four", "*"), ("five", None)):
        answer = change(name, current)
        assert (answer.status_code, answer.json()["name"]) == (200, name)
    before = timed.get(path, headers=ADMIN).headers["etag"]
    timed.post(f"{path}/pause", headers=ADMIN)
    assert timed.get(path, headers=ADMIN).headers["etag"] != before


def test_versions_are_appended_and_never_mix(timed: InProcess, database_url: str) -> None:
    collection = create(timed.post)
    old = collection.batch([1, 2])
    assert upload(timed, collection, old).status_code == 200
    path = f"/v1/collections/{collection.id}"
    answer = timed.post(f"{path}/versions", json={"epsilon": "2", "window": "PT1H"}, headers=ADMIN)
    assert answer.status_code == 201, answer.text
    second = answer.json()
    assert (second["version"], second["epsilon"], second["window"]) == (2, "2", "PT1H")
    assert second["spec_digest"] != collection.created["spec_digest"]
    served = timed.get(f"/c/{collection.id}/spec")
    spec = CollectionSpec.parse(served.content, digest=second["spec_digest"])
    assert (spec.version, spec.question) == (2, "Which fruit?")
    # a retry of what version 1 counted is answered, a new report under it is not counted
    assert upload(timed, collection, old).json() == {"accepted": 2, "replayed": True, "rejected": []}
    late = upload(timed, collection, collection.batch([2]))
    assert_problem(late, 422, "spec-mismatch", spec_digest=second["spec_digest"])
    fresh = {**collection.batch([0, 0, 0]), "spec_digest": second["spec_digest"]}
    assert upload(timed, collection, fresh).json()["accepted"] == 3
    for version, n, digest in ((None, 3, second), (2, 3, second), (1, 2, collection.created)):
        query = {} if version is None else {"version": version}
        estimate = timed.get(f"{path}/estimates", params=query, headers=ADMIN).json()
        assert (estimate["n"], estimate["spec_digest"]) == (n, digest["spec_digest"])
    assert_problem(timed.get(f"{path}/estimates", params={"version": 3}, headers=ADMIN), 422, "invalid-parameters")
    listed = timed.get(f"{path}/versions", headers=ADMIN).json()["versions"]
    assert [(v["version"], v["n"], v["current"]) for v in listed] == [(1, 2, False), (2, 3, True)]
    timed.post(f"{path}/close", headers=ADMIN)
    assert_problem(timed.post(f"{path}/versions", json={}, headers=ADMIN), 409, "illegal-transition")


def test_another_process_learns_of_a_version_with_its_first_report(database_url: str, tmp_path: Path) -> None:
    with (
        InProcess(settings(database_url, data_dir=tmp_path)) as one,
        InProcess(settings(database_url, data_dir=tmp_path)) as two,
    ):
        collection = create(one.post)
        assert upload(two, collection, collection.batch([1])).status_code == 200  # now it is remembered
        second = one.post(f"/v1/collections/{collection.id}/versions", json={}, headers=ADMIN).json()
        assert_problem(upload(two, collection, collection.batch([1])), 422, "spec-mismatch")
        fresh = {**collection.batch([1]), "spec_digest": second["spec_digest"]}
        assert upload(two, collection, fresh).status_code == 200


def test_after_the_end_devices_are_led_to_the_successor(timed: InProcess) -> None:
    collection, successor = create(timed.post), create(timed.post, opened=False)
    assert patch(timed, collection, successor=successor.id).json()["successor"] == successor.id
    timed.post(f"/v1/collections/{collection.id}/close", headers=ADMIN)
    gone = timed.get(f"/c/{collection.id}/spec")
    assert_problem(gone, 410, "collection-closed")
    assert "link" not in gone.headers  # a draft is not shown to devices
    timed.post(f"/v1/collections/{successor.id}/open", headers=ADMIN)
    gone = timed.get(f"/c/{collection.id}/spec")
    assert gone.headers["link"] == f'</c/{successor.id}/spec>; rel="successor-version"'
    assert "Link" in gone.headers["access-control-expose-headers"]


def test_a_deleted_collection_is_unknown_to_all_at_once(timed: InProcess, database_url: str) -> None:
    collection, other = create(timed.post), create(timed.post)
    batch = collection.batch([1, 2])
    for one in (collection, other):
        assert upload(timed, one, one.batch([0])).status_code == 200
    upload(timed, collection, batch)
    timed.post(f"/v1/collections/{collection.id}/versions", json={"epsilon": "2"}, headers=ADMIN)
    deleted = timed.request("DELETE", f"/v1/collections/{collection.id}", headers=ADMIN)
    assert deleted.status_code == 202
    for method, path in (
        ("GET", f"/v1/collections/{collection.id}"),
        ("GET", f"/v1/collections/{collection.id}/estimates"),
        ("GET", f"/v1/collections/{collection.id}/keys"),
        ("POST", f"/v1/collections/{collection.id}/open"),
        ("DELETE", f"/v1/collections/{collection.id}"),
        ("GET", f"/c/{collection.id}/spec"),
        ("GET", f"/c/{collection.id}/items"),
    ):
        assert_problem(timed.request(method, path, headers=ADMIN), 404, "unknown-collection")
    assert_problem(upload(timed, collection, batch), 404, "unknown-collection")
    where = deleted.headers["location"]
    assert eventually(lambda: timed.get(where, headers=ADMIN).json()["state"] == "done")
    operation = timed.get(where, headers=ADMIN).json()
    assert (operation["collection"], operation["done"], operation["total"]) == (collection.id, 6, 6)
    assert stored_messages(database_url) == {0: 1}
    assert stored_keys(database_url) == 1
    assert [c["id"] for c in timed.get("/v1/collections", headers=ADMIN).json()["collections"]] == [other.id]
    assert_problem(timed.get("/v1/operations/none", headers=ADMIN), 404, "unknown-resource")


def test_a_deletion_survives_a_restart(database_url: str, tmp_path: Path) -> None:
    with InProcess(settings(database_url, data_dir=tmp_path, purge_rows=10)) as service:
        collection = create(service.post)
        for _ in range(30):
            upload(service, collection, collection.batch([1]))
        service.app.state.services.housekeeping.close()  # as a process that is killed just after the answer
        where = service.request("DELETE", f"/v1/collections/{collection.id}", headers=ADMIN).headers["location"]
        operation = service.get(where, headers=ADMIN).json()
        assert (operation["state"], operation["done"], operation["total"]) == ("running", 0, None)
    database = Database(database_url)
    with database.read() as connection:
        assert len(connection.execute(select(segments.c.id)).all()) == 30
    database.dispose()
    with InProcess(settings(database_url, data_dir=tmp_path, purge_rows=10)) as service:
        assert eventually(lambda: service.get(where, headers=ADMIN).json()["state"] == "done")
        operation = service.get(where, headers=ADMIN).json()
        assert operation["done"] == operation["total"] == 61
    assert stored_keys(database_url) == 0
