"""Lost answers, lost requests, copies at once and copies much later, in any order: each batch counts exactly once."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.server.test_serve import opened
from tests.services.bad_network import BadNetwork, serving
from tests.services.endless import FOLDING, EndlessLoad
from tests.services.real_server import real_server
from tests.services.stored import counted_messages, stored_keys

pytestmark = pytest.mark.service


def misbehave(database_url: str, folder: Path, seconds: float) -> str:
    with real_server(folder, database_url, workers="2", environment=FOLDING) as server:
        collection = opened(server, items=None, domain_size=1_000_000)
        network = BadNetwork(server.url, lost_requests=0.1, lost_answers=0.2, doubled=0.2, seed=5)
        with serving(network) as address:
            load = EndlessLoad(lambda: address, collection, size=3)
            load.start()
            time.sleep(seconds)
            load.finish()
        network.deliver_late()
        assert counted_messages(database_url, load.report_space) == load.sent
        assert stored_keys(database_url) == load.acknowledged
    assert min(network.requests_lost, network.answers_lost, network.doubles, network.late_arrivals) > 0
    assert network.unexpected == 0  # every copy was recognised as one
    return (
        f"{load.acknowledged} batches acknowledged, {load.replays} replays; lost: {network.requests_lost} requests, "
        f"{network.answers_lost} answers; copies: {network.doubles} at once, {network.late_arrivals} late"
    )


def test_a_bad_network_costs_no_report_and_doubles_none(database_url: str, tmp_path: Path) -> None:
    misbehave(database_url, tmp_path, 1.0)


@pytest.mark.slow
def test_a_bad_network_for_two_minutes(database_url: str, tmp_path: Path, tell: Callable[[str], None]) -> None:
    tell(f"{database_url.partition(':')[0]}: {misbehave(database_url, tmp_path, 120)}")
