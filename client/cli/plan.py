"""`fano plan`: before anything is asked."""

import math

import click

from client.cli.options import json_option
from client.cli.output import print_json, print_table
from client.cli.planning import described, phones_for
from ldp_core.mechanisms import create, list_mechanisms

__all__ = ["plan"]


@click.command()
@click.option("--epsilon", required=True, help='Privacy loss of one report, exactly: 1, "0.5" or "1/3".')
@click.option("--items", type=click.IntRange(min=2), required=True, help="Number of possible answers.")
@click.option("--phones", type=click.IntRange(min=1), default=10_000, show_default=True, help="How many will answer.")
@click.option(
    "--target",
    type=click.FloatRange(0, 100, min_open=True),
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
def plan(epsilon: str, items: int, phones: int, target: float, confidence: float, as_json: bool) -> None:
    """Which mechanism, how much error, how many phones: before anything is asked."""
    built = [create(name, epsilon=epsilon, domain_size=items) for name in list_mechanisms()]
    chosen = min(built, key=lambda mechanism: described(mechanism)["total_error_over_optimum"])
    document = described(chosen) | {
        "phones": phones,
        "standard_error": math.sqrt(chosen.variance(phones, 0.0)),
        "standard_error_everybody": math.sqrt(chosen.variance(phones, 1.0)),
        "target_points": target,
        "confidence": confidence,
        "phones_for_target_rare_item": phones_for(chosen, target / 100, confidence, 0.0),
        "phones_for_target_any_item": max(phones_for(chosen, target / 100, confidence, f) for f in (0.0, 1.0)),
    }
    if as_json:
        print_json(document)
        return
    print_table(["what", "value"], _rows(document))


def _rows(document: dict[str, object]) -> list[list[str]]:
    d = document
    parameters = d["parameters"]
    assert isinstance(parameters, dict)
    spelled = ", ".join(f"{key} = {value}" for key, value in parameters.items())
    return [
        ["mechanism", f"{d['mechanism']} ({spelled})"],
        [
            "epsilon",
            f"{d['epsilon']}: no message is more than {d['likelihood_ratio_float']:.4g} times likelier under one answer than under another",
        ],
        ["report", f"{d['report_bits']} bits, one of {d['report_space']:,} messages"],
        ["error over the optimum", f"{d['total_error_over_optimum']:.4f}"],
        [
            "standard error",
            f"± {100 * float(str(d['standard_error'])):.3f} points from {d['phones']:,} phones, for a rare item",
        ],
        [
            f"phones for ± {d['target_points']:g} points",
            f"{d['phones_for_target_rare_item']:,} for a rare item, {d['phones_for_target_any_item']:,} for any item "
            f"({100 * float(str(d['confidence'])):g} % confidence)",
        ],
    ]
