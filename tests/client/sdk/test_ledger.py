"""Whatever happens in whatever order, a device gives no more than its budget and answers each version once."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from client.sdk import BudgetExhausted, Client, EpsilonTooHigh, Outcome
from client.sdk.retrying import RetryPolicy
from client.sdk.store import MemoryStore
from client.sdk.transport import open_http
from tests.client.fake_service import FakeService, problem, wire

URL = "https://fano.test"
EPSILONS = ["0.1", "1/3", "0.5", "1"]

steps = st.lists(st.tuples(st.sampled_from(["report", "fail", "flush", "restart"]), st.integers(0, 3)), max_size=25)


@pytest.mark.thorough
@given(steps, st.fractions(Fraction(1, 10), 2, max_denominator=30))
@settings(max_examples=40, deadline=None)
def test_any_history_stays_within_the_budget_and_loses_nothing(
    history: list[tuple[str, int]], lifetime: Fraction
) -> None:
    service = FakeService()
    for index, epsilon in enumerate(EPSILONS):
        service.add(f"c{index}", epsilon=epsilon)
    store, http = MemoryStore(), open_http(URL, wire=wire(service))

    def device() -> Client:
        return Client(
            URL,
            write_key={f"c{i}": f"key-c{i}" for i in range(4)},
            max_epsilon="0.5",
            lifetime_epsilon=lifetime,
            store=store,
            retry=RetryPolicy(1, 0, 0, 0),
            http=http,
        )

    phone, answered = device(), set()
    for step, which in history:
        if step == "restart":
            phone = device()
        elif step == "flush":
            assert phone.flush().pending == 0
        else:
            if step == "fail":
                service.script = [None, problem(503, "overloaded", "Busy")]
            try:
                receipt = phone.report(f"c{which}", "fig")
            except (BudgetExhausted, EpsilonTooHigh):
                receipt = None
            service.script = []
            if receipt is not None:
                assert (receipt.outcome is Outcome.ALREADY_ANSWERED) == (which in answered)
                answered.add(which)
        assert phone.spent_epsilon == sum((Fraction(EPSILONS[i]) for i in answered), Fraction(0)) <= lifetime
    phone.flush()
    for index in range(4):
        assert len(service.collections[f"c{index}"].messages) == (index in answered)
    assert 3 not in answered  # epsilon 1 is above the device's own 0.5
    http.close()
