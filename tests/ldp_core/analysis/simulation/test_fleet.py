"""Simulated fleets: what they find agrees with the formulas, a broken randomizer is found out, and big ones are refused."""

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ldp_core.analysis import Cancelled, Step
from ldp_core.analysis.errors import AnalysisError, TooLargeError
from ldp_core.analysis.simulation import fleet
from ldp_core.analysis.simulation.fleet import EXAMPLE, FleetRequest, from_json, predicted_seconds, run
from ldp_core.mechanisms import Mechanism, create, list_mechanisms

SMALL = {"name": "projective_geometry", "epsilon": "2", "domain_size": 20}


def request(**changes: Any) -> FleetRequest:
    return from_json({"mechanism": SMALL, "phones": 2_000, "repetitions": 20, **changes})


def plain(found: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(json.dumps(found.to_json(), allow_nan=False))
    return body


@pytest.mark.parametrize("name", list_mechanisms())
def test_every_mechanism_keeps_its_promise(name: str) -> None:
    """With other seeds, at most one in a hundred runs of these nine simulations would have one called off."""
    mechanism = {"name": name, "epsilon": "2", "domain_size": 20}
    body = plain(run(request(mechanism=mechanism, phones=20_000, repetitions=50, held_items=12)))
    found, error = body["result"], body["result"]["error"]
    assert body["verdict"] == "as_promised"
    assert abs(error["observed_over_promised"] - 1) < 5 * error["ratio_se"]  # 5 sigma, 9 mechanisms: < 1e-5
    assert error["ratio_se"] < 0.04
    assert found["coverage"]["pointwise"]["share"] == pytest.approx(0.95, abs=0.035)  # 5 sigma of 1,000 intervals
    assert found["coverage"]["simultaneous"]["share"] > 0.8  # 5 sigma of 50 fleets
    assert found["noise_floor"]["held_items"] == 12
    assert found["noise_floor"]["unheld_items"] == 8
    assert found["items"]["truth"] == sorted(found["items"]["truth"], reverse=True)
    assert body["params_effective"]["mechanism"]["parameters"] == dict(
        create(name, epsilon="2", domain_size=20).parameters
    )


class Altered:
    """A mechanism that randomizes as another one and decodes as itself."""

    def __init__(self, told: Mechanism, used: Mechanism) -> None:
        self._told, self._used = told, used

    def __getattr__(self, name: str) -> Any:
        return getattr(self._used if name == "randomize_many" else self._told, name)


def altered(asked: FleetRequest, used: Mechanism) -> FleetRequest:
    object.__setattr__(asked, "made", Altered(asked.made, used))
    return asked


def checks_below(found: Any, level: float) -> set[str]:
    return {one["check"] for one in found.diagnostics["checks"] if one["p_value"] < level}


@pytest.mark.parametrize("epsilon", ["1.9", "2.1"])
def test_a_randomizer_of_another_epsilon_is_found_out(epsilon: str) -> None:
    """Reports that are a twentieth more or less noisy than the decoder believes: large shares come out shrunk or stretched."""
    other = create("projective_geometry", epsilon=epsilon, domain_size=20, **create(**SMALL).parameters)  # type: ignore[arg-type]
    found = run(altered(request(phones=50_000, repetitions=50), other))
    assert found.verdict == "off"
    assert "bias" in checks_below(found, fleet.FALSE_ALARMS / 5)


class Clustered:
    """A mechanism whose phones come in pairs that throw the same coins: no bias, but twice the variance."""

    def __init__(self, inner: Mechanism) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def randomize_many(self, values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.repeat(self._inner.randomize_many(values[::2], rng), 2)[: len(values)]


def test_phones_that_share_their_coins_are_found_out() -> None:
    asked = request(population="weights", weights=[4] * 10 + [0] * 10)
    object.__setattr__(asked, "made", Clustered(asked.made))
    found = run(asked)
    assert found.verdict == "off"
    assert {"error", "pointwise"} <= checks_below(found, fleet.FALSE_ALARMS / 5)
    assert found.result["error"]["observed_over_promised"] == pytest.approx(np.sqrt(2), rel=0.1)


@pytest.mark.slow
def test_simulations_that_are_as_promised_are_seldom_called_off() -> None:
    """1,000 simulations of each kind at one in a thousand at most: more than 13 in 4,000 would happen once in 5,000 runs."""
    kinds = [
        ({"name": "randomized_response", "epsilon": "1", "domain_size": 2}, 2_000, 10),
        ({"name": "projective_geometry", "epsilon": "4", "domain_size": 150}, 1_000, 5),
        ({"name": "hadamard_response", "epsilon": "0.5", "domain_size": 20}, 1_000, 20),
        ({"name": "symmetric_unary_encoding", "epsilon": "1", "domain_size": 30}, 500, 3),
    ]
    off = 0
    for mechanism, phones, repetitions in kinds:
        for seed in range(1_000):
            asked = request(mechanism=mechanism, phones=phones, repetitions=repetitions, exponent=1.5, seed=seed)
            off += run(asked).verdict == "off"
    assert stats.binom.sf(13, 4_000, fleet.FALSE_ALARMS) < 2e-4
    assert off <= 13


def test_the_answer_is_that_of_the_plain_loop() -> None:
    """Against whole fleets made and decoded one by one, every number computed from the table of all estimates."""
    asked = request(phones=500, repetitions=7, top=4, held_items=9, seed=3)
    body = plain(run(asked))
    k, mechanism = 20, asked.made
    values = np.repeat(np.arange(k), asked.holdings.held)
    truth = asked.holdings.held / 500
    estimates = []
    for r in range(7):
        reports = mechanism.randomize_many(values, np.random.default_rng([3, r]))
        estimates.append(mechanism.decode(mechanism.tally(reports)))
    table = np.array([one.frequencies for one in estimates])  # (fleets, items)
    variances = np.array([mechanism.variance(500, f) for f in truth])
    found, items = body["result"], body["result"]["items"]
    shown = np.array(items["item"])
    squares = ((table - truth) ** 2).sum(axis=1)
    assert found["error"]["observed_over_promised"] == pytest.approx(np.sqrt(squares.mean() / variances.sum()))
    assert items["mean_estimate"] == pytest.approx(table.mean(axis=0)[shown])
    assert items["observed_standard_error"] == pytest.approx(np.sqrt(((table - truth) ** 2).mean(axis=0))[shown])
    inside = np.array([(i.interval(0.95).low <= truth) & (truth <= i.interval(0.95).high) for i in estimates])
    assert found["coverage"]["pointwise"]["share"] == pytest.approx(inside.mean())
    z = (table.mean(axis=0) - truth) * np.sqrt(7 / variances)
    assert found["bias"]["max_abs_z"] == pytest.approx(np.abs(z).max())
    assert found["bias"]["item"] == np.abs(z).argmax()
    best, largest = set(np.argsort(-truth, kind="stable")[:4]), np.argsort(-table, axis=1)[:, :4]
    assert len(set(truth[:5])) == 5  # no ties among the largest, so that "belongs" has one meaning
    assert found["top_k"]["precision"] == pytest.approx(np.mean([len(best & set(row)) / 4 for row in largest]))
    floors = [one.noise_floor(0.95) for one in estimates]
    above = table > np.array(floors)[:, None]
    assert found["noise_floor"]["floor"] == pytest.approx(np.mean(floors))
    assert found["noise_floor"]["found_items"] == pytest.approx(above[:, truth > 0].sum(axis=1).mean())
    assert found["noise_floor"]["false_discoveries"] == pytest.approx(above[:, truth == 0].sum(axis=1).mean())


def test_the_largest_of_many_normal_numbers_is_what_it_is_said_to_be() -> None:
    draws = np.abs(np.random.default_rng(0).standard_normal((20_000, 20))).max(axis=1)
    bias = run(request()).result["bias"]
    assert np.mean(draws < bias["null_50"]) == pytest.approx(0.5, abs=0.018)  # 5 sigma
    assert np.mean(draws < bias["null_99"]) == pytest.approx(0.99, abs=0.004)


def test_fleets_of_many_parts_are_fleets_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(request(phones=3_000))
    steps: list[Step] = []
    monkeypatch.setattr(fleet, "phones_at_once", lambda _: 700)
    parts = run(request(phones=3_000), progress=steps.append)
    assert parts.verdict == whole.verdict == "as_promised"
    assert [step.done for step in steps[:6]] == [700, 1400, 2100, 2800, 3000, 3700]
    assert (steps[-1].done, steps[-1].total, steps[-1].unit) == (60_000, 60_000, "phones")
    assert steps[0].metric_value is None
    assert steps[-1].metric_value == pytest.approx(1, abs=0.2)


def test_it_stops_between_two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "phones_at_once", lambda _: 100)
    seen: list[Step] = []

    def watch(step: Step) -> None:
        seen.append(step)
        if step.done >= 500:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(request(), progress=watch)
    assert len(seen) == 5


def test_ties_in_the_truth_are_all_right() -> None:
    assert run(request(population="uniform", top=3)).result["top_k"]["precision"] == 1
    assert run(request(top=500)).result["top_k"] == {"k": 20, "precision": 1.0, "precision_se": 0.0}


def test_more_held_items_than_there_are_are_all_of_them() -> None:
    assert plain(run(request(held_items=500)))["result"] == plain(run(request()))["result"]


def test_few_reports_and_single_fleets_are_said() -> None:
    rare = {"name": "randomized_response", "epsilon": "1", "domain_size": 500}
    assert "few_reports" in run(request(mechanism=rare, phones=300, repetitions=2)).warnings
    assert run(request(phones=10**6, repetitions=1)).warnings == ("one_fleet",)
    assert run(request(phones=1, repetitions=2)).verdict in fleet.VERDICTS


@pytest.mark.parametrize("seed", range(12))
def test_fleets_of_one_phone_that_all_say_the_same_have_an_answer(seed: int) -> None:
    coin = {"name": "randomized_response", "epsilon": "3", "domain_size": 2}
    body = plain(run(request(mechanism=coin, phones=1, repetitions=2, seed=seed)))
    assert body["verdict"] in fleet.VERDICTS
    assert "few_reports" in body["warnings"]


@pytest.mark.parametrize("name", list_mechanisms())
@pytest.mark.parametrize(("items", "phones", "repetitions"), [(2, 1, 2), (5, 1_000, 3), (30, 7, 1)])
def test_phones_that_never_lie_are_as_promised(name: str, items: int, phones: int, repetitions: int) -> None:
    """At epsilon = 24 a phone lies once in billions of reports, so every error is far below the promised one, nearly always."""
    mechanism = {"name": name, "epsilon": "24", "domain_size": items}
    body = plain(run(request(mechanism=mechanism, phones=phones, repetitions=repetitions)))
    assert body["verdict"] == "as_promised"
    assert "few_reports" in body["warnings"]
    assert "non_finite_values" not in body["warnings"]


def test_seeds_decide_and_nothing_else_does() -> None:
    one, again, other = (plain(run(request(seed=seed))) for seed in (1, 1, 2))
    assert one == again
    assert one["series"] != other["series"]


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"mechanism": {"name": "astrology", "epsilon": 1, "domain_size": 5}}, "unknown_mechanism", "mechanism"),
        ({"mechanism": "projective_geometry"}, "wrong_type", "mechanism"),
        ({"population": "weights"}, "missing_field", "weights"),
        ({"weights": [1] * 20}, "unknown_field", "weights"),
        ({"population": "weights", "weights": [1] * 19}, "wrong_shape", "weights"),
        ({"population": "weights", "weights": [1] * 19 + [-1]}, "out_of_range", "weights"),
        ({"population": "weights", "weights": [0] * 20}, "out_of_range", "weights"),
        ({"population": "weights", "weights": [1] * 19 + [float("inf")]}, "non_finite", "weights"),
        ({"population": "weights", "weights": [1] * 20, "held_items": 3}, "unknown_field", "held_items"),
        ({"held_items": 0}, "out_of_range", "held_items"),
        ({"phones": 0}, "out_of_range", "phones"),
        ({"repetitions": 201}, "out_of_range", "repetitions"),
        ({"confidence": 0.4}, "out_of_range", "confidence"),
        ({"counts": [1, 2]}, "unknown_field", "counts"),
    ],
)
def test_what_cannot_be_simulated_is_refused_by_field(changes: dict[str, Any], code: str, field: str) -> None:
    with pytest.raises(AnalysisError) as refusal:
        request(**changes)
    assert (refusal.value.code, refusal.value.field) == (code, field)


def test_what_would_take_too_long_or_too_much_room_is_refused_before_it_begins() -> None:
    for mechanism, phones in (
        ({"name": "optimized_local_hashing", "epsilon": "1", "domain_size": 100_000}, 10**6),
        ({"name": "randomized_response", "epsilon": "1", "domain_size": 10**7}, 10),
        ({"name": "projective_geometry", "epsilon": "5", "domain_size": 10**6}, 10**7),
    ):
        with pytest.raises(TooLargeError):
            request(mechanism=mechanism, phones=phones, repetitions=200, held_items=20)


def test_more_phones_and_more_fleets_take_longer() -> None:
    base = predicted_seconds(request())
    assert base < predicted_seconds(request(phones=200_000)) < predicted_seconds(request(phones=400_000))
    assert base < predicted_seconds(request(repetitions=40))
    assert predicted_seconds(from_json(EXAMPLE)) < 2
