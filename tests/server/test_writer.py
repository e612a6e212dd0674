"""The group-commit writer by itself: groups, bounds, failures and the end."""

import asyncio
import threading
from collections.abc import Sequence
from itertools import count

import numpy as np
import pytest

from server.refusals import BatchKeyReused, DatabaseUnavailable, Overloaded
from server.services.ingest import pack_segment
from server.services.writer import GroupCommitWriter, Outcome, Receipt, Upload


def an_upload(number: int = 0, messages: Sequence[int] = (1,), *, version: int = 1, window: int = 0) -> Upload:
    packed = np.array(messages, dtype="<u4").tobytes()
    return Upload(1, version, window, number.to_bytes(16, "big"), b"body", packed, len(messages))


def writer_of(commit: object, *, uploads: int = 100, size: int = 1 << 20) -> GroupCommitWriter:
    return GroupCommitWriter(commit, waiting_uploads=uploads, waiting_bytes=size)  # type: ignore[arg-type]


def accept(uploads: Sequence[Upload]) -> list[Outcome]:
    return [Receipt(upload.reports, replayed=False) for upload in uploads]


class HeldCommit:
    """A commit that ends only once it may. groups: how many uploads each held."""

    def __init__(self) -> None:
        self.groups: list[int] = []
        self.may_end = threading.Event()

    def __call__(self, uploads: Sequence[Upload]) -> list[Outcome]:
        self.groups.append(len(uploads))
        assert self.may_end.wait(10)
        return accept(uploads)


def test_what_waits_during_a_commit_shares_the_next_one() -> None:
    commit = HeldCommit()

    async def scenario() -> None:
        writer = writer_of(commit)
        writer.start()
        futures = [writer.submit(an_upload(0))]
        while not commit.groups:
            await asyncio.sleep(0.001)
        futures += [writer.submit(an_upload(number)) for number in range(1, 40)]
        commit.may_end.set()
        assert await asyncio.gather(*futures) == [Receipt(1, replayed=False)] * 40
        await asyncio.to_thread(writer.close)

    asyncio.run(scenario())
    assert commit.groups == [1, 39]


