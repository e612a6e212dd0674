"""Clients that were written against the snapshot keep working: the API only grows."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.contract.compatibility import SNAPSHOT, breaking_changes, current_document

REMEDY = (
    "If the change only adds, run `make openapi-snapshot` and commit the file with it. "
    "If it takes something away, it belongs under a new version prefix, see docs/operations.md."
)


@pytest.fixture(scope="module")
def promised() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(SNAPSHOT.read_text())
    return document


def test_nothing_that_clients_rely_on_is_gone(promised: dict[str, Any]) -> None:
    changes = breaking_changes(promised, current_document())
    assert not changes, "\n".join(["these changes break clients:", *changes, REMEDY])


def test_the_snapshot_is_current(promised: dict[str, Any]) -> None:
    assert promised == current_document(), REMEDY


def _drop_path(document: dict[str, Any]) -> None:
    del document["paths"]["/v1/collections/{collection_id}/reports"]


def _drop_method(document: dict[str, Any]) -> None:
    del document["paths"]["/v1/collections"]["get"]


def _drop_field(document: dict[str, Any]) -> None:
    del document["components"]["schemas"]["ItemOut"]["properties"]["low"]


def _drop_status(document: dict[str, Any]) -> None:
    del document["paths"]["/v1/collections/{collection_id}/reports"]["post"]["responses"]["410"]


def _drop_problem(document: dict[str, Any]) -> None:
    answer = document["paths"]["/v1/collections/{collection_id}/reports"]["post"]["responses"]["422"]
    answer["description"] = answer["description"].replace(" · batch-key-reused", "")


def _drop_parameter(document: dict[str, Any]) -> None:
    get = document["paths"]["/v1/collections/{collection_id}/estimates"]["get"]
    get["parameters"] = [entry for entry in get["parameters"] if entry["name"] != "top"]


def _demand_field(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["CreateCollection"]["required"].append("window")


def _demand_parameter(document: dict[str, Any]) -> None:
    new = {"name": "purpose", "in": "query", "required": True, "schema": {"type": "string"}}
    document["paths"]["/v1/mechanisms"]["get"]["parameters"].append(new)


def _change_type(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["EstimateOut"]["properties"]["n"]["type"] = "string"


def _narrow_request(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["CreateCollection"]["properties"]["name"]["maxLength"] = 10


def _narrow_epsilon(document: dict[str, Any]) -> None:
    epsilon = document["components"]["schemas"]["CreateCollection"]["properties"]["epsilon"]
    epsilon["anyOf"] = [option for option in epsilon["anyOf"] if option["type"] != "number"]


def _widen_answer(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["StateOut"]["properties"]["state"]["enum"].append("deleted")


def _make_optional(document: dict[str, Any]) -> None:
    document["components"]["schemas"]["ReceiptOut"]["required"].remove("replayed")


def _drop_media_type(document: dict[str, Any]) -> None:
    del document["paths"]["/v1/collections/{collection_id}/estimates"]["get"]["responses"]["200"]["content"]["text/csv"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_drop_path, "/v1/collections/{collection_id}/reports is gone"),
        (_drop_method, "GET /v1/collections is gone"),
        (_drop_field, "no longer has the field low"),
        (_drop_status, "no longer answers 410"),
        (_drop_problem, "'batch-key-reused'"),
        (_drop_parameter, "no longer takes the query parameter top"),
        (_demand_field, "POST /v1/collections body now demands the field window"),
        (_demand_parameter, "now demands the query parameter purpose"),
        (_change_type, "field n may now be string, and was integer"),
        (_narrow_request, "field name now has maxLength 10, and had 200"),
        (_narrow_epsilon, "field epsilon no longer takes number"),
        (_widen_answer, "field state may now be deleted"),
        (_make_optional, "no longer always has the field replayed"),
        (_drop_media_type, "no longer answers 200 as text/csv"),
    ],
)
def test_a_breaking_change_is_named(
    promised: dict[str, Any], change: Callable[[dict[str, Any]], None], words: str
) -> None:
    changed = copy.deepcopy(promised)
    change(changed)
    assert any(words in sentence for sentence in breaking_changes(promised, changed)), breaking_changes(
        promised, changed
    )


def test_additions_break_nothing(promised: dict[str, Any]) -> None:
    grown = copy.deepcopy(promised)
    schemas = grown["components"]["schemas"]
    grown["paths"]["/v1/new"] = {"get": {"responses": {"200": {"description": "new"}}}}
    grown["paths"]["/v1/mechanisms"]["get"]["parameters"].append(
        {"name": "limit", "in": "query", "required": False, "schema": {"type": "integer"}}
    )
    grown["paths"]["/v1/mechanisms"]["get"]["responses"]["429"] = {"description": "rate-limited"}
    schemas["EstimateOut"]["properties"]["note"] = {"type": "string"}
    schemas["EstimateOut"]["required"].append("note")
    schemas["CreateCollection"]["properties"]["note"] = {"type": "string"}
    schemas["CreateCollection"]["properties"]["name"]["maxLength"] = 400
    assert breaking_changes(promised, grown) == []
