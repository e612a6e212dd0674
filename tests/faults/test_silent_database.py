"""A PostgreSQL that neither answers nor goes away: phones are told to come back, the process ends when it must, and nothing counts twice."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.server.assertions import assert_problem
from tests.server.test_serve import opened
from tests.services.collection import TestCollection
from tests.services.postgresql import PostgresqlCluster, postgresql_cluster
from tests.services.real_server import RealServer, real_server
from tests.services.stored import stored_messages

pytestmark = [pytest.mark.service, pytest.mark.postgres]

IMPATIENT = (
    "import server.services.writer as writer, server.services.intake as intake;"
    "writer._PATIENCE_SECONDS = intake._PATIENCE_SECONDS = 1.0;"
)
ENDS_EARLY = "import server.cli.serving as serving; serving._SHUTDOWN_SECONDS = 1; serving._LAST_SECONDS = 3.0;"
UPLOADS = 6


@pytest.fixture
def own_cluster() -> Iterator[PostgresqlCluster]:
    """A server that no other test uses."""
    with postgresql_cluster() as cluster:
        yield cluster


def send(server: RealServer, collection: TestCollection, batches: list[dict[str, Any]]) -> list[httpx.Response]:
    """All at once."""

    def post(batch: dict[str, Any]) -> httpx.Response:
        url = server.url + collection.reports_path
        return httpx.post(url, json=batch, headers=collection.write_headers, timeout=60, trust_env=False)

    with ThreadPoolExecutor(len(batches)) as threads:
        return list(threads.map(post, batches))


def test_phones_are_told_to_come_back_and_each_batch_counts_once(
    own_cluster: PostgresqlCluster, tmp_path: Path
) -> None:
    with own_cluster.database() as url, real_server(tmp_path, url, before=IMPATIENT) as server:
        collection = opened(server, items=None, domain_size=1_000)
        batches = [collection.batch([number]) for number in range(UPLOADS)]
        assert {answer.status_code for answer in send(server, collection, [collection.batch([999])])} == {200}
        with own_cluster.silent():
            for answer in send(server, collection, batches):
                assert_problem(answer, 503, "database-unavailable")
                assert int(answer.headers["retry-after"]) >= 1
        statuses = {503}
        while 503 in statuses:
            statuses = {answer.status_code for answer in send(server, collection, batches)}
        assert statuses == {200}
        assert stored_messages(url) == {999: 1, **dict.fromkeys(range(UPLOADS), 1)}


def connections(server: RealServer) -> list[Any]:
    return list(psutil.Process(server.process.pid).net_connections("tcp"))


def test_sigterm_ends_the_process_and_phones_are_told(own_cluster: PostgresqlCluster, tmp_path: Path) -> None:
    with own_cluster.database() as url, real_server(tmp_path, url, before=ENDS_EARLY) as server:
        collection = opened(server)
        send(server, collection, [collection.batch([1])])
        with own_cluster.silent(), ThreadPoolExecutor(1) as beside:
            answers = beside.submit(send, server, collection, [collection.batch([2]) for _ in range(UPLOADS)])
            while len([one for one in connections(server) if one.status == psutil.CONN_ESTABLISHED]) < UPLOADS:
                time.sleep(0.01)
            time.sleep(1)  # now their requests are read, too
            assert server.terminate() == 0
            for answer in answers.result():
                assert_problem(answer, 503, "overloaded")
                assert int(answer.headers["retry-after"]) >= 1
