"""Estimates to take away: the same bytes as the API gives, all items, for who is logged in here."""

import asyncio
from typing import Literal

from starlette.responses import Response

from server.dashboard.visits import Visit
from server.refusals import InvalidParameters
from server.services.estimate_views import EstimateView
from server.services.estimates import Asked

__all__ = ["export_estimates"]


async def export_estimates(visit: Visit) -> Response:
    """All items as CSV or JSON, to be saved as a file."""
    row, _ = await visit.collection()
    query = visit.query
    post = query.text("post") or "none"
    view = EstimateView(
        confidence=query.number("confidence", 0.95, 0, 1),
        format=_format(visit.request.path_params["format"]),
        post=() if post == "none" else (post,),
    )
    asked = Asked(window=query.text("window") or None, cohort=query.text("cohort") or None)
    done = await asyncio.wrap_future(visit.services.estimates.submit(row.id, asked, view.render, row.version))
    headers = {
        "Content-Disposition": f'attachment; filename="estimates-{row.id}.{view.format}"',
        "Fano-Provenance": done.provenance,
        "Cache-Control": "no-store",
    }
    return Response(done.content, headers=headers, media_type=done.media_type)


def _format(name: str) -> Literal["json", "csv"]:
    if name == "json":
        return "json"
    if name == "csv":
        return "csv"
    raise InvalidParameters.of("format", f"estimates are saved as csv or json, not as {name[:20]!r}")
