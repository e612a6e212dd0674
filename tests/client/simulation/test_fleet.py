"""A fleet: every phone is counted exactly once, whatever the network does, and its truth is known."""

import threading
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import client.simulation.sending as sending
from client.sdk import ServiceRefusal
from client.simulation import EVERYDAY_FAULTS, Faults, Fleet, Population, uniform, zipf
from ldp_core.errors import DomainError, ParameterError
from ldp_core.wire import PACKED_MEDIA_TYPE
from tests.client.fake_service import FakeService, problem, served

PEOPLE = Population.of_weights(["apple", "pear", "plum", "fig"], np.array([4.0, 3, 2, 1]))


@pytest.fixture
def service() -> FakeService:
    service = FakeService()
    service.add("c1", epsilon="3")
    return service


def test_phones_are_counted_once_and_their_truth_is_returned(service: FakeService) -> None:
    steps: list[int] = []
    with served(service) as url:
        result = Fleet(url, "key-c1", PEOPLE, 5_000, seed=7, batch_size=300).run("c1", progress=steps.append)
    assert (result.accepted, result.failed, result.replayed, result.retried) == (5_000, 0, 0, 0)
    assert result.true_counts.sum() == len(service.collections["c1"].messages) == 5_000
    assert len(service.collections["c1"].batches) == 17
    assert steps[-1] == 5_000
    assert steps == sorted(steps)


def test_a_seed_repeats_the_messages_but_never_the_batch_keys(service: FakeService) -> None:
    service.add("c2", epsilon="3")
    with served(service) as url:
        first = Fleet(url, "key-c1", PEOPLE, 2_000, seed=7).run("c1")
        second = Fleet(url, "key-c2", PEOPLE, 2_000, seed=7).run("c2")
        other = Fleet(url, "key-c2", PEOPLE, 2_000, seed=8).run("c2")
    one, two = service.collections["c1"], service.collections["c2"]
    assert Counter(one.messages) == Counter(two.messages[:2_000]) != Counter(two.messages[2_000:])
    assert np.array_equal(first.true_counts, second.true_counts)
    assert not np.array_equal(first.true_counts, other.true_counts)
    assert not one.batches.keys() & two.batches.keys()


def test_the_estimate_of_a_fleet_is_near_its_truth(service: FakeService) -> None:
    with served(service) as url:
        result = Fleet(url, "key-c1", PEOPLE, 20_000, seed=3).run("c1")
    mechanism = service.collections["c1"].spec.mechanism
    estimate = mechanism.decode(mechanism.tally(np.array(service.collections["c1"].messages)), "enumeration")
    away = np.abs(estimate.frequencies - result.true_counts / 20_000)
    assert np.all(away < 6 * estimate.standard_errors)  # 6 sigma, 4 items: < 1e-8


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_bad_network_loses_nothing_and_doubles_nothing(service: FakeService, one_by_one: bool) -> None:
    phones = 60 if one_by_one else 2_000
    with served(service) as url:
        fleet = Fleet(
            url, "key-c1", PEOPLE, phones, seed=11, batch_size=20, one_by_one=one_by_one, faults=EVERYDAY_FAULTS
        )
        result = fleet.run("c1")
    collection = service.collections["c1"]
    assert result.accepted == phones == len(collection.messages) == result.true_counts.sum()
    assert result.retried > 0
    assert result.replayed > 0
    assert result.duplicates > 0
    assert result.counted_twice == 0
    assert collection.replays > 0


