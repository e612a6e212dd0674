"""kill -9 of the service at random moments under load: nothing acknowledged is lost, nothing counts twice."""

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ENGINES
from tests.server.test_serve import opened
from tests.services.endless import FOLDING, EndlessLoad
from tests.services.real_server import start_server, stop_server
from tests.services.stored import counted_messages, stored_keys

pytestmark = [pytest.mark.service, pytest.mark.slow]

KILLS = {"sqlite": 200, "postgresql": 100}


@pytest.mark.timeout(3_600)  # a start takes 2 s on a quiet machine and four times that on a crowded one
def test_kill_9_hundreds_of_times(database_url: str, tmp_path: Path, tell: Callable[[str], None]) -> None:
    engine = "sqlite" if database_url.startswith("sqlite") else "postgresql"
    moments = random.Random(20_261_124)
    started = time.monotonic()
    where = [start_server(tmp_path, database_url, environment=FOLDING)]
    try:
        load = EndlessLoad(lambda: where[-1].url, opened(where[0], items=None, domain_size=1_000_000))
        load.start()
        for _ in range(KILLS[engine]):
            time.sleep(0.02 + 0.35 * moments.random())
            where[-1].kill()
            stop_server(where[-1])
            where.append(start_server(tmp_path, database_url, environment=FOLDING))
        load.finish()
    finally:
        stop_server(where[-1])
    stored = counted_messages(database_url, load.report_space)
    lost, doubled = load.sent - stored, stored - load.sent
    tell(
        f"{engine}: {KILLS[engine]} kills of the service in {(time.monotonic() - started) / 60:.1f} minutes, "
        f"{load.acknowledged} batches acknowledged, {load.replays} replays, {load.lost_connections} lost connections, "
        f"{lost.total()} reports lost, {doubled.total()} doubled"
    )
    assert (lost, doubled) == (Counter(), Counter())
    assert stored_keys(database_url) == load.acknowledged
    assert load.lost_connections >= KILLS[engine]  # the kills hit a server at work
    assert load.replays > 0


def test_engines_are_those_of_the_fixtures() -> None:
    assert len(KILLS) == len(ENGINES)
