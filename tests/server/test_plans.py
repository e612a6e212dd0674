"""Planning over HTTP: the same document as the mathematics gives, for anybody, and clear refusals."""

import pytest

from ldp_core.planning import make_plan
from tests.server.assertions import assert_problem
from tests.services.in_process import InProcess


def test_a_plan_is_the_plan_of_the_mathematics(sqlite_service: InProcess) -> None:
    answer = sqlite_service.post("/v1/plan", json={"domain_size": 1_000, "epsilon": "1", "phones": 50_000})
    assert answer.status_code == 200
    assert answer.json() == make_plan(1_000, epsilon="1", phones=50_000)


def test_a_float_epsilon_means_its_shortest_decimal(sqlite_service: InProcess) -> None:
    answer = sqlite_service.post("/v1/plan", json={"domain_size": 20, "epsilon": 0.1})
    assert answer.json()["epsilon"] == "0.1"


def test_epsilon_is_found_from_phones_and_target(sqlite_service: InProcess) -> None:
    answer = sqlite_service.post("/v1/plan", json={"domain_size": 1_000, "phones": 30_000, "target": 0.01})
    assert answer.json()["precision"]["half_width_rare_item"] <= 0.0101


@pytest.mark.parametrize(
    "body",
    [
        {"domain_size": 1, "epsilon": 1},
        {"domain_size": 10},
        {"domain_size": 10, "epsilon": 0},
        {"domain_size": 10, "epsilon": "1/" + "9" * 400},
        {"domain_size": 10, "epsilon": "many"},
        {"domain_size": 10, "epsilon": True},
        {"domain_size": 10, "epsilon": 1, "target": 1},
        {"domain_size": 10, "phones": 3, "target": 1e-9},
        {"domain_size": 10, "epsilon": 1, "target": 1e-200},
        {"domain_size": 10, "epsilon": 1, "phones": 0},
        {"domain_size": 1 << 40, "epsilon": 1},
        {"domain_size": 10, "epsilon": 1, "surprise": 1},
        {},
    ],
)
def test_what_cannot_be_planned_is_refused(sqlite_service: InProcess, body: dict[str, object]) -> None:
    assert_problem(sqlite_service.post("/v1/plan", json=body), 422, "invalid-parameters")


def test_a_tiny_target_is_refused_by_its_field(sqlite_service: InProcess) -> None:
    """Its square is 0 as a double, and the phones for it were a division by that."""
    for target in (5e-324, 1e-200, 9.9e-10):
        answer = sqlite_service.post("/v1/plan", json={"domain_size": 10, "epsilon": 1, "target": target})
        assert_problem(answer, 422, "invalid-parameters")
        assert [error["field"] for error in answer.json()["errors"]] == ["target"]
    answer = sqlite_service.post("/v1/plan", json={"domain_size": 10, "epsilon": 1, "target": 1e-9})
    assert answer.json()["phones_for_target"] > 1e18


def test_mechanisms_are_ranked(sqlite_service: InProcess) -> None:
    answer = sqlite_service.get("/v1/mechanisms", params={"epsilon": "2", "domain_size": 500})
    errors = [entry["over_optimum"] for entry in answer.json()["mechanisms"]]
    assert errors == sorted(errors)
    assert len(errors) >= 8
    assert_problem(sqlite_service.get("/v1/mechanisms", params={"epsilon": "no"}), 422, "invalid-parameters")
