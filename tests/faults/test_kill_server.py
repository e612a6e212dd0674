"""kill -9 of the service at random moments under load: nothing acknowledged is lost, nothing counts twice."""

import random
import time
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
LIMIT_SECONDS = 1_100
"""When a crowded machine starts servers slowly the run ends early, with at least half of the kills, and says so."""


@pytest.mark.timeout(LIMIT_SECONDS + 300)
def test_kill_9_hundreds_of_times(database_url: str, tmp_path: Path, tell: Callable[[str], None]) -> None:
    engine = "sqlite" if database_url.startswith("sqlite") else "postgresql"
    moments = random.Random(20_261_124)
    end = time.monotonic() + LIMIT_SECONDS
    where = [start_server(tmp_path, database_url, environment=FOLDING)]
    kills = 0
    try:
        load = EndlessLoad(lambda: where[-1].url, opened(where[0], items=None, domain_size=1_000_000))
        load.start()
        while kills < KILLS[engine] and time.monotonic() < end:
            time.sleep(0.02 + 0.35 * moments.random())
            where[-1].kill()
            kills += 1
            stop_server(where[-1])
            where.append(start_server(tmp_path, database_url, environment=FOLDING))
        load.finish()
    finally:
        stop_server(where[-1])
    tell(
        f"{engine}: {kills} kills of the service, {load.acknowledged} batches acknowledged, {load.replays} replays, "
        f"{load.lost_connections} lost connections"
    )
    assert kills >= KILLS[engine] // 2
    assert load.lost_connections >= kills  # the kills hit a server at work
    assert load.replays > 0
    assert counted_messages(database_url, load.report_space) == load.sent
    assert stored_keys(database_url) == load.acknowledged


def test_engines_are_those_of_the_fixtures() -> None:
    assert len(KILLS) == len(ENGINES)
