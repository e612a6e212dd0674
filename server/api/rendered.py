"""Answers that are made as bytes in the background: JSON or CSV, each with an ETag and where it came from."""

from typing import Any

from fastapi import Request, Response

from server.api.devices import matches
from server.api.openapi import problems
from server.services.estimate_views import Rendered

__all__ = ["rendered_answers", "rendered_response"]


def rendered_answers(each: str) -> dict[int | str, dict[str, Any]]:
    """What such a route may answer. each: what a row of the CSV is about."""
    return {
        200: {
            "description": f"JSON, or CSV with one header row and one row for each {each}",
            "content": {"text/csv": {}},
        },
        304: {"description": "The reports are still the same"},
        **problems(
            "unknown-token",
            "insufficient-scope",
            "unknown-collection",
            "not-enough-reports",
            "invalid-parameters",
            "database-unavailable",
        ),
    }


def rendered_response(request: Request, rendered: Rendered) -> Response:
    """The bytes, or 304 for a client that has them."""
    headers = {"ETag": rendered.etag, "Cache-Control": "no-cache", "Fano-Provenance": rendered.provenance}
    if matches(request.headers.get("if-none-match"), rendered.etag):
        return Response(status_code=304, headers=headers)
    return Response(rendered.content, headers=headers, media_type=rendered.media_type)
