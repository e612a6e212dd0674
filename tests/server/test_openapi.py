"""The OpenAPI document tells the truth about every route."""

import re
from typing import Any

import pytest
from starlette.routing import Route

from server.api.problems import PROBLEMS
from server.app import create_app
from tests.server.assertions import assert_problem
from tests.services.in_process import ADMIN, InProcess, settings


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app = create_app(settings("sqlite:///never-opened.sqlite3"))
    document: dict[str, Any] = app.openapi()
    assert app.openapi() is document
    return document


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (m.upper(), path): operation for path, methods in document["paths"].items() for m, operation in methods.items()
    }


def test_every_route_is_described(document: dict[str, Any]) -> None:
    assert set(operations(document)) == {
        ("POST", "/v1/collections"),
        ("GET", "/v1/collections"),
        ("GET", "/v1/collections/{collection_id}"),
        ("POST", "/v1/collections/{collection_id}/open"),
        ("POST", "/v1/collections/{collection_id}/pause"),
        ("POST", "/v1/collections/{collection_id}/close"),
        ("POST", "/v1/collections/{collection_id}/reports"),
        ("GET", "/v1/collections/{collection_id}/estimates"),
        ("GET", "/v1/collections/{collection_id}/intake"),
        ("GET", "/v1/collections/{collection_id}/privacy"),
        ("PATCH", "/v1/collections/{collection_id}"),
        ("DELETE", "/v1/collections/{collection_id}"),
        ("GET", "/v1/collections/{collection_id}/versions"),
        ("POST", "/v1/collections/{collection_id}/versions"),
        ("GET", "/v1/operations/{operation_id}"),
        ("GET", "/v1/collections/{collection_id}/keys"),
        ("POST", "/v1/collections/{collection_id}/keys"),
        ("DELETE", "/v1/collections/{collection_id}/keys/{key_id}"),
        ("GET", "/v1/tokens"),
        ("POST", "/v1/tokens"),
        ("DELETE", "/v1/tokens/{token_id}"),
        ("GET", "/v1/audit-log"),
        ("GET", "/v1/collections/{collection_id}/series"),
        ("POST", "/v1/collections/{collection_id}/compare"),
        ("GET", "/c/{collection_id}/spec"),
        ("GET", "/c/{collection_id}/items"),
        ("POST", "/v1/plan"),
        ("GET", "/v1/mechanisms"),
        ("GET", "/v1/analysis"),
        ("POST", "/v1/analysis/{path}"),
        ("POST", "/v1/collections/{collection_id}/top-k"),
        ("POST", "/v1/collections/{collection_id}/utilities"),
        ("GET", "/v1/collections/{collection_id}/labels"),
        ("GET", "/v1/arrays"),
        ("POST", "/v1/arrays"),
        ("GET", "/v1/arrays/{array_id}"),
        ("DELETE", "/v1/arrays/{array_id}"),
        ("GET", "/v1/jobs"),
        ("GET", "/v1/jobs/{job_id}"),
        ("DELETE", "/v1/jobs/{job_id}"),
        ("GET", "/v1/jobs/{job_id}/events"),
        ("GET", "/healthz"),
        ("GET", "/metrics"),
        ("GET", "/readyz"),
        ("GET", "/version"),
    }


def test_the_upload_route_is_described_by_hand_and_is_there(document: dict[str, Any]) -> None:
    app = create_app(settings("sqlite:///never-opened.sqlite3"))
    assert [route.path for route in app.routes if isinstance(route, Route) and route.path.endswith("/reports")]
    upload = operations(document)["POST", "/v1/collections/{collection_id}/reports"]
    assert set(upload["responses"]) == {
        "200",
        "400",
        "401",
        "403",
        "404",
        "409",
        "410",
        "413",
        "415",
        "422",
        "429",
        "500",
        "503",
    }
    assert upload["security"] == [{"writeKey": []}]


def test_every_error_is_a_problem_document(document: dict[str, Any]) -> None:
    for (method, path), operation in operations(document).items():
        for status, answer in operation["responses"].items():
            if int(status) < 400 or (path, status) == ("/readyz", "503"):
                continue
            assert answer["content"] == {
                "application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemOut"}}
            }, (method, path, status)
            slugs = answer["description"].split(" · ")
            assert {PROBLEMS[slug].status for slug in slugs} == {int(status)}
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_routes_that_take_parameters_document_their_422(document: dict[str, Any]) -> None:
    for key in (
        ("POST", "/v1/collections"),
        ("POST", "/v1/collections/{collection_id}/reports"),
        ("GET", "/v1/collections/{collection_id}/estimates"),
    ):
        assert "invalid-parameters" in operations(document)[key]["responses"]["422"]["description"]


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found: list[str] = []

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            found.extend(value for key, value in node.items() if key == "$ref")
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)
    assert found
    assert {reference.removeprefix("#/components/schemas/") for reference in found} <= set(
        document["components"]["schemas"]
    )


READING = {
    "/v1/collections",
    "/v1/collections/{collection_id}",
    "/v1/collections/{collection_id}/versions",
    "/v1/collections/{collection_id}/estimates",
    "/v1/collections/{collection_id}/intake",
    "/v1/collections/{collection_id}/labels",
    "/v1/collections/{collection_id}/privacy",
    "/v1/collections/{collection_id}/series",
}
ASKING = {  # with any method: they change nothing that is an administrator's
    "/v1/collections/{collection_id}/compare",
    "/v1/collections/{collection_id}/top-k",
    "/v1/collections/{collection_id}/utilities",
    "/v1/analysis",
    "/v1/analysis/{path}",
    "/v1/arrays",
    "/v1/arrays/{array_id}",
    "/v1/jobs",
    "/v1/jobs/{job_id}",
    "/v1/jobs/{job_id}/events",
}


def test_each_route_names_the_token_it_needs(document: dict[str, Any]) -> None:
    for (method, path), operation in operations(document).items():
        if path.startswith("/v1/") and path not in {"/v1/plan", "/v1/mechanisms"} and not path.endswith("/reports"):
            wanted = "analystToken" if path in ASKING or (method == "GET" and path in READING) else "adminToken"
            assert operation["security"] == [{wanted: []}], (method, path)


def test_every_address_refuses_a_parameter_it_does_not_have(
    document: dict[str, Any], sqlite_service: InProcess
) -> None:
    """All but the upload of phones, which looks at no query."""
    asked = operations(document).keys() - {("POST", "/v1/collections/{collection_id}/reports")}
    for method, path in asked:
        answer = sqlite_service.request(method, f"{re.sub('{.*?}', 'x', path)}?misspelt=1", headers=ADMIN)
        assert_problem(answer, 422, "invalid-parameters")
        assert answer.json()["errors"][0]["field"] == "misspelt", (method, path)


def test_no_parameter_is_said_to_be_null(document: dict[str, Any]) -> None:
    """None can be in a header or an address, and whoever sends the word is refused."""
    parameters = [
        parameter
        for operations in document["paths"].values()
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
    ]
    assert len(parameters) > 50
    assert not [parameter for parameter in parameters if "null" in str(parameter["schema"])]
