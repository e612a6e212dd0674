"""`fano collection series` and `compare`: what changed, over windows and between cohorts."""

from typing import Any

import click

from client.cli.histogram import shown_percent
from client.cli.options import (
    admin_client,
    confidence_option,
    json_option,
    selection_options,
    service_options,
    version_option,
)
from client.cli.output import print_json, print_table, say

__all__ = ["compare", "series"]


@click.command()
@click.argument("collection_id", metavar="COLLECTION")
@click.option(
    "--item", "items", multiple=True, required=True, help="Its text, or its index where there are no texts; repeat it."
)
@selection_options
@confidence_option
@service_options
@json_option
def series(
    collection_id: str,
    items: tuple[str, ...],
    window: str | None,
    cohort: str | None,
    version: int | None,
    confidence: float,
    url: str,
    token: str,
    as_json: bool,
) -> None:
    """Items window by window, every number with its interval."""
    with admin_client(url, token) as admin:
        document = admin.series(
            collection_id, items, window=window, cohort=cohort, version=version, confidence=confidence
        )
    if as_json:
        print_json(document)
        return
    interval = f"{100 * confidence:g} % interval"
    columns = ["window", "begins", "n", "item", "estimate", interval]
    print_table(columns, [row for one in document["windows"] for row in _rows(one)], right=("n", "estimate", interval))
    withheld = sum(one["withheld"] for one in document["windows"])
    say(
        f"{len(document['windows'])} window{'' if len(document['windows']) == 1 else 's'} with reports, epsilon = {document['epsilon']}; {withheld} withheld, "
        f"below {document['min_reports']:,} reports."
    )


def _rows(one: dict[str, Any]) -> list[list[str]]:
    head = [str(one["window"]), one["start"] or "", f"{one['n']:,}"]
    if one["withheld"]:
        return [[*head, "", "withheld", ""]]
    return [[*head, item["item"], shown_percent(item["estimate"]), _interval(item)] for item in one["items"]]


def _interval(number: dict[str, Any]) -> str:
    return f"{shown_percent(number['low'])} … {shown_percent(number['high'])}"


@click.command()
@click.argument("collection_id", metavar="COLLECTION")
@click.option("--first-window", help='The first side: "20000" or "20000..20006"; all windows by default.')
@click.option("--first-cohort", help="The first side: a cohort by its name; all together by default.")
@click.option("--second-window", help="The second side, which shares no report with the first.")
@click.option("--second-cohort", help="The second side.")
@click.option("--top", type=click.IntRange(min=1), default=20, show_default=True, help="Only the largest changes.")
@version_option
@confidence_option
@service_options
@json_option
def compare(
    collection_id: str,
    first_window: str | None,
    first_cohort: str | None,
    second_window: str | None,
    second_cohort: str | None,
    top: int,
    version: int | None,
    confidence: float,
    url: str,
    token: str,
    as_json: bool,
) -> None:
    """Which items differ between two windows or cohorts, and how sure that is."""
    first, second = _side(first_window, first_cohort), _side(second_window, second_cohort)
    with admin_client(url, token) as admin:
        document = admin.compare(collection_id, first, second, confidence=confidence, top=top, version=version)
    if as_json:
        print_json(document)
        return
    interval = f"{100 * confidence:g} % interval"
    print_table(
        ["item", "first", "second", "difference", interval, "p (Holm)", "differs"],
        [
            [
                item["item"],
                *(shown_percent(item[name]) for name in ("first", "second", "difference")),
                _interval(item),
                f"{item['p_holm']:.2g}",
                "yes" if item["significant"] else "no",
            ]
            for item in document["items"]
        ],
        right=("first", "second", "difference", interval, "p (Holm)"),
    )
    say(
        f"n = {document['first']['n']:,} and {document['second']['n']:,} reports, epsilon = {document['epsilon']}. "
        + _verdict(document["significant"], document["comparisons"], confidence)
    )


def _verdict(significant: int, comparisons: int, confidence: float) -> str:
    """How many items differ, in a sentence.

    >>> _verdict(0, 4, 0.95), _verdict(1, 4, 0.95)
    ('At 95 % confidence none of the 4 items differs.', 'Of 4 items 1 differs; with 95 % confidence that is no mistake.')
    """
    if not significant:
        return f"At {100 * confidence:g} % confidence none of the {comparisons:,} items differs."
    differ, mistake = (
        ("differs", "that is no mistake") if significant == 1 else ("differ", "none of these is a mistake")
    )
    return f"Of {comparisons:,} items {significant:,} {differ}; with {100 * confidence:g} % confidence {mistake}."


def _side(window: str | None, cohort: str | None) -> dict[str, str]:
    return {name: value for name, value in (("window", window), ("cohort", cohort)) if value is not None}
