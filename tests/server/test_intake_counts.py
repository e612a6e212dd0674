"""What became of uploads, by collection, window and reason."""

from pathlib import Path

import pytest

from server.refusals import DatabaseUnavailable
from server.services import intake_counts
from server.services.intake_counts import IntakeCounts
from server.storage.intake_counts import CountKey, Counts
from tests.server.assertions import assert_problem
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess, settings


def intake(service: InProcess, collection: TestCollection, query: str = "") -> dict[str, object]:
    answer = service.get(f"/v1/collections/{collection.id}/intake{query}", headers=ADMIN)
    assert answer.status_code == 200, answer.text
    return answer.json()  # type: ignore[no-any-return]


def upload(service: InProcess, collection: TestCollection, body: dict[str, object]) -> None:
    service.post(collection.reports_path, json=body, headers=collection.write_headers)


def test_outcomes_are_told_by_reason_and_window(service: InProcess) -> None:
    collection, other = create(service.post, window="PT1H"), create(service.post)
    clock = service.app.state.services.intake
    first = collection.batch([0, 1])
    upload(service, other, other.batch([0]))
    clock._clock = lambda: 100 * 3_600.0
    for body in (first, first, {**first, "messages": [2]}):
        upload(service, collection, body)
    clock._clock = lambda: 101 * 3_600.0
    service.post(collection.reports_path, json=first)
    service.post(collection.reports_path, content=b"{", headers=collection.write_headers)
    upload(service, collection, collection.batch([0, 1, 2]))
    told = intake(service, collection)
    assert (told["collection"], told["n"]) == (collection.id, 5)
    rejected = {"batch-key-reused": 1, "unknown-token": 1, "unsupported-media-type": 1}
    assert told["totals"] == {"accepted": 2, "replayed": 1, "reports": 5, "rejected": rejected}
    later, earlier = told["windows"]  # type: ignore[misc]
    assert (later["window"], earlier["window"]) == (101, 100)  # type: ignore[index]
    assert earlier == {
        "window": 100,
        "start": "1970-01-05T04:00:00+00:00",
        "accepted": 1,
        "replayed": 1,
        "reports": 2,
        "rejected": {"batch-key-reused": 1},
    }
    assert len(intake(service, collection, "?windows=1")["windows"]) == 1  # type: ignore[arg-type]
    assert intake(service, other)["totals"] == {"accepted": 1, "replayed": 0, "reports": 1, "rejected": {}}


def test_a_body_too_large_is_counted(sqlite_url: str, tmp_path: Path) -> None:
    with InProcess(settings(sqlite_url, data_dir=tmp_path, body_bytes=2_000)) as service:
        collection = create(service.post)
        upload(service, collection, collection.batch([0]))
        upload(service, collection, collection.batch([0] * 2_000))
        assert intake(service, collection)["totals"]["rejected"] == {"too-large": 1}  # type: ignore[index]


def test_counts_outlive_the_process_and_add_up(sqlite_url: str, tmp_path: Path) -> None:
    with InProcess(settings(sqlite_url, data_dir=tmp_path)) as service:
        collection = create(service.post)
        upload(service, collection, collection.batch([0]))
    with InProcess(settings(sqlite_url, data_dir=tmp_path)) as service:
        upload(service, collection, collection.batch([0]))
        assert intake(service, collection)["totals"]["accepted"] == 2  # type: ignore[index]


def test_uploads_to_nowhere_fill_no_memory(sqlite_service: InProcess) -> None:
    for i in range(50):
        sqlite_service.post(f"/v1/collections/{i}/reports", json={})
    assert sqlite_service.app.state.services.intake_counts._waiting == {}


