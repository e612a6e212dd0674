"""The one rule of windows, in both encodings, over every border: where a batch counts, and until when it is taken.

A batch names a window or none. It counts where it arrives, or in the window before, if it names that, within the grace. It is taken until
its window is over for good. test_window_machine.py holds the service to a model of this, whatever the clock and the purge do.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.server.assertions import assert_problem
from tests.server.timed import DAY, ENCODINGS, HOUR, START, Batch, Timed, counted, made
from tests.services.collection import create
from tests.services.in_process import ADMIN

pytestmark = pytest.mark.thorough

W = START // DAY
END = START + DAY
GRACE = HOUR
WHERE = [  # arrival, named, where it counts
    (START, W, W),
    (START, None, W),
    (START, W - 1, W - 1),
    (START, W - 2, W),
    (START, W + 1, W),
    (START, W + 999, W),
    (END - 1, W, W),
    (END - 1, W - 1, W),
    (END - 0.001, W, W),
    (END, W, W),
    (END, None, W + 1),
    (END, W + 1, W + 1),
    (END, W - 1, W + 1),
    (END + GRACE - 1, W, W),
    (END + GRACE - 0.001, W, W),
    (END + GRACE, W, W + 1),
    (END + DAY, W, W + 2),
]


@pytest.fixture
def timed(database_url: str, tmp_path: Path) -> Iterator[Timed]:
    timed = Timed(database_url, tmp_path, horizon=7 * DAY)
    yield timed
    timed.close()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_where_a_batch_counts(timed: Timed, encoding: str) -> None:
    collection = create(timed.service.post, items=None, domain_size=40)
    expected: dict[int, Counter[int]] = {}
    for message, (arrival, named, window) in enumerate(WHERE):
        timed.at(arrival)
        assert made(collection, message, named).send(timed.service, collection, encoding).status_code == 200
        expected.setdefault(window, Counter())[message] += 1
    stored = counted(timed.services.database, collection.created["report_space"])
    assert {window: messages for (_, window), messages in stored.items()} == expected


@pytest.mark.parametrize(
    ("grace", "last_second"), [(0, -1), (HOUR - 1, HOUR - 2), (HOUR, HOUR - 1), (9 * HOUR, HOUR - 1)]
)
def test_grace_lasts_as_long_as_it_says_but_never_longer_than_a_window(
    sqlite_url: str, tmp_path: Path, grace: int, last_second: int
) -> None:
    timed = Timed(sqlite_url, tmp_path, horizon=0, window_grace_seconds=grace)
    collection = create(timed.service.post, window="PT1H", items=None, domain_size=40)
    named = START // HOUR
    for message, moment in enumerate((last_second, last_second + 1)):
        timed.at(START + HOUR + moment)
        made(collection, message, named).send(timed.service, collection, "packed")
    stored = counted(timed.services.database, collection.created["report_space"])
    where = {message: window for (_, window), messages in stored.items() for message in messages}
    timed.close()
    assert where[0] == named
    assert where[1] > named


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_until_when_a_batch_is_taken_and_its_retries_are_known(timed: Timed, encoding: str) -> None:
    """W ends at END, is closed 2 days later, and forgotten 7 days after that."""
    collection = create(timed.service.post, items=None, domain_size=40, retention="P2D")
    closed, forgotten = END + 2 * DAY, END + 9 * DAY
    other = ENCODINGS[1 - ENCODINGS.index(encoding)]
    first, late, unnamed = (made(collection, message, W if message < 2 else None) for message in range(3))

    def send(batch: Batch, how: str = encoding) -> httpx.Response:
        answer: httpx.Response = batch.send(timed.service, collection, how)
        return answer

    assert [send(batch).json()["replayed"] for batch in (first, unnamed)] == [False, False]
    timed.at(closed - 1)
    assert send(late).json()["replayed"] is False
    timed.at(closed)
    assert_problem(send(made(collection, 3, W)), 422, "window-closed", window=W)
    assert send(made(collection, 4, W + 1)).json()["replayed"] is False
    assert timed.retention.purge_keys() == 0
    timed.at(forgotten - 1)
    assert timed.retention.purge_keys() == 0
    assert [send(batch, how).json()["replayed"] for batch in (first, late) for how in ENCODINGS] == [True] * 4
    timed.at(forgotten)
    assert timed.retention.purge_keys() == 2
    for moment in (forgotten, closed, END, START, forgotten + 99 * DAY):  # the clock decides nothing any more
        timed.at(moment)
        for batch in (first, late, made(collection, 5, W), made(collection, 5, W - 3)):
            for how in (encoding, other):
                assert_problem(send(batch, how), 422, "window-closed", window=batch.window)
        assert send(unnamed).json()["replayed"] is True
    timed.services.folder.fold_all()
    stored = counted(timed.services.database, collection.created["report_space"])
    assert sum(stored.values(), Counter()) == {0: 1, 1: 1, 2: 1, 4: 1}


def test_a_forgotten_batch_of_an_earlier_version_is_not_asked_for_again(timed: Timed) -> None:
    """spec-mismatch says: make new reports. Of a batch that counted, that would be a second count of the same phone."""
    collection = create(timed.service.post, items=None, domain_size=40)
    batch = made(collection, 1, W)
    assert batch.send(timed.service, collection, "json").status_code == 200
    assert timed.service.post(
        f"/v1/collections/{collection.id}/versions", json={"window": "PT1H"}, headers=ADMIN
    ).is_success
    assert batch.send(timed.service, collection, "packed").json()["replayed"] is True
    assert_problem(made(collection, 2, W).send(timed.service, collection, "json"), 422, "spec-mismatch")
    timed.at(END + 35 * DAY)
    assert timed.retention.purge_keys() == 1
    assert_problem(batch.send(timed.service, collection, "packed"), 422, "window-closed", window=W)
