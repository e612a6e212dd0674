"""`fano mechanisms`: what there is to choose from."""

import click

from client.cli.options import json_option
from client.cli.output import print_json, print_table, say
from ldp_core.planning import describe, rank_mechanisms

__all__ = ["mechanisms", "ranking_table"]


@click.command()
@click.option("--epsilon", default="1", show_default=True, help="Privacy loss of one report.")
@click.option(
    "--items", type=click.IntRange(min=2), default=1_000, show_default=True, help="Number of possible answers."
)
@json_option
def mechanisms(epsilon: str, items: int, as_json: bool) -> None:
    """The mechanisms, ranked by exact error at one epsilon and domain."""
    ranking = [describe(entry) for entry in rank_mechanisms(epsilon, items)]
    if as_json:
        print_json({"mechanisms": ranking})
        return
    ranking_table(ranking)
    say(
        f"At epsilon = {epsilon} with {items:,} items. Error is the exact total squared error; 1 is the least possible."
    )


def ranking_table(ranking: list[dict[str, object]]) -> None:
    """One row for each mechanism, best first."""
    print_table(
        ["mechanism", "parameters", "bits", "error / optimum", "decode operations", "for collections"],
        [_row(entry) for entry in ranking],
        right=("bits", "error / optimum", "decode operations"),
    )


def _row(entry: dict[str, object]) -> list[str]:
    parameters = entry["parameters"]
    assert isinstance(parameters, dict)
    return [
        str(entry["mechanism"]),
        " ".join(f"{key}={value}" for key, value in parameters.items()),
        str(entry["report_bits"]),
        f"{entry['over_optimum']:.4f}",
        f"{entry['decode_cost']:,}",
        "yes" if entry["usable"] else "no",
    ]
