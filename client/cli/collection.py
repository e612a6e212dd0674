"""`fano collection`: from draft to closed."""

import json
from pathlib import Path
from typing import Any

import click

from client.cli.key import key
from client.cli.labels import labels
from client.cli.options import admin_client, json_option, parameter_option, service_options
from client.cli.output import print_json, print_table, say
from client.cli.over_windows import compare, series

__all__ = ["collection"]

_LABELS = " --labels-file FILE"


@click.group()
def collection() -> None:
    """Create, list, open, pause, close and delete collections, and keep their write keys."""


@collection.command()
@click.option("--name", required=True, help="A short name for people.")
@click.option("--question", required=True, help="What the phones are asked.")
@click.option(
    "--items-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The answers: one on each line, or a JSON list in a file that ends in .json.",
)
@click.option("--domain-size", type=click.IntRange(min=2), help="Without items: phones answer an index below this.")
@click.option(
    "--population",
    type=click.Choice(["words", "emoji"]),
    help="Answers for a simulation: frequent English words or emoji.",
)
@click.option(
    "--population-items", type=click.IntRange(min=2), help="How many of them; all emoji or 20,000 words by default."
)
@click.option(
    "--label-rows",
    type=click.IntRange(min=1),
    help="In place of answers: a private label of each of so many rows that you know. The row is not private.",
)
@click.option("--label-bound", help='With --label-rows: labels are clipped to -BOUND..BOUND, such as "2".')
@click.option("--epsilon", required=True, help='Privacy loss of one report, exactly: 1, "0.5" or "1/3".')
@click.option("--mechanism", help="See `fano mechanisms`; projective_geometry by default.")
@parameter_option
@click.option("--window", help='How finely time is kept: "PT1H", "P1D" (the default), "P1W".')
@click.option("--min-reports", type=click.IntRange(min=0), help="Estimates are withheld below this many reports.")
@click.option(
    "--cohort", "cohorts", multiple=True, help="A cohort of which every report states one; repeat it. Not private."
)
@click.option("--opens-at", help="When it opens by itself, such as 2027-01-31T00:00:00Z.")
@click.option("--closes-at", help="When it closes by itself.")
@click.option("--retention", help='How long after its window a batch is still taken: "P28D" by default.')
@click.option("--open", "opened", is_flag=True, help="Open it at once; its terms are frozen from then on.")
@service_options
@json_option
def create(
    *,
    items_file: Path | None,
    domain_size: int | None,
    population: str | None,
    population_items: int | None,
    label_rows: int | None,
    label_bound: str | None,
    opened: bool,
    url: str,
    token: str,
    as_json: bool,
    **described: Any,
) -> None:
    """Create a draft, or with --open a collection that phones may answer; its write key is shown now and never again."""
    if sum(choice is not None for choice in (items_file, domain_size, population, label_rows)) != 1:
        raise click.UsageError(
            "give the answers by exactly one of --items-file, --domain-size and --population, or --label-rows"
        )
    if (label_rows is None) != (label_bound is None):
        raise click.UsageError("--label-rows and --label-bound belong together")
    labels: dict[str, int | str] | None = None
    if label_rows is not None and label_bound is not None:
        labels = {"rows": label_rows, "bound": label_bound}
    items = _items(items_file, population, population_items)
    with admin_client(url, token) as admin:
        created = admin.create(items=items, domain_size=domain_size, labels=labels, **described)
        if opened:
            created |= admin.open(created["id"])
    if as_json:
        print_json(created)
        return
    _print_collections([created])
    _say_created(created, labelled=labels is not None)


def _say_created(created: dict[str, Any], *, labelled: bool) -> None:
    """What was made, its key, and what to do next, as commands that run as they stand."""
    plan = created.get("plan", {})
    say(
        f"Created {created['id']}, {created['state']}: {' '.join([created['mechanism'], _spelled(created['parameters'])]).strip()}, "
        f"{plan.get('report_bits', '?')} bits in a report, error {plan.get('total_error_over_optimum', float('nan')):.3f} x the optimum."
    )
    say(f"Write key, shown only now: {created['write_key']}")
    if created["state"] == "draft":
        say(f"Next: fano collection open {created['id']}")
    else:
        say(
            f"Next: ship the key in the app, or try it: fano simulate {created['id']} --make-key{_LABELS if labelled else ''}"
        )


def _items(items_file: Path | None, population: str | None, count: int | None) -> list[str] | None:
    if population is not None:
        from client.simulation.population import by_name

        return list(by_name(population, count).items)
    if items_file is None:
        return None
    text = items_file.read_text(encoding="utf-8")
    if items_file.suffix != ".json":
        return [line for line in text.splitlines() if line]
    try:
        items = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"{items_file} is not JSON: {error}") from error
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise click.UsageError(f'{items_file} must hold a JSON list of strings such as ["yes", "no"]')
    return items


@collection.command("list")
@service_options
@json_option
def list_(url: str, token: str, as_json: bool) -> None:
    """List all collections."""
    with admin_client(url, token) as admin:
        found = admin.collections()
    if as_json:
        print_json({"collections": found})
    elif found:
        _print_collections(found)
    else:
        say("No collection yet. Create one with: fano collection create")


@collection.command()
@click.argument("collection_id", metavar="COLLECTION")
@service_options
@json_option
def show(collection_id: str, url: str, token: str, as_json: bool) -> None:
    """Show everything about one collection."""
    with admin_client(url, token) as admin:
        found = admin.collection(collection_id)
    if as_json:
        print_json(found)
    else:
        print_table(["field", "value"], [[key, _spelled(value)] for key, value in found.items()])


def _move_command(move: str, says: str) -> click.Command:
    @click.command(move, help=says)
    @click.argument("collection_id", metavar="COLLECTION")
    @service_options
    @json_option
    def command(collection_id: str, url: str, token: str, as_json: bool) -> None:
        with admin_client(url, token) as admin:
            moved = getattr(admin, move)(collection_id)
        if as_json:
            print_json(moved)
        else:
            say(f"{moved['id']} is {moved['state']}.")

    return command


@collection.command()
@click.argument("collection_id", metavar="COLLECTION")
@click.confirmation_option(prompt="Delete it with all its reports, for ever?", help="Do not ask.")
@service_options
@json_option
def delete(collection_id: str, url: str, token: str, as_json: bool) -> None:
    """Delete a collection with all its reports, for ever."""
    with admin_client(url, token) as admin:
        admin.delete(collection_id)
    if as_json:
        print_json({"id": collection_id, "deleted": True})
    else:
        say(f"{collection_id} is deleted; what is left of it is removed by and by.")


collection.add_command(key)
collection.add_command(labels)
collection.add_command(series)
collection.add_command(compare)
collection.add_command(_move_command("open", "Let phones report to a draft or a paused collection."))
collection.add_command(_move_command("pause", "Let phones keep their reports until it opens again."))
collection.add_command(_move_command("close", "End a collection for good; its estimates stay."))


def _print_collections(found: list[dict[str, Any]]) -> None:
    columns = ["id", "name", "state", "reports", "items", "epsilon", "mechanism"]
    rows = [
        [
            one["id"],
            one["name"],
            one["state"],
            f"{one.get('n', 0):,}",
            f"{one['domain_size']:,}",
            str(one["epsilon"]),
            one["mechanism"],
        ]
        for one in found
    ]
    print_table(columns, rows, right=("reports", "items", "epsilon"))


def _spelled(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{key}={inner}" for key, inner in value.items())
    return str(value)
