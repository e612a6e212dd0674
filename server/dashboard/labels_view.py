"""What a collection of labels has found, for its page."""

import asyncio
from dataclasses import dataclass

from starlette.responses import Response

from ldp_core.labels import RowLabels
from ldp_core.mechanisms import Tally
from server.dashboard import words
from server.dashboard.visits import Visit
from server.refusals import NotEnoughReports
from server.services.estimate_pages import EstimatePage
from server.services.estimates import Asked
from server.services.label_views import LabelView, label_estimate, required_labels
from server.services.services import Services
from server.services.specs import labels_of
from server.storage.collections import CollectionRow

__all__ = ["LabelsFound", "ends_headline", "ends_summary", "export_labels", "labels_found"]


@dataclass(frozen=True)
class LabelsFound:
    """headline: the mean label with its interval · detail: of how many rows."""

    headline: str
    detail: str


async def labels_found(services: Services, row: CollectionRow, asked: Asked) -> LabelsFound | None:
    """The mean label of a collection of labels; None for a histogram, and while no row was reported."""
    if labels_of(row.spec) is None:
        return None
    try:
        return await asyncio.wrap_future(services.estimates.counted(row.id, asked, _found, row.version))
    except NotEnoughReports:
        return None


def _found(row: CollectionRow, tally: Tally, _window: str | None) -> LabelsFound:
    labels = required_labels(row)
    estimate = label_estimate(labels, tally)
    mean, low, high = (words.signed(value, estimate.standard_error) for value in (estimate.mean, *estimate.interval()))
    reported = f"{words.count(len(estimate.labels))} of {words.count(labels.rows)} rows were reported once"
    repeated = f", and {words.count(estimate.repeated)} more than once, which are left out" if estimate.repeated else ""
    return LabelsFound(
        f"The mean label is {mean} ({low} to {high}).",
        f"{reported}{repeated}. One row alone says little: its estimate is ±{estimate.magnitude:.2f}, whatever its label.",
    )


def ends_headline(page: EstimatePage, labels: RowLabels) -> str:
    """What the picture of the two ends shows: every phone rounds its label to one of them."""
    row = page.leader.row
    here, there = (_end(labels.ends[index]) for index in (row.index, 1 - row.index))
    return f"{words.share_text(row)} of the labels ({words.interval_text(row)}) were rounded to {here}, the others to {there}."


def ends_summary(labels: RowLabels) -> str:
    """What the two shares have to do with the mean: it is B times the upper share less B times the lower one."""
    return f"The mean of these labels is {labels.ends[1]} times the difference of the two shares."


def _end(text: str) -> str:
    return text.replace("-", words.MINUS)


async def export_labels(visit: Visit) -> Response:
    """Every label as CSV, to be saved as a file."""
    row, _ = await visit.collection()
    asked, view = Asked(window=visit.query.text("window") or None), LabelView(format="csv")
    done = await asyncio.wrap_future(visit.services.estimates.counted(row.id, asked, view.render, row.version))
    headers = {
        "Content-Disposition": f'attachment; filename="labels-{row.id}.csv"',
        "Fano-Provenance": done.provenance,
        "Cache-Control": "no-store",
    }
    return Response(done.content, headers=headers, media_type=done.media_type)