def test_one_by_one_every_phone_is_a_client_that_sends_one_report(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[object] = []

    class Counted(sending.Client):
        def __init__(self, *arguments: object, **settings: object) -> None:
            built.append(self)
            super().__init__(*arguments, **settings)  # type: ignore[arg-type]

    monkeypatch.setattr(sending, "Client", Counted)
    with served(service) as url:
        result = Fleet(url, "key-c1", PEOPLE, 50, seed=1, one_by_one=True).run("c1")
    assert result.accepted == len(set(map(id, built))) == 50
    assert len(service.collections["c1"].batches) == 50


def test_a_refusal_stops_the_fleet_and_says_why(service: FakeService) -> None:
    with served(service) as url:
        result = Fleet(url, "wrong", PEOPLE, 50_000, seed=1, batch_size=100).run("c1")
    assert result.accepted == 0 == result.true_counts.sum()
    assert result.failed == 50_000
    assert "Unknown token (401)" in result.problems[0]
    assert len(service.uploads()) < 20


def test_a_busy_service_is_asked_again(service: FakeService) -> None:
    service.script = [None, *[problem(503, "overloaded", "Busy", {"Retry-After": "0"})] * 3]
    with served(service) as url:
        result = Fleet(url, "key-c1", PEOPLE, 500, seed=1, batch_size=100).run("c1")
    assert (result.accepted, result.retried) == (500, 3)


def test_ctrl_c_leaves_no_thread_and_loses_no_acknowledged_report(service: FakeService) -> None:
    def interrupt(done: int) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with served(service) as url, pytest.raises(KeyboardInterrupt):
        Fleet(url, "key-c1", PEOPLE, 5_000, seed=1, batch_size=10).run("c1", progress=interrupt)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("phone")]
    assert threading.active_count() <= before + 8  # only handlers of the test's own server may linger
    assert len(service.collections["c1"].messages) < 5_000


def test_a_population_that_does_not_fit_is_refused(service: FakeService) -> None:
    with served(service) as url:
        with pytest.raises(DomainError, match="none of the collection's items"):
            Fleet(url, "key-c1", zipf(4), 10).run("c1")
        with pytest.raises(ServiceRefusal, match="404"):
            Fleet(url, "key-c1", PEOPLE, 10).run("c9")


def test_settings_that_make_no_fleet() -> None:
    with pytest.raises(ParameterError, match="at least 1"):
        Fleet("http://127.0.0.1:1", "k", uniform(3), 0)
    with pytest.raises(ParameterError, match="sum to less than 1"):
        Faults(lost_requests=0.5, lost_acknowledgements=0.5)


shares = st.floats(0, 0.3)


@pytest.mark.thorough
@given(st.builds(Faults, shares, shares, shares, st.booleans()), st.integers(1, 40), st.integers(0, 9))
@settings(max_examples=8, deadline=None)
def test_any_faults_keep_exactly_one_count_for_each_acknowledged_phone(faults: Faults, phones: int, seed: int) -> None:
    service = FakeService()
    service.add("c1")
    with served(service) as url:
        result = Fleet(url, "key-c1", PEOPLE, phones, seed=seed, batch_size=5, faults=faults).run("c1")
    assert result.counted_twice == 0
    assert result.accepted <= len(service.collections["c1"].messages) <= phones
    if result.failed == 0:
        assert len(service.collections["c1"].messages) == phones


def test_a_fleet_sends_packed_batches_unless_told_otherwise(service: FakeService) -> None:
    with served(service) as url:
        Fleet(url, "key-c1", PEOPLE, 10, seed=1).run("c1")
        Fleet(url, "key-c1", PEOPLE, 10, seed=1, as_json=True).run("c1")
    kinds = [seen.headers["content-type"] for seen in service.uploads()]
    assert kinds == [PACKED_MEDIA_TYPE, "application/json"]
    assert Counter(service.collections["c1"].messages[:10]) == Counter(service.collections["c1"].messages[10:])


def test_a_fleet_falls_back_to_json_once(service: FakeService) -> None:
    service.reads_packed = False
    with served(service) as url:
        result = Fleet(url, "key-c1", PEOPLE, 50, seed=1, batch_size=10, connections=1).run("c1")
    assert (result.accepted, result.failed, result.retried) == (50, 0, 1)
    assert len(service.collections["c1"].messages) == 50


def test_a_batch_of_a_closed_window_is_dropped(service: FakeService) -> None:
    service.script = [None, problem(422, "window-closed", "The window is over for good", window=1)]
    with served(service) as url:
        result = Fleet(url, "key-c1", PEOPLE, 10, seed=1).run("c1")
    assert (result.accepted, result.failed) == (0, 10)
    assert len(service.uploads()) == 1
