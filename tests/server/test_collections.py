"""Collections over HTTP: made once, described the same everywhere, moved only along the state machine."""

import json
from fractions import Fraction
from itertools import product

import pytest

from ldp_core.mechanisms import create as create_mechanism
from ldp_core.wire import CollectionSpec
from ldp_core.wire.canonical_json import sha256_hex
from tests.services.collection import QUESTION, create
from tests.services.in_process import ADMIN, InProcess

LEGAL = {
    ("draft", "open"): "open",
    ("open", "pause"): "paused",
    ("paused", "open"): "open",
    ("open", "close"): "closed",
    ("paused", "close"): "closed",
}
WAY_TO = {"draft": (), "open": ("open",), "paused": ("open", "pause"), "closed": ("open", "close")}


def test_creation_answers_everything_once(service: InProcess) -> None:
    answer = service.post("/v1/collections", json=QUESTION, headers=ADMIN)
    assert answer.status_code == 201
    created = answer.json()
    assert answer.headers["location"] == f"/v1/collections/{created['id']}"
    assert created["state"] == "draft"
    assert created["version"] == 1
    mechanism = create_mechanism("projective_geometry", epsilon="1", domain_size=3)
    assert created["parameters"] == mechanism.parameters
    assert Fraction(created["likelihood_ratio"]) == mechanism.likelihood_ratio
    assert int(created["threshold"]) == mechanism.threshold
    assert created["report_space"] == mechanism.report_space
    assert created["plan"]["report_bits"] == mechanism.report_bits
    assert created["plan"]["standard_error_at_10000_reports"] == pytest.approx(mechanism.variance(10_000, 0) ** 0.5)
    assert created["plan"]["total_error_over_optimum"] >= 1
    again = service.get(answer.headers["location"], headers=ADMIN).json()
    assert again == {key: value for key, value in created.items() if key != "write_key"} | {"n": 0}
    assert service.get("/v1/collections", headers=ADMIN).json() == {"collections": [again]}


def test_the_served_spec_is_what_its_digest_names(service: InProcess) -> None:
    collection = create(service.post)
    answer = service.get(f"/c/{collection.id}/spec")
    assert answer.status_code == 200
    assert answer.headers["etag"] == f'"{collection.created["spec_digest"]}"'
    assert answer.headers["cache-control"] == "max-age=3600"
    spec = CollectionSpec.parse(answer.content, digest=collection.created["spec_digest"])
    assert spec.domain is not None
    assert list(spec.domain.items) == QUESTION["items"]
    assert spec.limits.reports_per_batch == 10_000
    unchanged = service.get(f"/c/{collection.id}/spec", headers={"If-None-Match": answer.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == answer.headers["etag"]


def test_a_long_domain_is_fetched_from_its_own_address(service: InProcess) -> None:
    items = [f"{'word ' * 10}{number}" for number in range(2_000)]
    collection = create(service.post, items=items)
    raw = service.get(f"/c/{collection.id}/spec").content
    document = json.loads(raw)
    assert "items" not in document
    answer = service.get(document["items_url"])
    assert sha256_hex(answer.content) == document["items_digest"] == answer.headers["etag"].strip('"')
    spec = CollectionSpec.parse(raw, digest=collection.created["spec_digest"], items=answer.content)
    assert spec.domain is not None
    assert list(spec.domain.items) == items
    assert service.get(document["items_url"], headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_a_collection_of_bare_indices_has_no_items(service: InProcess) -> None:
    collection = create(service.post, items=None, domain_size=50)
    assert collection.created["domain_size"] == 50
    assert service.get(f"/c/{collection.id}/items").status_code == 404


@pytest.mark.parametrize(
    ("given", "exact"), [("1/3", "1/3"), (0.1, "0.1"), (2, "2"), ("0.50", "0.5"), (1e-05, "0.00001"), (1.0, "1")]
)
def test_epsilon_is_kept_exactly(sqlite_service: InProcess, given: str | float, exact: str) -> None:
    assert create(sqlite_service.post, epsilon=given).created["epsilon"] == exact


@pytest.mark.parametrize("state", WAY_TO)
def test_every_move_is_legal_or_refused(service: InProcess, state: str) -> None:
    for verb in ("open", "pause", "close"):
        collection = create(service.post, opened=False)
        for step in WAY_TO[state]:
            service.post(f"/v1/collections/{collection.id}/{step}", headers=ADMIN)
        answer = service.post(f"/v1/collections/{collection.id}/{verb}", headers=ADMIN)
        if (state, verb) in LEGAL:
            assert answer.status_code == 200
            assert answer.json() == {"id": collection.id, "state": LEGAL[state, verb]}
        else:
            assert answer.status_code == 409
            assert answer.json()["type"] == "urn:fanoplane:problem:illegal-transition"
            assert answer.json()["state"] == state


@pytest.mark.parametrize(("state", "path"), list(product(WAY_TO, ("spec", "items"))))
def test_what_devices_see_depends_on_the_state(sqlite_service: InProcess, state: str, path: str) -> None:
    collection = create(sqlite_service.post, opened=False)
    for step in WAY_TO[state]:
        sqlite_service.post(f"/v1/collections/{collection.id}/{step}", headers=ADMIN)
    answer = sqlite_service.get(f"/c/{collection.id}/{path}")
    assert answer.status_code == {"draft": 404, "open": 200, "paused": 200, "closed": 410}[state]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"epsilon": "0"}, "epsilon"),
        ({"epsilon": "lots"}, "epsilon"),
        ({"epsilon": True}, "epsilon"),
        ({"epsilon": "1e3"}, "epsilon"),
        ({"items": ["only one"]}, "items"),
        ({"items": ["a", "a"]}, "items"),
        ({"items": None}, "body"),
        ({"domain_size": 3}, "body"),
        ({"items": None, "domain_size": 1}, "domain_size"),
        ({"items": None, "domain_size": 1 << 40}, "domain_size"),
        ({"mechanism": "magic"}, "parameters"),
        ({"parameters": {"q": 6, "t": 3}}, "parameters"),
        ({"parameters": {"q": 2}}, "parameters"),
        ({"parameters": {"q": 2, "t": 1_000_000}}, "parameters"),
        ({"parameters": {"q": 2, "t": 30}}, "parameters"),
        ({"parameters": {"q": "2", "t": 3}}, "parameters.q"),
        ({"window": "PT1M"}, "window"),
        ({"min_reports": -1}, "min_reports"),
        ({"name": ""}, "name"),
        ({"question": "what\x00?"}, "question"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_impossible_collection_is_refused_by_field(
    sqlite_service: InProcess, changes: dict[str, object], field: str
) -> None:
    body = {name: value for name, value in {**QUESTION, **changes}.items() if value is not None}
    answer = sqlite_service.post("/v1/collections", json=body, headers=ADMIN)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["type"] == "urn:fanoplane:problem:invalid-parameters"
    assert field in [error["field"] for error in problem["errors"]], problem
    assert all(error["message"] for error in problem["errors"])
    assert sqlite_service.get("/v1/collections", headers=ADMIN).json() == {"collections": []}
