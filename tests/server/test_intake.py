"""What uploads that come at the same moment need of the database before their commit is done for all of them at once."""

import asyncio
import threading
from typing import Any

import httpx
import pytest

from server.refusals import DatabaseUnavailable
from server.services import intake as intake_module
from tests.services.collection import TestCollection, create
from tests.services.in_process import InProcess

UPLOADS = 40


def upload_at_once(service: InProcess, collection: TestCollection) -> list[httpx.Response]:
    async def all_at_once() -> list[httpx.Response]:
        posts = (
            service.client.post(collection.reports_path, json=collection.batch([1]), headers=collection.write_headers)
            for _ in range(UPLOADS)
        )
        return await asyncio.gather(*posts)

    return service.run(all_at_once())


def test_a_collection_is_read_once_for_all_that_wait(
    sqlite_service: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = create(sqlite_service.post)
    list_versions, reads = intake_module.list_versions, []

    def counted(*arguments: Any) -> Any:
        reads.append(threading.get_ident())
        if len(reads) == 1:
            raise DatabaseUnavailable("not now")
        return list_versions(*arguments)

    monkeypatch.setattr(intake_module, "list_versions", counted)
    for status in (503, 200):
        assert {answer.status_code for answer in upload_at_once(sqlite_service, collection)} == {status}
    assert len(reads) == 2


def test_one_upload_notes_the_use_of_a_key_and_the_others_go_on(
    sqlite_service: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = create(sqlite_service.post)
    tokens, others = sqlite_service.app.state.services.tokens, threading.Semaphore(0)
    note_use, noted = tokens.note_use, []

    def slow(digest: bytes, day: int) -> None:
        noted.append(day)
        for _ in range(UPLOADS - 1):  # the lock comes free only after the others were answered
            assert others.acquire(timeout=30)
        note_use(digest, day)

    monkeypatch.setattr(tokens, "note_use", slow)
    submit = sqlite_service.app.state.services.writer.submit

    def submitted(upload: Any) -> Any:
        others.release()
        return submit(upload)

    monkeypatch.setattr(sqlite_service.app.state.services.writer, "submit", submitted)
    assert {answer.status_code for answer in upload_at_once(sqlite_service, collection)} == {200}
    assert len(noted) == 1


def test_what_is_forgotten_while_it_is_read_is_read_again(
    sqlite_service: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = create(sqlite_service.post)
    intake = sqlite_service.app.state.services.intake
    list_versions, began, may_end = intake_module.list_versions, threading.Event(), threading.Event()

    def held(*arguments: Any) -> Any:
        rows = list_versions(*arguments)
        began.set()
        assert may_end.wait(30)
        return rows

    monkeypatch.setattr(intake_module, "list_versions", held)

    async def forgotten_meanwhile() -> int:
        upload = asyncio.create_task(
            sqlite_service.client.post(
                collection.reports_path, json=collection.batch([1]), headers=collection.write_headers
            )
        )
        await asyncio.to_thread(began.wait, 30)
        intake.forget(collection.id)
        may_end.set()
        return (await upload).status_code

    assert sqlite_service.run(forgotten_meanwhile()) == 200
    assert intake.window_now(collection.id) is None  # the next upload reads it anew


@pytest.mark.parametrize("silent", ["reading", "noting"])
def test_no_upload_waits_without_end_for_what_comes_before_its_commit(
    sqlite_service: InProcess, monkeypatch: pytest.MonkeyPatch, silent: str
) -> None:
    collection = create(sqlite_service.post)
    may_end = threading.Event()

    def held(*_: Any) -> Any:
        assert may_end.wait(30)
        return []

    if silent == "reading":
        monkeypatch.setattr(intake_module, "list_versions", held)
    else:
        sqlite_service.run(sqlite_service.app.state.services.intake._read_once(collection.id))
        monkeypatch.setattr(sqlite_service.app.state.services.tokens, "note_use", held)
    monkeypatch.setattr(intake_module, "_PATIENCE_SECONDS", 0.05)
    try:
        statuses = {answer.status_code for answer in upload_at_once(sqlite_service, collection)}
    finally:
        may_end.set()
    assert statuses == {503 if silent == "reading" else 200}
