"""Each command against the contract: data on stdout, talk on stderr."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ldp_core.estimation import optimal_total_squared_error
from ldp_core.mechanisms import create
from tests.client.cli.conftest import Fano
from tests.client.fake_service import FakeService


def created(fano: Fano, *extra: str) -> dict[str, Any]:
    base = ["collection", "create", "--name", "Emoji", "--question", "Which?", "--epsilon", "3", "--json"]
    result = fano(*base, *(extra or ("--population", "emoji", "--population-items", "30")))
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def filled(fano: Fano, phones: int = 4_000) -> str:
    collection = created(fano)
    assert fano("collection", "open", collection["id"]).exit_code == 0
    command = [
        "simulate",
        collection["id"],
        "--write-key",
        collection["write_key"],
        "--population",
        "emoji",
        "--seed",
        "1",
    ]
    assert fano(*command, "--phones", str(phones), "--json").exit_code == 0
    return str(collection["id"])


def test_a_collection_from_draft_to_closed(fano: Fano, service: FakeService) -> None:
    collection = created(fano)["id"]
    for move, state in (("open", "open"), ("pause", "paused"), ("open", "open"), ("close", "closed")):
        result = fano("collection", move, collection, "--json")
        assert json.loads(result.stdout) == {"id": collection, "state": state}
    result = fano("collection", "open", collection)
    assert type(result.exception).__name__ == "ServiceRefusal"
    assert "Closing is final" in str(result.exception)
    assert json.loads(fano("collection", "list", "--json").stdout)["collections"][0]["state"] == "closed"
    assert "closed" in fano("collection", "show", collection).stdout


def test_create_sends_what_it_was_told(fano: Fano, service: FakeService, tmp_path: Path) -> None:
    (tmp_path / "answers.txt").write_text("yes\nno\n\nperhaps\n", encoding="utf-8")
    one = created(
        fano,
        "--items-file",
        str(tmp_path / "answers.txt"),
        "-p",
        "q=2",
        "-p",
        "t=3",
        "--window",
        "PT1H",
        "--min-reports",
        "5",
    )
    assert one["parameters"] == {"q": 2, "t": 3}
    domain = service.collections[one["id"]].spec.domain
    assert domain is not None
    assert list(domain.items) == ["yes", "no", "perhaps"]
    body = json.loads(service.seen[-1].body)
    assert (body["window"], body["min_reports"], body["epsilon"]) == ("PT1H", 5, "3")
    (tmp_path / "answers.json").write_text('["a", "b"]', encoding="utf-8")
    assert created(fano, "--items-file", str(tmp_path / "answers.json"))["domain_size"] == 2
    assert created(fano, "--domain-size", "500")["domain_size"] == 500


def test_the_write_key_is_shown_once_and_not_among_the_data(fano: Fano, service: FakeService) -> None:
    result = fano("collection", "create", "--name", "n", "--question", "q", "--epsilon", "1", "--domain-size", "9")
    key = service.collections["c1"].write_key
    assert key in result.stderr
    assert key not in result.stdout
    assert key not in fano("collection", "show", "c1", "--json").stdout


@pytest.mark.parametrize(
    "extra",
    [(), ("--domain-size", "5", "--population", "emoji"), ("--domain-size", "5", "-p", "q"), ("--domain-size", "1")],
)
def test_wrong_usage_of_create_sends_nothing(fano: Fano, service: FakeService, extra: tuple[str, ...]) -> None:
    result = fano("collection", "create", "--name", "n", "--question", "q", "--epsilon", "1", *extra)
    assert result.exit_code == 2
    assert not service.seen


def test_items_that_are_not_json_are_a_matter_of_usage(fano: Fano, tmp_path: Path) -> None:
    for text in ("[1, 2]", "{"):
        (tmp_path / "x.json").write_text(text, encoding="utf-8")
        base = ["collection", "create", "--name", "n", "--question", "q", "--epsilon", "1"]
        assert fano(*base, "--items-file", str(tmp_path / "x.json")).exit_code == 2


def test_simulate_counts_every_phone(fano: Fano, service: FakeService) -> None:
    collection = created(fano)
    fano("collection", "open", collection["id"])
    command = ["simulate", collection["id"], "--write-key", collection["write_key"], "--seed", "4", "--phones", "90"]
    document = json.loads(fano(*command, "--population", "zipf", "--faults", "--one-by-one", "--json").stdout)
    assert document["accepted"] == 90 == sum(document["true_counts"].values())
    assert document["counted_twice"] == document["failed"] == 0
    result = fano(*command, "--population", "uniform")
    assert "accepted" in result.stdout
    assert "known here, and only here" in result.stderr
    assert len(service.collections[collection["id"]].messages) == 180


def test_simulate_with_a_wrong_key_fails_and_says_why(fano: Fano) -> None:
    collection = created(fano)
    fano("collection", "open", collection["id"])
    result = fano(
        "simulate", collection["id"], "--write-key", "wrong", "--population", "emoji", "--phones", "10", "--json"
    )
    assert result.exit_code == 1
    assert "10 phones failed" in result.stderr
    assert "Unknown token" in result.stderr


def test_estimates_never_come_without_interval_n_and_epsilon(fano: Fano) -> None:
    collection = filled(fano)
    table = fano("estimate", collection)
    assert "95 % interval" in table.stdout
    assert "n = 4,000 reports, epsilon = 3" in table.stderr
    rows = list(csv.DictReader(io.StringIO(fano("estimate", collection, "--format", "csv").stdout)))
    assert len(rows) == 30
    assert {(row["n"], row["epsilon"], row["confidence"]) for row in rows} == {("4000", "3", "0.95")}
    assert all(float(row["low"]) <= float(row["estimate"]) <= float(row["high"]) for row in rows)
    document = json.loads(fano("estimate", collection, "--json", "--top", "3", "--confidence", "0.99").stdout)
    assert document["confidence"] == 0.99
    assert [item["estimate"] for item in document["items"]] == sorted(
        (i["estimate"] for i in document["items"]), reverse=True
    )
    assert len(document["items"]) == 3


def test_no_report_yet_is_a_sentence(fano: Fano) -> None:
    result = fano("estimate", created(fano)["id"])
    assert "Wait for more reports" in str(result.exception)


def test_an_empty_list_says_what_to_do(fano: Fano) -> None:
    result = fano("collection", "list")
    assert result.stdout == ""
    assert "fano collection create" in result.stderr


def test_plan_agrees_with_the_closed_forms(fano: Fano) -> None:
    document = json.loads(fano("plan", "--epsilon", "1", "--items", "1000", "--phones", "5000", "--json").stdout)
    mechanism = create(document["mechanism"], epsilon=1, domain_size=1000, **document["parameters"])
    assert document["report_bits"] == int(np.ceil(np.log2(mechanism.report_space)))
    optimum = optimal_total_squared_error(mechanism.epsilon, 1000)
    assert document["over_optimum"] == pytest.approx(mechanism.total_squared_error() / optimum)
    assert document["precision"]["standard_error_rare_item"] == pytest.approx(np.sqrt(mechanism.variance(5000, 0.0)))
    # With that many phones the half-width 1.96 σ is one point, and with one phone fewer it is more.
    n = document["phones_for_target"]
    assert 1.959964 * np.sqrt(mechanism.variance(n, 0.0)) <= 0.01 + 1e-9
    assert 1.959964 * np.sqrt(mechanism.variance(n - 1, 0.0)) > 0.01 - 1e-9
    assert document["phones_for_target_any_item"] >= n
    shown = fano("plan", "--epsilon", "1", "--items", "1000")
    assert "phones for ±1 point at epsilon = 1" in shown.stderr
    assert "phones for ± 1 point " in shown.stdout
    assert document["mechanism"] in shown.stdout


def test_plan_finds_the_epsilon_for_a_number_of_phones(fano: Fano) -> None:
    document = json.loads(fano("plan", "--items", "1000", "--phones", "30000", "--target", "1", "--json").stdout)
    assert document["precision"]["half_width_rare_item"] <= 0.0101
    assert float(document["epsilon"]) == pytest.approx(1.93, abs=0.05)
    refused = fano("plan", "--items", "1000")
    assert refused.exit_code == 1
    assert "give epsilon, or give phones" in str(refused.exception)


def test_mechanisms_are_ranked_by_error(fano: Fano) -> None:
    document = json.loads(fano("mechanisms", "--json").stdout)
    errors = [one["over_optimum"] for one in document["mechanisms"]]
    assert errors == sorted(errors)
    assert {"projective_geometry", "spread"} <= {one["mechanism"] for one in document["mechanisms"]}
    assert "projective_geometry" in fano("mechanisms", "--epsilon", "2", "--items", "50").stdout


def test_no_colour_and_no_control_characters_in_a_pipe(fano: Fano) -> None:
    collection = filled(fano, 500)
    for command in (["estimate", collection], ["mechanisms"], ["collection", "list"]):
        result = fano(*command)
        assert "\x1b" not in result.stdout + result.stderr