def test_a_folder_that_cannot_be_written_stops_no_upload(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with InProcess(settings(sqlite_url, data_dir=tmp_path / "file" / "folder")) as service:
        collection = create(service.post)
        upload(service, collection, collection.batch([0]))
        service.app.state.services.intake_counts.flush()
        assert service.get(f"/v1/collections/{collection.id}", headers=ADMIN).json()["n"] == 1
        answer = service.get(f"/v1/collections/{collection.id}/intake", headers=ADMIN)
        assert_problem(answer, 503, "database-unavailable")


def test_what_could_not_be_written_is_written_later(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "not yet"
    folder.touch()
    counts = IntakeCounts(folder, lambda _: (3_600, 7))
    counts.rejected("abc", "too-large")
    counts.flush()
    assert "tried again" in caplog.text
    folder.unlink()
    counts.rejected("abc", "too-large")
    assert counts.of("abc") == {CountKey("abc", 3_600, 7, "too-large"): Counts(2, 0)}
    counts.close()


def test_old_windows_are_forgotten(tmp_path: Path) -> None:
    now = 1
    counts = IntakeCounts(tmp_path, lambda _: (3_600, now))
    for now in (1, 2, 1_001, 1_002):  # noqa: B007 - the counts ask for it
        counts.acknowledged("abc", 3, replayed=False)
        counts.flush()
    assert [key.window_index for key in counts.of("abc")] == [1_001, 1_002]
    counts.close()


def test_a_version_of_other_windows_keeps_the_counts_of_the_earlier_one(service: InProcess) -> None:
    """A window's index means another time under another length."""
    collection = create(service.post, window="P1D")
    path, clock = f"/v1/collections/{collection.id}/versions", service.app.state.services.intake
    digest = collection.created["spec_digest"]
    for day, window in ((20_000, "PT1H"), (20_001, "P999W"), (20_002, "PT1H")):
        clock._clock = lambda day=day: day * 86_400.0
        upload(service, collection, {**collection.batch([0]), "spec_digest": digest})
        digest = service.post(path, json={"window": window}, headers=ADMIN).json()["spec_digest"]
    windows = intake(service, collection)["windows"]
    assert [(one["window"], one["start"][:10], one["accepted"]) for one in windows] == [  # type: ignore[index]
        (20_001 * 24, "2024-10-05", 1),
        (20_000, "2024-10-04", 1),
        (20_002 // (999 * 7), "2008-04-17", 1),
    ]


def test_old_windows_are_forgotten_by_their_own_length(tmp_path: Path) -> None:
    now = (86_400, 20_000)
    counts = IntakeCounts(tmp_path, lambda _: now)
    for now in ((86_400, 20_000), (3_600, 20_001 * 24), (86_400, 20_999), (86_400, 21_000)):  # noqa: B007
        counts.rejected("abc", "too-large")
        counts.flush()
    assert [(key.window_seconds, key.window_index) for key in counts.of("abc")] == [(86_400, 20_999), (86_400, 21_000)]
    counts.close()


def test_a_deleted_collection_takes_its_counts_with_it(service: InProcess) -> None:
    gone, kept = create(service.post), create(service.post)
    for collection in (gone, kept):
        upload(service, collection, collection.batch([0]))
    services = service.app.state.services
    services.housekeeping.close()  # its rounds are ours
    services.housekeeping._round()
    assert intake(service, gone)["totals"]["accepted"] == 1  # type: ignore[index]
    assert service.request("DELETE", f"/v1/collections/{gone.id}", headers=ADMIN).status_code == 202
    services.housekeeping._round()
    assert services.intake_counts.of(gone.id) == {}
    assert intake(service, kept)["totals"]["accepted"] == 1  # type: ignore[index]


def test_nothing_is_made_and_nothing_fails_where_nothing_can_be_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The background work goes on, whatever the folder of the counts is."""
    counts = IntakeCounts(tmp_path / "folder", lambda _: (3_600, 7))
    assert counts.forget_deleted(set) == 0
    assert not (tmp_path / "folder").exists()
    counts.rejected("abc", "too-large")

    def locked(_: object) -> set[str]:
        raise DatabaseUnavailable("locked")

    monkeypatch.setattr(intake_counts, "counted_collections", locked)
    assert counts.forget_deleted(set) == 0
    assert "tried again" in caplog.text
    monkeypatch.undo()
    assert counts.forget_deleted(set) == 1
    assert counts.of("abc") == {}
    counts.close()


def test_who_may_know(sqlite_service: InProcess) -> None:
    collection = create(sqlite_service.post)
    path = f"/v1/collections/{collection.id}/intake"
    assert_problem(sqlite_service.get(path), 401, "unknown-token")
    assert_problem(sqlite_service.get(path, headers=collection.write_headers), 403, "insufficient-scope")
    assert_problem(sqlite_service.get("/v1/collections/x/intake", headers=ADMIN), 404, "unknown-collection")
