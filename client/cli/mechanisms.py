"""`fano mechanisms`: what there is to choose from."""

import click

from client.cli.options import json_option
from client.cli.output import print_json, print_table, say
from client.cli.planning import described
from ldp_core.mechanisms import create, list_mechanisms

__all__ = ["mechanisms"]


@click.command()
@click.option("--epsilon", default="1", show_default=True, help="Privacy loss of one report.")
@click.option(
    "--items", type=click.IntRange(min=2), default=1_000, show_default=True, help="Number of possible answers."
)
@json_option
def mechanisms(epsilon: str, items: int, as_json: bool) -> None:
    """The mechanisms, and what each costs at one epsilon and domain."""
    found = [described(create(name, epsilon=epsilon, domain_size=items)) for name in list_mechanisms()]
    if as_json:
        print_json({"mechanisms": found})
        return
    print_table(
        ["mechanism", "parameters", "messages", "bits", "error / optimum", "decoders"],
        [
            [
                one["mechanism"],
                " ".join(f"{key}={value}" for key, value in one["parameters"].items()),
                f"{one['report_space']:,}",
                str(one["report_bits"]),
                f"{one['total_error_over_optimum']:.4f}",
                ", ".join(one["decoders"]),
            ]
            for one in found
        ],
        right=("messages", "bits", "error / optimum"),
    )
    say(f"At epsilon = {epsilon} with {items:,} items. Error is the exact total squared error.")
