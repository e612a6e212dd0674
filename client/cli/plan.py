"""`fano plan`: before anything is asked."""

from typing import Any

import click

from client.cli.mechanisms import ranking_table
from client.cli.options import json_option
from client.cli.output import print_json, print_table, say
from ldp_core.planning import make_plan

__all__ = ["plan"]


@click.command()
@click.option(
    "--epsilon", help='Privacy loss of one report, exactly: 1, "0.5" or "1/3". Left out: found from --phones.'
)
@click.option("--items", type=click.IntRange(min=2), required=True, help="Number of possible answers.")
@click.option("--phones", type=click.IntRange(min=1), help="How many will answer.")
@click.option(
    "--target",
    type=click.FloatRange(0, 100, min_open=True, max_open=True),
    default=1.0,
    show_default=True,
    help="Wanted precision in percentage points: ± this much.",
)
@click.option(
    "--confidence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.95,
    show_default=True,
    help="Of that precision.",
)
@json_option
def plan(epsilon: str | None, items: int, phones: int | None, target: float, confidence: float, as_json: bool) -> None:
    """Which mechanism, how much error, how many phones: before anything is asked.

    With --epsilon it says how many phones reach the target. With --phones and no --epsilon it finds the smallest epsilon
    with which they do.
    """
    document = make_plan(items, epsilon=epsilon, phones=phones, target=target / 100, confidence=confidence)
    if as_json:
        print_json(document)
        return
    say(f"{document['headline']} at epsilon = {document['epsilon']} with {items:,} items.")
    print_table(["what", "value"], _rows(document))
    ranking_table(document["ranking"])


def _rows(d: dict[str, Any]) -> list[list[str]]:
    spelled = ", ".join(f"{key} = {value}" for key, value in d["parameters"].items())
    target = f"{100 * d['target']:g}"
    points = f"± {target} {'point' if target == '1' else 'points'}"
    rows = [
        ["mechanism", f"{d['mechanism']}{f' ({spelled})' if spelled else ''}: {d['reason']}"],
        ["epsilon", f"{d['epsilon']}: no message is over {d['odds']:.4g} times likelier for one answer than another"],
        ["report", f"{d['report_bits']} bits, one of {d['report_space']:,} messages"],
        [f"phones for {points}", f"{d['phones_for_target']:,} for a rare item"],
        ["", f"{d['phones_for_target_any_item']:,} for any item"],
        ["", f"{d['phones_for_target_simultaneous']:,} for all items together"],
    ]
    if d["precision"]:
        p = d["precision"]
        rows.append([f"with {p['phones']:,} phones", f"± {100 * p['half_width_rare_item']:.3f} points for a rare item"])
        rows.append(["", f"± {100 * p['half_width_simultaneous']:.3f} points for all items together"])
    return rows
