"""Many uploads at once: every acknowledged report is in the database exactly once."""

import asyncio
import random
from collections import Counter
from typing import Any

import httpx
import numpy as np
import pytest
from sqlalchemy import select

from server.refusals import BatchKeyReused
from server.services.ingest import record_group
from server.services.writer import Receipt, Upload
from server.storage.tables import segments
from tests.services.collection import TestCollection, create
from tests.services.in_process import ADMIN, InProcess, settings
from tests.services.stored import stored_keys, stored_messages

pytestmark = pytest.mark.thorough

UPLOADS = 200
MESSAGES = 5


def gather(service: InProcess, collection: TestCollection, batches: list[dict[str, Any]]) -> list[httpx.Response]:
    async def all_at_once() -> list[httpx.Response]:
        posts = [
            service.client.post(collection.reports_path, json=batch, headers=collection.write_headers)
            for batch in batches
        ]
        return await asyncio.gather(*posts)

    return service.run(all_at_once())


def distinct_batches(collection: TestCollection) -> list[dict[str, Any]]:
    """Every message occurs once, so a report counted twice would show."""
    assert collection.created["report_space"] >= UPLOADS * MESSAGES
    return [collection.batch(range(MESSAGES * i, MESSAGES * (i + 1))) for i in range(UPLOADS)]


def test_concurrent_uploads_with_retries_count_once(service: InProcess, database_url: str) -> None:
    collection = create(service.post, items=None, domain_size=1_000)
    batches = distinct_batches(collection)
    order = batches + random.Random(2).sample(batches, UPLOADS // 5)
    random.Random(3).shuffle(order)
    answers = gather(service, collection, order)
    assert {answer.status_code for answer in answers} == {200}
    assert sum(not answer.json()["replayed"] for answer in answers) == UPLOADS
    assert stored_messages(database_url) == Counter(range(UPLOADS * MESSAGES))
    assert stored_keys(database_url) == UPLOADS


def test_sixty_four_identical_uploads_count_once(service: InProcess, database_url: str) -> None:
    collection = create(service.post)
    answers = gather(service, collection, [collection.batch([1, 2], "ab" * 16)] * 64)
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["accepted"] for answer in answers} == {2}
    assert sum(not answer.json()["replayed"] for answer in answers) == 1
    assert stored_messages(database_url) == {1: 1, 2: 1}


def test_of_two_bodies_under_one_key_one_wins_everywhere(service: InProcess, database_url: str) -> None:
    collection = create(service.post)
    batches = [collection.batch([number % 2], "cd" * 16) for number in range(64)]
    answers = gather(service, collection, batches)
    accepted = {
        batch["messages"][0] for batch, answer in zip(batches, answers, strict=True) if answer.status_code == 200
    }
    assert sorted(Counter(answer.status_code for answer in answers).items()) == [(200, 32), (422, 32)]
    assert stored_messages(database_url) == {accepted.pop(): 1}
    assert not accepted


def test_two_services_on_one_database_count_once(service: InProcess, database_url: str) -> None:
    """As two processes would: each has its own writer, connections and memory."""
    collection = create(service.post, items=None, domain_size=1_000)
    batches = distinct_batches(collection)
    with InProcess(settings(database_url)) as other:

        async def at_both() -> list[httpx.Response]:
            here = [
                service.client.post(collection.reports_path, json=b, headers=collection.write_headers) for b in batches
            ]
            there = asyncio.wrap_future(asyncio.run_coroutine_threadsafe(in_the_other(), other._loop))
            answers = await asyncio.gather(*here)
            return answers + await there

        async def in_the_other() -> list[httpx.Response]:
            posts = [
                other.client.post(collection.reports_path, json=b, headers=collection.write_headers) for b in batches
            ]
            return await asyncio.gather(*posts)

        answers = service.run(at_both())
        assert {answer.status_code for answer in answers} == {200}
        assert sum(not answer.json()["replayed"] for answer in answers) == UPLOADS
        assert stored_messages(database_url) == Counter(range(UPLOADS * MESSAGES))
        counted = [s.get(f"/v1/collections/{collection.id}", headers=ADMIN).json()["n"] for s in (service, other)]
        assert counted == [UPLOADS * MESSAGES] * 2


def test_no_report_is_counted_after_a_collection_closed(service: InProcess, database_url: str) -> None:
    collection = create(service.post, items=None, domain_size=1_000)
    batches = distinct_batches(collection)

    async def uploads_and_close() -> tuple[list[httpx.Response], int]:
        posts = [
            service.client.post(collection.reports_path, json=b, headers=collection.write_headers) for b in batches
        ]
        running = asyncio.gather(*posts)
        await asyncio.sleep(0.05)
        await service.client.post(f"/v1/collections/{collection.id}/close", headers=ADMIN)
        closed_with = (await service.client.get(f"/v1/collections/{collection.id}", headers=ADMIN)).json()["n"]
        return await running, closed_with

    answers, closed_with = service.run(uploads_and_close())
    acknowledged = [m for b, a in zip(batches, answers, strict=True) if a.status_code == 200 for m in b["messages"]]
    assert {answer.status_code for answer in answers} <= {200, 410}
    assert stored_messages(database_url) == Counter(acknowledged)
    assert closed_with == len(acknowledged)


def test_versions_and_windows_do_not_share_a_segment(service: InProcess, database_url: str) -> None:
    numbers = []
    for _ in range(2):
        row = service.app.state.services.collections.get(create(service.post).id)
        numbers.append((row.number, row.version_number))
    uploads = [
        Upload(*numbers[i % 2], i % 3, i.to_bytes(16, "big"), bytes(16), i.to_bytes(4, "little"), 1) for i in range(12)
    ]
    database = service.app.state.services.database
    assert record_group(database, uploads) == [Receipt(1, replayed=False)] * 12
    with database.read() as connection:
        stored = connection.execute(select(segments.c.version, segments.c.window_index, segments.c.messages)).all()
    for version, window, messages in stored:
        (index,) = [i for i, (_, number) in enumerate(numbers) if number == version]
        expected = [i for i in range(12) if i % 2 == index and i % 3 == window]
        assert np.frombuffer(messages, dtype="<u4").tolist() == expected
    assert len(stored) == 6


@pytest.mark.parametrize("order", [1, -1])
def test_a_refused_upload_does_not_stand_in_the_way_of_another_with_its_key(
    service: InProcess, database_url: str, order: int
) -> None:
    """In one group come a late copy, whose window is over for good, and an upload that counts, under one key."""
    row = service.app.state.services.collections.get(create(service.post).id)
    late = Upload(
        row.number, row.version_number, 5, bytes(16), bytes(16), bytes(4), 1, named_window=0, window_seconds=3_600
    )
    fine = Upload(row.number, row.version_number, 5, bytes(16), bytes([1] * 16), bytes(4), 1)
    outcomes = record_group(service.app.state.services.database, [late, fine][::order])[::order]
    assert isinstance(outcomes[0], BatchKeyReused)
    assert outcomes[1] == Receipt(1, replayed=False)
    assert stored_messages(database_url) == {0: 1}
