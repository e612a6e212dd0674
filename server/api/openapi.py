"""The OpenAPI document: what FastAPI finds by itself, the upload route by hand, and one shape for every error."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ldp_core.wire import PACKED_MEDIA_TYPE
from server.api.admin_schemas import CreateKey, CreateToken
from server.api.collection_schemas import CreateCollection
from server.api.comparison_schemas import CompareRequest
from server.api.lifecycle_schemas import CreateVersion, PatchCollection
from server.api.plan_schemas import PlanRequest
from server.api.problems import MEDIA_TYPE, PROBLEMS
from server.api.service_schemas import ProblemOut
from server.api.upload_schemas import ReceiptOut, ReportsIn

__all__ = ["REPORTS_PATH", "install_openapi", "json_body", "problems"]

REPORTS_PATH = "/v1/collections/{collection_id}/reports"

_REFERENCE = "#/components/schemas/"
_BY_HAND = (
    CompareRequest,
    CreateCollection,
    CreateKey,
    CreateToken,
    CreateVersion,
    PatchCollection,
    PlanRequest,
    ProblemOut,
    ReceiptOut,
    ReportsIn,
)
_UPLOAD_PROBLEMS = [
    "malformed-body",
    "unknown-token",
    "insufficient-scope",
    "unknown-collection",
    "collection-not-open",
    "collection-paused",
    "collection-closed",
    "too-large",
    "unsupported-media-type",
    "spec-mismatch",
    "message-out-of-range",
    "batch-key-reused",
    "window-closed",
    "invalid-parameters",
    "rate-limited",
    "overloaded",
    "database-unavailable",
    "internal",
]


def problems(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these problem types (and, as any route, with `malformed-request` or `internal`)."""
    by_status: dict[int, list[str]] = defaultdict(list)
    for slug in (*slugs, "malformed-request", "internal"):
        by_status[PROBLEMS[slug].status].append(slug)
    return {
        status: {"description": " · ".join(names), "content": {MEDIA_TYPE: {"schema": _schema("ProblemOut")}}}
        for status, names in sorted(by_status.items())
    }


def json_body(model: str) -> dict[str, Any]:
    """The `openapi_extra` of a route that reads a body of this model itself."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": _schema(model)}}}}


def _schema(model: str) -> dict[str, str]:
    return {"$ref": _REFERENCE + model}


def install_openapi(app: FastAPI) -> None:
    """Replace the app's document with the complete one."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    components = document.setdefault("components", {})
    schemas: dict[str, Any] = components.setdefault("schemas", {})
    for model in _BY_HAND:
        schema = model.model_json_schema(ref_template=_REFERENCE + "{model}")
        schemas.update(schema.pop("$defs", {}))
        schemas[model.__name__] = schema
    components.setdefault("securitySchemes", {})["writeKey"] = {
        "type": "http",
        "scheme": "bearer",
        "description": "The write key of the collection, the same for every phone: it keeps out noise and proves nothing.",
    }
    _drop_framework_errors(document)
    _drop_null_parameters(document)
    document["paths"][REPORTS_PATH] = {"post": _upload_operation()}
    return document


def _drop_framework_errors(document: dict[str, Any]) -> None:
    """FastAPI adds its own 422 to each route with a parameter; those that can answer 422 say so themselves."""
    schemas = document["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for operations in document["paths"].values():
        for operation in operations.values():
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                del operation["responses"]["422"]


def _drop_null_parameters(document: dict[str, Any]) -> None:
    """A header or a part of an address may be left out, and cannot be null: FastAPI describes both alike."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                schema = parameter["schema"]
                kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
                if len(kinds) == 1:
                    del schema["anyOf"]
                    schema |= kinds[0]


def _upload_operation() -> Mapping[str, Any]:
    responses: dict[str, Any] = {
        "200": {
            "description": "Stored durably. The same batch again gets the same answer and counts once.",
            "content": {"application/json": {"schema": _schema("ReceiptOut")}},
        }
    }
    responses |= {str(status): answer for status, answer in problems(*_UPLOAD_PROBLEMS[:-1]).items()}
    return {
        "tags": ["devices"],
        "summary": "Upload a batch of reports",
        "description": "Answers after the commit. Keep the batch, unchanged, until it is answered with 200.",
        "operationId": "upload_reports",
        "security": [{"writeKey": []}],
        "parameters": [{"name": "collection_id", "in": "path", "required": True, "schema": {"type": "string"}}],
        "responses": responses,
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _schema("ReportsIn")},
                PACKED_MEDIA_TYPE: {
                    "schema": {"type": "string", "format": "binary", "description": "see docs/wire.md", "minLength": 44}
                },
            },
        },
    }
