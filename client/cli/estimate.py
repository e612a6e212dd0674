"""`fano estimate`: the histogram, never a number without its interval, n and epsilon."""

import csv
import sys
from typing import Any

import click

from client.cli.histogram import interval_picture, picture_scale, shown_percent
from client.cli.options import (
    admin_client,
    confidence_option,
    format_option,
    json_option,
    selection_options,
    service_options,
)
from client.cli.output import print_json, print_table, say, speaks_unicode
from ldp_core.estimation.post_processing import POST_PROCESSES

__all__ = ["estimate"]

_TABLE_ROWS = 20
_FIELDS = (
    "item",
    "index",
    "estimate",
    "standard_error",
    "low",
    "high",
    "low_simultaneous",
    "high_simultaneous",
    "above_noise_floor",
)


@click.command()
@click.argument("collection_id", metavar="COLLECTION")
@click.option("--decoder", help="dynamic_programming (the default), singer or enumeration: they agree bit for bit.")
@confidence_option
@selection_options
@click.option(
    "--top", type=click.IntRange(min=1), help="Only the largest; 20 in a table, all in csv and json by default."
)
@click.option(
    "--post",
    multiple=True,
    type=click.Choice(list(POST_PROCESSES)),
    help="Post-processed shares beside the raw ones; may be repeated. Intervals belong to the raw ones.",
)
@format_option
@service_options
@json_option
def estimate(
    collection_id: str,
    decoder: str | None,
    confidence: float,
    top: int | None,
    post: tuple[str, ...],
    window: str | None,
    cohort: str | None,
    version: int | None,
    layout: str,
    url: str,
    token: str,
    as_json: bool,
) -> None:
    """The histogram of a collection, every number with its interval."""
    layout = "json" if as_json else layout
    rows = top or (_TABLE_ROWS if layout == "table" else None)
    with admin_client(url, token) as admin:
        document = admin.estimates(
            collection_id,
            decoder=decoder,
            confidence=confidence,
            top=rows,
            post=post,
            window=window,
            cohort=cohort,
            version=version,
        )
    if layout == "json":
        print_json(document)
    elif layout == "csv":
        _print_csv(document, post)
    else:
        _print_table(document, post)


def _print_csv(document: dict[str, Any], post: tuple[str, ...]) -> None:
    """One row for each item; n, epsilon and confidence stand in every row, so that no row can lose them."""
    shared = [document["n"], document["epsilon"], document["confidence"]]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([*_FIELDS, *(f"post_{name}" for name in post), "n", "epsilon", "confidence"])
    for item in document["items"]:
        processed = (item["post"][name] for name in post)
        writer.writerow([*(item[field] for field in _FIELDS), *processed, *shared])


def _print_table(document: dict[str, Any], post: tuple[str, ...]) -> None:
    items = document["items"]
    scale = picture_scale(items)
    interval = f"{100 * document['confidence']:g} % interval"
    print_table(
        ["item", "estimate", interval, "", "above noise", *post],
        [
            [
                item["item"],
                shown_percent(item["estimate"]),
                f"{shown_percent(item['low'])} … {shown_percent(item['high'])}",
                interval_picture(item["low"], item["estimate"], item["high"], scale=scale, unicode=speaks_unicode()),
                "yes" if item["above_noise_floor"] else "no",
                *(shown_percent(item["post"][name]) for name in post),
            ]
            for item in items
        ],
        right=("estimate", interval, *post),
    )
    say(_about(document))


def _about(document: dict[str, Any]) -> str:
    canaries = document["canaries"]
    of = "".join(f" of {name} {document[name]}" for name in ("window", "cohort") if document.get(name) is not None)
    alarm = (
        "they raise an alarm: some phones sent what no honest phone sends" if canaries["alarm"] else "they are quiet"
    )
    return (
        f"n = {document['n']:,} reports{of}, epsilon = {document['epsilon']}, {document['domain_size']:,} items, "
        f"decoder {document['decoder']} in {document['decode_seconds']:.2f} s. "
        f"An estimate above {shown_percent(document['noise_floor'])} is more than noise; below zero is noise around zero. "
        f"Canaries: {canaries['count']:,}, {alarm}."
    )
