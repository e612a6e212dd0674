"""`fano collection labels`: the mean of private labels and the label of each row, every number with its interval."""

import csv
import sys
from collections.abc import Iterator
from typing import Any, TypeAlias

import click

from client.cli.options import (
    admin_client,
    confidence_option,
    format_option,
    json_option,
    service_options,
    version_option,
    window_option,
)
from client.cli.output import print_json, print_table, say
from client.rest import AdminClient
from client.sdk.errors import ServiceRefusal
from ldp_core.labels import OneBitOutcome

__all__ = ["labels"]

_TABLE_ROWS = 20

Line: TypeAlias = tuple[int, int, float, float, float]
"""Row, bit, estimate, and the two ends of its interval."""


@click.command()
@click.argument("collection_id", metavar="COLLECTION")
@click.option(
    "--rows",
    "count",
    type=click.IntRange(min=0),
    help="Only the first so many rows, 0 for the mean alone; 20 in a table, all in csv and json by default.",
)
@window_option
@version_option
@confidence_option
@format_option
@service_options
@json_option
def labels(
    collection_id: str,
    count: int | None,
    window: str | None,
    version: int | None,
    confidence: float,
    layout: str,
    url: str,
    token: str,
    as_json: bool,
) -> None:
    """The mean label of a collection of labels, and the label of each row."""
    layout = "json" if as_json else layout
    count = _TABLE_ROWS if count is None and layout == "table" else count
    with admin_client(url, token) as admin:
        try:
            document = admin.labels(
                collection_id, window=window, version=version, confidence=confidence, rows=count != 0
            )
        except ServiceRefusal as refusal:
            if refusal.problem.slug in ("not-enough-reports", "invalid-parameters"):
                _require_labels(admin, collection_id)  # without reports, the service speaks of that first
            raise
    shown = {**document, **{name: document[name][:count] for name in ("row_numbers", "bits")}}
    if layout == "json":
        print_json(shown)
    elif layout == "csv":
        _print_csv(shown)
    else:
        _print_table(shown)


def _require_labels(admin: AdminClient, collection_id: str) -> None:
    if admin.collection(collection_id)["labels"] is None:
        raise click.ClickException(
            f"{collection_id} gathers a histogram and no labels; show it with: fano estimate {collection_id}"
        )


def _lines(document: dict[str, Any]) -> Iterator[Line]:
    """The rows of a document. What a bit stands for follows from epsilon and the bound."""
    outcome = OneBitOutcome(document["epsilon"], document["bound"])
    intervals = [outcome.interval(bit, document["confidence"]) for bit in (0, 1)]
    for row, bit in zip(document["row_numbers"], document["bits"], strict=True):
        yield row, bit, document["magnitude"] * (2 * bit - 1), *intervals[bit]


def _print_csv(document: dict[str, Any]) -> None:
    """One line for each row; n, epsilon and confidence stand in every one, so that none can lose them."""
    shared = [document["n"], document["epsilon"], document["confidence"]]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(["row", "bit", "estimate", "low", "high", "n", "epsilon", "confidence"])
    writer.writerows([*line, *shared] for line in _lines(document))


def _print_table(document: dict[str, Any]) -> None:
    interval = f"{100 * document['confidence']:g} % interval"
    mean = ["mean", *_numbers(document["mean"], document["low"], document["high"])]
    rows = [[f"{row:,}", *_numbers(estimate, low, high)] for row, _, estimate, low, high in _lines(document)]
    print_table(["row", "estimate", interval], [mean, *rows], right=("row", "estimate", interval))
    say(_about(document))


def _numbers(estimate: float, low: float, high: float) -> list[str]:
    return [f"{estimate:.4g}", f"{low:.4g} … {high:.4g}"]


def _about(document: dict[str, Any]) -> str:
    of = "" if document["window"] is None else f" of window {document['window']}"
    repeated = document["rows_repeated"]
    left_out = f", {repeated:,} more than once and left out" if repeated else ""
    return (
        f"n = {document['n']:,} reports{of}, epsilon = {document['epsilon']}. {document['rows_reported']:,} of {document['rows']:,} rows "
        f"were reported once{left_out}; {len(document['bits']):,} are shown. Labels lie in -{document['bound']} … {document['bound']}; one row alone "
        f"says little: its estimate is unbiased, and ±{document['magnitude']:.4g} whatever its label."
    )