@pytest.fixture
def slow_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every commit seems to take hours, and the rest after it may, too: what does not wait for the end of a rest ends at once."""
    hours = count(step=10_000.0)
    monkeypatch.setattr("server.services.writer.time.perf_counter", lambda: next(hours))
    monkeypatch.setattr("server.services.writer._LONGEST_REST", 3_600.0)


@pytest.mark.usefixtures("slow_commits")
def test_those_that_were_answered_come_back_into_one_group() -> None:
    commit = HeldCommit()

    async def scenario() -> None:
        writer = writer_of(commit)
        writer.start()
        first = asyncio.gather(*(writer.submit(an_upload(number)) for number in range(5)))
        while not commit.groups:
            await asyncio.sleep(0.001)
        second = [writer.submit(an_upload(10 + number)) for number in range(3)]  # while the first group commits
        commit.may_end.set()
        await first
        third = []
        for number in range(5):  # they come back one by one
            await asyncio.sleep(0.001)
            assert commit.groups == [5]
            third.append(writer.submit(an_upload(20 + number)))
        await asyncio.wait_for(asyncio.gather(*second, *third), 30)
        await asyncio.to_thread(writer.close)

    asyncio.run(scenario())
    assert commit.groups == [5, 8]


@pytest.mark.usefixtures("slow_commits")
def test_a_client_that_is_alone_never_waits_for_others() -> None:
    groups: list[int] = []

    def commit(uploads: Sequence[Upload]) -> list[Outcome]:
        groups.append(len(uploads))
        return accept(uploads)

    async def scenario() -> None:
        writer = writer_of(commit)
        writer.start()
        for number in range(20):
            await asyncio.wait_for(writer.submit(an_upload(number)), 30)
        await asyncio.to_thread(writer.close)

    asyncio.run(scenario())
    assert groups == [1] * 20


@pytest.mark.usefixtures("slow_commits")
@pytest.mark.parametrize("full", ["uploads", "bytes", "closing"])
def test_a_rest_ends_when_a_group_is_worth_it_or_the_writer_is_to_end(
    monkeypatch: pytest.MonkeyPatch, full: str
) -> None:
    monkeypatch.setattr("server.services.writer._GROUP_UPLOADS", 4 if full == "uploads" else 1_000)
    monkeypatch.setattr("server.services.writer._WORTHWHILE_BYTES", 16 if full == "bytes" else 1 << 20)

    async def scenario() -> None:
        writer = writer_of(accept)
        writer.start()
        await asyncio.gather(*(writer.submit(an_upload(number)) for number in range(8)))
        more = asyncio.gather(*(writer.submit(an_upload(10 + number)) for number in range(4)))
        if full != "closing":
            await asyncio.wait_for(more, 30)
        await asyncio.wait_for(asyncio.to_thread(writer.close), 30)
        await more

    asyncio.run(scenario())


@pytest.mark.parametrize(("uploads", "size"), [(3, 1 << 20), (100, 12)])
def test_a_full_queue_refuses_at_once_and_recovers(uploads: int, size: int) -> None:
    go, running = threading.Event(), threading.Event()

    def commit(group: Sequence[Upload]) -> list[Outcome]:
        running.set()
        assert go.wait(10)
        return accept(group)

    async def scenario() -> None:
        writer = writer_of(commit, uploads=uploads, size=size)
        writer.start()
        futures = [writer.submit(an_upload())]
        await asyncio.to_thread(running.wait, 10)
        assert writer.trouble is None
        futures += [writer.submit(an_upload(number)) for number in range(3)]  # three uploads, or 12 bytes
        with pytest.raises(Overloaded) as refused:
            writer.submit(an_upload(9))
        assert refused.value.retry_after == 1
        assert (writer.crowded is None) == (uploads == 100)
        go.set()
        await asyncio.gather(*futures)
        assert await writer.submit(an_upload(9)) == Receipt(1, replayed=False)
        await asyncio.to_thread(writer.close)

    asyncio.run(scenario())


def test_each_upload_gets_its_own_outcome() -> None:
    def commit(group: Sequence[Upload]) -> list[Outcome]:
        return [BatchKeyReused("no") if int.from_bytes(u.key_hash, "big") % 2 else Receipt(1, False) for u in group]

    async def scenario() -> list[object]:
        writer = writer_of(commit)
        writer.start()
        outcomes = await asyncio.gather(*(writer.submit(an_upload(n)) for n in range(6)), return_exceptions=True)
        await asyncio.to_thread(writer.close)
        return [type(outcome) for outcome in outcomes]

    assert asyncio.run(scenario()) == [Receipt, BatchKeyReused] * 3


@pytest.mark.parametrize(
    ("failure", "told"), [(DatabaseUnavailable("gone"), DatabaseUnavailable), (KeyError("x"), RuntimeError)]
)
def test_a_failed_group_is_told_and_the_writer_lives_on(failure: Exception, told: type[Exception]) -> None:
    failures = [failure]

    def commit(group: Sequence[Upload]) -> list[Outcome]:
        if failures:
            raise failures.pop()
        return accept(group)

    async def scenario() -> None:
        writer = writer_of(commit)
        writer.start()
        with pytest.raises(told):
            await writer.submit(an_upload())
        assert await writer.submit(an_upload()) == Receipt(1, replayed=False)
        await asyncio.to_thread(writer.close)

    asyncio.run(scenario())


def test_an_outage_is_logged_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    down = [True]

    def commit(group: Sequence[Upload]) -> list[Outcome]:
        if down:
            raise DatabaseUnavailable("gone")
        return accept(group)

    async def scenario() -> None:
        writer = writer_of(commit)
        writer.start()
        for _ in range(3):
            with pytest.raises(DatabaseUnavailable):
                await writer.submit(an_upload())
        down.clear()
        for _ in range(3):
            await writer.submit(an_upload())
        await asyncio.to_thread(writer.close)

    asyncio.run(scenario())
    assert [(one.levelname, one.message.partition(",")[0]) for one in caplog.records] == [
        ("WARNING", "the database is unavailable"),
        ("WARNING", "uploads are stored again"),
    ]


def test_the_end_commits_what_waits_and_refuses_what_comes() -> None:
    committed: list[Upload] = []

    def commit(group: Sequence[Upload]) -> list[Outcome]:
        committed.extend(group)
        return accept(group)

    async def scenario() -> None:
        writer = writer_of(commit)
        writer.start()
        futures = [writer.submit(an_upload(number)) for number in range(20)]
        await asyncio.to_thread(writer.close)
        assert await asyncio.gather(*futures) == [Receipt(1, replayed=False)] * 20
        with pytest.raises(Overloaded, match="shutting down"):
            writer.submit(an_upload())
        assert writer.trouble is not None

    asyncio.run(scenario())
    assert len(committed) == 20


def test_segments_depend_on_nothing_but_the_histogram() -> None:
    rng = np.random.default_rng(8)
    messages = rng.integers(0, 1 << 32, 300, dtype=np.uint64)

    def packed(order: np.ndarray, sizes: list[int]) -> list[object]:
        parts = np.split(order, np.cumsum(sizes))
        return [pack_segment(1, 0, [an_upload(i, part.tolist()) for i, part in enumerate(parts)])]

    expected = packed(messages, [300])
    for sizes in ([1] * 299, [100, 50], [7, 200, 3]):
        assert packed(rng.permutation(messages), sizes) == expected


def test_nobody_waits_for_a_database_that_has_fallen_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.services.writer._PATIENCE_SECONDS", 0.05)
    commit = HeldCommit()

    async def scenario() -> None:
        writer = writer_of(commit)
        writer.start()
        under_way = writer.submit(an_upload(0))
        while not commit.groups:
            await asyncio.sleep(0.001)
        waiting = [writer.submit(an_upload(number)) for number in range(1, 4)]
        for future in (under_way, *waiting):
            with pytest.raises(DatabaseUnavailable):
                await asyncio.wait_for(future, 30)
        assert writer.trouble is not None
        assert writer.waiting == 0
        with pytest.raises(DatabaseUnavailable):
            writer.submit(an_upload(4))
        monkeypatch.setattr("server.services.writer._PATIENCE_SECONDS", 30.0)
        commit.may_end.set()  # it answers again
        while writer.trouble is not None:
            await asyncio.sleep(0.001)
        assert await asyncio.wait_for(writer.submit(an_upload(1)), 30) == Receipt(1, replayed=False)
        await asyncio.to_thread(writer.close)

    asyncio.run(scenario())
    assert commit.groups == [1, 1]  # what was given up while it waited was never stored


def test_the_writer_ends_beside_a_database_that_has_fallen_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.services.writer._PATIENCE_SECONDS", 0.05)
    commit = HeldCommit()

    async def scenario() -> None:
        writer = writer_of(commit)
        writer.start()
        upload = writer.submit(an_upload(0))
        await asyncio.wait_for(asyncio.to_thread(writer.close), 5)
        with pytest.raises(DatabaseUnavailable):
            await upload
        commit.may_end.set()

    asyncio.run(scenario())
