"""kill -9 of PostgreSQL itself under load, every process of it: what was acknowledged is there when it is up again."""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.server.test_serve import opened
from tests.services.endless import FOLDING, EndlessLoad
from tests.services.postgresql import PostgresqlCluster, postgresql_cluster
from tests.services.real_server import real_server
from tests.services.stored import counted_messages, stored_keys

pytestmark = [pytest.mark.service, pytest.mark.postgres]


@pytest.fixture
def own_cluster() -> Iterator[PostgresqlCluster]:
    """A server that no other test uses."""
    with postgresql_cluster() as cluster:
        yield cluster


def kill_database(cluster: PostgresqlCluster, folder: Path, times: int) -> str:
    """The service stays up, answers 503 meanwhile and recovers by itself. Returns what happened, in words."""
    moments, started = random.Random(7), time.monotonic()
    with cluster.database() as url, real_server(folder, url, environment=FOLDING) as server:
        load = EndlessLoad(lambda: server.url, opened(server, items=None, domain_size=1_000_000))
        load.start()
        for _ in range(times):
            time.sleep(0.3 + 0.5 * moments.random())
            before = load.acknowledged
            cluster.crash()
            cluster.restart()
            deadline = time.monotonic() + 60
            while load.acknowledged <= before and time.monotonic() < deadline:
                time.sleep(0.05)
            assert load.acknowledged > before  # it goes on without being restarted
        load.finish()
        assert server.process.poll() is None
        stored = counted_messages(url, load.report_space)
        lost, doubled = load.sent - stored, stored - load.sent
        assert (lost, doubled) == (Counter(), Counter())
        assert stored_keys(url) == load.acknowledged
        assert load.lost_connections == 0  # phones were answered all the time
        return (
            f"{times} kills of PostgreSQL in {(time.monotonic() - started) / 60:.1f} minutes, {load.acknowledged} batches "
            f"acknowledged, {load.replays} replays, {lost.total()} reports lost, {doubled.total()} doubled"
        )


def test_kill_9_of_postgresql(own_cluster: PostgresqlCluster, tmp_path: Path) -> None:
    kill_database(own_cluster, tmp_path, 2)


@pytest.mark.slow
def test_kill_9_of_postgresql_ten_times(
    own_cluster: PostgresqlCluster, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    tell(kill_database(own_cluster, tmp_path, 10))
